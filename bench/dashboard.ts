/**
 * What the dashboard costs: the supervisor's CPU and memory while three processes log 10,000 zap lines a second each, how long a key takes
 * to become a frame, and whether every line is in the history. Run on the built command, in a pseudo-terminal.
 *
 *   npm run bench -- dashboard [--seconds 60] [--rate 10000] [--lines]     --lines: the same without the dashboard
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { spawn } from '@lydell/node-pty';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '10000' },
    lines: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const processes = 3;
/** Start-up and compilation are not what this measures. */
const warmUpMs = 4_000;
const keyEveryMs = 700;
const clockTicks = 100;

/** Writes at a rate that does not drift, and says at its end how much it was. */
const generator = `
const [rate, file] = [Number(process.argv[2]), process.argv[3]];
const { writeFileSync } = require('node:fs');
let sent = 0;
const start = performance.now();
const line = () => JSON.stringify({ level: sent % 97 === 0 ? 'warn' : 'info', ts: new Date().toISOString(),
  caller: 'etcdserver/server.go:1234', msg: 'applied request', 'request-id': sent++, 'took': '1.234ms', 'member': '8211f1d0f64f3269', 'response': 'size:42' }) + '\\n';
const timer = setInterval(() => {
  const due = Math.min(rate, Math.floor((performance.now() - start) / 1000 * rate) - sent);
  if (process.stdout.writableLength > 1 << 20) return;
  let text = '';
  for (let i = 0; i < due; i++) text += line();
  if (text !== '') process.stdout.write(text);
}, 10);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { clearInterval(timer); writeFileSync(file, String(sent)); process.stdout.write('', () => process.exit(0)); });
`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'clusterctl-bench-'));
mkdirSync(join(folder, 'run'), { mode: 0o700 });
writeFileSync(join(folder, 'generate.cjs'), generator);
const entries = Array.from(
  { length: processes },
  (_, at) => `gen${at + 1}: exec node generate.cjs ${values.rate} sent${at + 1}\n`,
);
writeFileSync(join(folder, 'Procfile'), entries.join(''));

const args = ['start', '--history-size', '1G', ...(values.lines ? ['--tui=false'] : [])];
const pty = spawn(join(root, 'bin', 'clusterctl'), args, {
  cols: 120,
  rows: 50,
  cwd: folder,
  name: 'xterm-256color',
  env: {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    XDG_RUNTIME_DIR: join(folder, 'run'),
    XDG_STATE_HOME: join(folder, 'state'),
  },
});
let bytes = 0;
let recent = '';
let onData = () => {};
pty.onData((text) => {
  bytes += text.length;
  recent = (recent + text).slice(-64_000);
  onData();
});
const ended = new Promise<void>((resolve) => pty.onExit(() => resolve()));

/** Of the supervisor itself, in milliseconds since it started. */
function cpuMs(): number {
  const stat = readFileSync(`/proc/${pty.pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / clockTicks;
}

function rssMb(): number {
  const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pty.pid}/status`, 'latin1')) ?? [];
  return Math.round(Number(kb) / 1024);
}

/** From the key to the first bytes of the frame that answers it. */
async function keyToFrameMs(): Promise<number> {
  recent = '';
  const start = performance.now();
  const shown = new Promise<number>((resolve) => {
    onData = () => {
      if (recent.includes('On the run')) resolve(performance.now() - start);
    };
  });
  pty.write('?');
  const ms = await Promise.race([shown, sleep(5_000, 5_000)]);
  onData = () => {};
  pty.write('?');
  return ms;
}

await sleep(warmUpMs);
const startMs = performance.now();
const cpuStart = cpuMs();
const bytesStart = bytes;
const keys: number[] = [];
const memory: number[] = [rssMb()];
while (performance.now() - startMs < seconds * 1_000) {
  await sleep(keyEveryMs);
  if (!values.lines) keys.push(await keyToFrameMs());
  if (performance.now() - startMs > (memory.length * seconds * 1_000) / 6) memory.push(rssMb());
}
const tookMs = performance.now() - startMs;
const cpu = (cpuMs() - cpuStart) / tookMs;
const written = (bytes - bytesStart) / tookMs;
pty.write(values.lines ? '\x03' : 'q');
await ended;

const sent = Array.from({ length: processes }, (_, at) => Number(readFileSync(join(folder, `sent${at + 1}`), 'utf8')));
const kept = countLines(join(folder, 'state'));
rmSync(folder, { recursive: true, force: true });
keys.sort((a, b) => a - b);
const at = (share: number) => (keys[Math.min(keys.length - 1, Math.floor(keys.length * share))] ?? 0).toFixed(0);
const total = sent.reduce((sum, one) => sum + one, 0);
console.log(
  `node ${process.versions.node}, ${cpus().length} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}, ${values.lines ? 'lines' : 'dashboard'} 120x50`,
);
console.log(`${processes} × ${values.rate} lines/s for ${(tookMs / 1_000).toFixed(0)} s`);
console.log(`CPU of the supervisor   ${(cpu * 100).toFixed(1)} % of a core`);
console.log(`to the terminal         ${written.toFixed(1)} KB/s`);
if (keys.length > 0)
  console.log(`key to frame            p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (${keys.length} keys)`);
console.log(`RSS over time           ${memory.join(', ')} MB`);
console.log(`lines sent, in history  ${total}, ${kept}${kept === total ? '' : ' — LINES ARE MISSING'}`);

/** Lines that a generator wrote, in all files below. */
function countLines(below: string): number {
  let count = 0;
  for (const entry of readdirSync(below, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = readFileSync(join(entry.parentPath, entry.name));
    for (let from = file.indexOf('{"level":"'); from >= 0; from = file.indexOf('{"level":"', from + 10)) count++;
  }
  return count;
}

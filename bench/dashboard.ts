/**
 * What a dashboard costs while three processes log 10,000 zap lines a second each: ours beside mprocs and process-compose, one after the
 * other in pseudo-terminals of 120×50. CPU and memory of the tool with all that it starts but the log's writers, how many lines they got
 * rid of, and for ours how long a key takes to become a frame, and whether every line is in the history. Ours is the built command.
 *
 *   npm run bench -- dashboard [--seconds 30] [--warm-up 10] [--rate 10000] [--history whole|default] [--only clusterctl]
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type IPty, spawn } from '@lydell/node-pty';

interface Tool {
  readonly name: string;
  readonly command: readonly string[];
  /** Written to the working folder: the command of each generator by name, in the tool's own way. */
  readonly file: string;
  readonly config: (commands: ReadonlyMap<string, string>) => string;
  /** Typed to end it; null: SIGTERM. */
  readonly quit: string | null;
  /** A key that opens something, and a part of what is seen then; the same key closes it. */
  readonly key: { readonly text: string; readonly shows: string } | null;
  /** It keeps the lines in files below its working folder. */
  readonly keepsLines: boolean;
}

interface Figures {
  /** Share of a core. */
  readonly cpu: number;
  readonly memoryMb: readonly number[];
  readonly keysMs: readonly number[];
  readonly kilobytesPerSecond: number;
  /** What the generators could write, from their start to their end; they do not wait for the tool but leave lines out. */
  readonly sent: number;
  readonly lifeMs: number;
  /** Null: it keeps none. */
  readonly kept: number | null;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    'warm-up': { type: 'string', default: '10' },
    rate: { type: 'string', default: '10000' },
    /** `whole`: 4 GiB a process, so that every line can be counted at the end; `default`: what `start` keeps unasked. */
    history: { type: 'string', default: 'whole' },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
/** Start-up and compilation are not what this measures. */
const warmUpMs = Number(values['warm-up']) * 1_000;
const processes = 3;
const size = { cols: 120, rows: 50 };
const memorySamples = 10;
const keyEveryMs = 300;
const keyPatienceMs = 5_000;
const endPatienceMs = 15_000;
const clockTicks = 100;
const mprocsVersion = '0.9.6';
const processComposeVersion = 'v1.122.1';

/** Writes at a rate that does not drift, and says every second and at its end how much it was. */
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
const report = () => writeFileSync(file, sent + ' ' + (performance.now() - start));
const reports = setInterval(report, 1000);
const end = () => { clearInterval(timer); clearInterval(reports); report(); process.stdout.write('', () => process.exit(0)); };
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = Array.from({ length: processes }, (_, at) => `gen${at + 1}`);

function tools(): readonly Tool[] {
  const procfile = (commands: ReadonlyMap<string, string>) =>
    [...commands].map(([name, command]) => `${name}: ${command}\n`).join('');
  const kept = values.history === 'default' ? [] : ['--history-size', '1G', '--history-files', '4'];
  const clusterctl = [join(root, 'bin', 'clusterctl'), 'start', ...kept];
  const ours = { file: 'Procfile', config: procfile, keepsLines: true };
  const help = { text: '?', shows: 'On the run' };
  const found: Tool[] = [
    { ...ours, name: 'clusterctl', command: clusterctl, quit: 'q', key: help },
    { ...ours, name: 'clusterctl, lines', command: [...clusterctl, '--tui=false'], quit: '\x03', key: null },
  ];
  const wanted = (name: string) => values.only === undefined || `${name} `.startsWith(`${values.only} `);
  const mprocs = wanted('mprocs') ? mprocsProgram() : null;
  if (mprocs !== null) {
    found.push({
      name: `mprocs ${mprocsVersion}`,
      command: [mprocs],
      file: 'mprocs.yaml',
      config: (commands) => yaml('procs', commands, 'shell'),
      quit: 'q',
      key: null,
      keepsLines: false,
    });
  }
  const processCompose = wanted('process-compose') ? processComposeProgram() : null;
  if (processCompose !== null) {
    found.push({
      name: `process-compose ${processComposeVersion}`,
      command: [processCompose, '--no-server', '-f', 'process-compose.yaml'],
      file: 'process-compose.yaml',
      config: (commands) => yaml('processes', commands, 'command'),
      quit: null,
      key: null,
      keepsLines: false,
    });
  }
  return found.filter((tool) => wanted(tool.name));
}

function yaml(section: string, commands: ReadonlyMap<string, string>, key: string): string {
  return `${section}:\n${[...commands].map(([name, command]) => `  ${name}:\n    ${key}: "${command}"\n`).join('')}`;
}

function cacheOf(name: string): string {
  const cache = join(tmpdir(), `clusterctl-bench-${name}-${process.getuid?.() ?? 0}`);
  mkdirSync(cache, { recursive: true });
  return cache;
}

/** The program itself, without the Node that its package starts it with. Null after saying why it cannot be had. */
function mprocsProgram(): string | null {
  const cache = cacheOf(`mprocs-${mprocsVersion}`);
  const npm = ['install', '--no-audit', '--no-fund', '--prefix', cache, `mprocs@${mprocsVersion}`];
  const isThere = existsSync(join(cache, 'node_modules', 'mprocs'));
  const installed = isThere ? null : spawnSync('npm', npm, { encoding: 'utf8' });
  try {
    return String(createRequire(join(cache, 'from.js'))('mprocs'));
  } catch (error) {
    console.log(`mprocs is skipped: ${installed?.stderr.trim().split('\n').at(-1) ?? error}`);
    return null;
  }
}

/** Null after saying why it cannot be had. */
function processComposeProgram(): string | null {
  const cache = cacheOf(`process-compose-${processComposeVersion}`);
  const program = join(cache, 'process-compose');
  if (existsSync(program)) return program;
  const path = `github.com/f1bonacc1/process-compose/src@${processComposeVersion}`;
  const go = spawnSync('go', ['install', path], { encoding: 'utf8', env: { ...process.env, GOBIN: cache } });
  // Its main package is in a folder of that name.
  if (go.status === 0) return join(cache, 'src');
  const reason = go.error === undefined ? go.stderr.trim().split('\n').join(' ') : 'no Go to build it';
  console.log(`process-compose is skipped: ${reason}`);
  return null;
}

/** A process that is left out is none of the tool's own. */
interface Usage {
  readonly cpuMs: ReadonlyMap<number, number>;
  readonly rssMb: number;
  readonly generators: readonly number[];
}

/** Of the process and everything that it has started, but the generators. */
function usageOf(pid: number): Usage {
  const cpuMs = new Map<number, number>();
  const generators: number[] = [];
  let rssMb = 0;
  const pids = [pid];
  for (const one of pids) {
    try {
      pids.push(...readFileSync(`/proc/${one}/task/${one}/children`, 'latin1').split(' ').filter(Boolean).map(Number));
      if (readFileSync(`/proc/${one}/cmdline`, 'latin1').startsWith('node\0generate.cjs\0')) {
        generators.push(one);
        continue;
      }
      const stat = readFileSync(`/proc/${one}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      cpuMs.set(one, ((Number(fields[11]) + Number(fields[12])) * 1_000) / clockTicks);
      rssMb += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'latin1'))?.[1] ?? 0) / 1024;
    } catch {
      // It has ended.
    }
  }
  return { cpuMs, rssMb: Math.round(rssMb), generators };
}

async function measure(tool: Tool): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-bench-'));
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  writeFileSync(join(folder, 'generate.cjs'), generator);
  const commands = new Map(names.map((name) => [name, `exec node generate.cjs ${values.rate} ${name}.sent`]));
  writeFileSync(join(folder, tool.file), tool.config(commands));
  const [program = '', ...args] = tool.command;
  const state = join(folder, 'state');
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, SHELL: '/bin/sh', TERM: 'xterm-256color' };
  const pty = spawn(program, args, {
    ...size,
    cwd: folder,
    name: env.TERM,
    env: { ...env, XDG_RUNTIME_DIR: join(folder, 'run'), XDG_STATE_HOME: state, XDG_CONFIG_HOME: folder },
  });
  const screen = new Screen(pty);
  const ended = new Promise<boolean>((resolve) => pty.onExit(() => resolve(true)));
  await sleep(warmUpMs);
  const startMs = performance.now();
  const begin = usageOf(pty.pid);
  const bytesBegin = screen.bytes;
  const keysMs: number[] = [];
  const memoryMb: number[] = [begin.rssMb];
  while (performance.now() - startMs < seconds * 1_000) {
    await sleep(keyEveryMs);
    if (tool.key !== null) keysMs.push(await screen.answerMs(tool.key.text, tool.key.shows));
    const isDue = performance.now() - startMs >= (memoryMb.length * seconds * 1_000) / memorySamples;
    if (isDue) memoryMb.push(usageOf(pty.pid).rssMb);
  }
  const tookMs = performance.now() - startMs;
  const end = usageOf(pty.pid);
  const kilobytesPerSecond = (screen.bytes - bytesBegin) / tookMs;
  let cpuMs = 0;
  for (const [pid, ms] of end.cpuMs) cpuMs += ms - (begin.cpuMs.get(pid) ?? 0);

  if (tool.quit === null) pty.kill('SIGTERM');
  else pty.write(tool.quit);
  if (!(await Promise.race([ended, sleep(endPatienceMs, false)]))) {
    console.log(`${tool.name} does not end: it is killed`);
    pty.kill('SIGKILL');
    for (const pid of end.generators) killIfThere(pid);
    await ended;
  }
  const reports = names.map((name) => readReport(join(folder, `${name}.sent`)));
  const kept = tool.keepsLines ? countLines(state) : null;
  rmSync(folder, { recursive: true, force: true });
  const sent = reports.reduce((sum, one) => sum + one.sent, 0);
  const lifeMs = Math.max(...reports.map((one) => one.lifeMs));
  return { cpu: cpuMs / tookMs, memoryMb, keysMs, kilobytesPerSecond, sent, lifeMs, kept };
}

/** What comes to the terminal. */
class Screen {
  bytes = 0;
  #recent = '';
  #onData = () => {};
  readonly #pty: IPty;

  constructor(pty: IPty) {
    this.#pty = pty;
    pty.onData((text) => {
      this.bytes += text.length;
      this.#recent = (this.#recent + text).slice(-64_000);
      this.#onData();
    });
  }

  /** From the key until what it `shows` has come; then it is pressed again. */
  async answerMs(key: string, shows: string): Promise<number> {
    this.#recent = '';
    const start = performance.now();
    const shown = new Promise<number>((resolve) => {
      this.#onData = () => {
        if (this.#recent.includes(shows)) resolve(performance.now() - start);
      };
    });
    this.#pty.write(key);
    const ms = await Promise.race([shown, sleep(keyPatienceMs, keyPatienceMs)]);
    this.#onData = () => {};
    this.#pty.write(key);
    return ms;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** What a generator said last. */
function readReport(file: string): { readonly sent: number; readonly lifeMs: number } {
  const [sent = 0, lifeMs = 0] = existsSync(file) ? readFileSync(file, 'utf8').split(' ').map(Number) : [];
  return { sent, lifeMs };
}

/** Lines that a generator wrote, in all files below. */
function countLines(below: string): number {
  const mark = '{"level":"';
  const buffer = Buffer.alloc(1 << 24);
  let count = 0;
  for (const entry of readdirSync(below, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const descriptor = openSync(join(entry.parentPath, entry.name), 'r');
    // What could be the beginning of a mark is looked at again with what follows.
    let held = 0;
    for (let read = -1; read !== 0; ) {
      read = readSync(descriptor, buffer, held, buffer.length - held, null);
      const bytes = buffer.subarray(0, held + read);
      for (let from = bytes.indexOf(mark); from >= 0; from = bytes.indexOf(mark, from + mark.length)) count++;
      held = Math.min(mark.length - 1, bytes.length);
      bytes.copy(buffer, 0, bytes.length - held);
    }
    closeSync(descriptor);
  }
  return count;
}

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

console.log(
  `Node ${process.versions.node}, ${cpus().length} cores, load ${load()}; ${size.cols}×${size.rows}, ${processes} × ${values.rate} lines/s, ` +
    `${seconds} s after ${warmUpMs / 1_000} s`,
);
const rows: string[] = [];
for (const tool of tools()) {
  const loadBefore = load();
  const { cpu, memoryMb, keysMs, kilobytesPerSecond, sent, lifeMs, kept } = await measure(tool);
  const sorted = [...keysMs].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
  const cells = [
    tool.name,
    (cpu * 100).toFixed(1),
    memoryMb.join(' '),
    keysMs.length === 0 ? '-' : `${at(0.5)}/${at(0.99)}/${at(1)} (${keysMs.length})`,
    kilobytesPerSecond.toFixed(0),
    lifeMs === 0 ? '-' : (sent / lifeMs).toFixed(1),
    keptText(kept, sent),
    `${loadBefore}–${load()}`,
  ];
  rows.push(`| ${cells.join(' | ')} |`);
}

function keptText(kept: number | null, sent: number): string {
  if (kept === null) return '-';
  if (kept === sent) return `all ${kept}`;
  return values.history === 'default' ? `the last ${kept}` : `${kept} of ${sent}: LINES ARE MISSING`;
}

console.log(
  '\n| | CPU % | RSS MB over time | key→frame ms p50/p99/max | KB/s out | k lines/s written | in history | load |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const row of rows) console.log(row);

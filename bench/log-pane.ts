/**
 * What the dashboard's log pane costs while three processes write 10,000 zap lines of 195 bytes a second each: share of a core at ten
 * frames a second, memory over time, and whether its count of lines is that of the files. `npm run bench -- log-pane [SECONDS [SCENE]]`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HistoryWriter } from '../src/supervisor/history.ts';
import { agesOf, historyFile, olderFile } from '../src/supervisor/history-files.ts';
import { decodeRecords } from '../src/supervisor/history-format.ts';
import { keymapOf } from '../src/ui/input/keymap.ts';
import { LogPane } from '../src/ui/logs/log-pane.ts';
import { themeOf } from '../src/ui/theme.ts';

const names = ['etcd1', 'etcd2', 'etcd3'];
const linesPerSecond = 10_000;
const stepMs = 10;
const frameMs = 100;
const size = { width: 120, height: 40 };
const limits = { fileBytes: 16 * 1024 * 1024, files: 100 };

function zapLine(at: number): string {
  const start = `{"level":"${at % 50 === 0 ? 'warn' : 'info'}","ts":"${new Date().toISOString()}","caller":"etcdserver/server.go:742","msg":"applied request","index":${at},"took":"1.2ms","pad":"`;
  return `${start.padEnd(192, 'x')}"}\n`;
}

/** The child: writes as the supervisor does. */
async function write(folder: string, seconds: number): Promise<void> {
  const writers = names.map((name) => new HistoryWriter(folder, name, limits));
  const start = performance.now();
  let written = 0;
  while (written < seconds * linesPerSecond) {
    const due = Math.min(seconds, (performance.now() - start) / 1000) * linesPerSecond;
    let block = '';
    for (; written < due; written++) block += zapLine(written);
    if (block !== '') for (const writer of writers) writer.append(Date.now(), 'o', Buffer.from(block));
    await setTimeout(stepMs);
  }
  await Promise.all(writers.map((writer) => writer.close()));
}

function linesOnDisk(folder: string, name: string): number {
  const file = historyFile(folder, name);
  const files = [...agesOf(folder, name).map((age) => olderFile(file, age)), file];
  return files
    .flatMap((one) => decodeRecords(readFileSync(one)).records)
    .reduce((lines, { block }) => lines + block.toString('latin1').split('\n').length - 1, 0);
}

interface Measured {
  readonly cpu: number;
  readonly frameMs: number;
  readonly rssStart: number;
  readonly rssEnd: number;
}

/** Draws frames until the child ends. */
async function watch(pane: LogPane, ended: Promise<unknown>): Promise<Measured> {
  const theme = themeOf('dark');
  let running = true;
  const end = ended.then(() => {
    running = false;
  });
  await setTimeout(1000); // the code is warm then
  const rssStart = process.memoryUsage().rss;
  const cpu = process.cpuUsage();
  const start = performance.now();
  let drawing = 0;
  let frames = 0;
  while (running) {
    const before = performance.now();
    if (pane.tick()) {
      pane.rows(size.width, size.height, theme);
      pane.status(size.width, theme);
    }
    drawing += performance.now() - before;
    frames++;
    await setTimeout(frameMs - (performance.now() - before));
  }
  await end;
  const used = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1000;
  return {
    cpu: (used.user + used.system) / 1e6 / seconds,
    frameMs: drawing / frames,
    rssStart,
    rssEnd: process.memoryUsage().rss,
  };
}

async function run(title: string, seconds: number, prepare: (pane: LogPane) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-log-pane-'));
  try {
    const child = spawn(process.execPath, [process.argv[1] ?? '', 'write', folder, String(seconds + 1)], {
      stdio: 'inherit',
    });
    const keymap = keymapOf();
    if (!keymap.ok) throw new Error('the defaults are keys');
    const pane = new LogPane({
      folder,
      host: { changed: () => {}, copy: () => {}, say: () => {}, handOver: (show) => show() },
      keymap: keymap.value,
      processes: () => names.map((name, colourIndex) => ({ name, colourIndex })),
      now: Date.now,
      environment: {},
    });
    prepare(pane);
    const measured = await watch(pane, once(child, 'exit'));
    do {
      pane.tick();
      await setTimeout(1);
    } while (pane.busy);
    const lines = names.reduce((sum, name) => sum + linesOnDisk(folder, name), 0);
    console.log(
      `${title}: ${(measured.cpu * 100).toFixed(1)} % of a core, ${measured.frameMs.toFixed(2)} ms a frame, ` +
        `RSS ${(measured.rssStart / 2 ** 20).toFixed(0)} to ${(measured.rssEnd / 2 ** 20).toFixed(0)} MB; ` +
        `${lines} lines on disk, pane: ${pane.status(200, themeOf('mono'))}`,
    );
    pane.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function typed(pane: LogPane, keys: string, text: string): void {
  pane.key({ type: 'key', key: keys, text: keys });
  pane.paste(text);
  pane.key({ type: 'key', key: 'enter', text: '' });
}

/** For the child: `write`, a folder, seconds. */
const [first = '10', folder = '', seconds = '0'] = process.argv.slice(2);
if (first === 'write') await write(folder, Number(seconds));
else {
  console.log(
    `Node ${process.version}, ${names.length} × ${linesPerSecond} lines/s of 195 bytes, ${size.width}×${size.height}`,
  );
  const scenes: readonly (readonly [string, (pane: LogPane) => void])[] = [
    ['follows', () => {}],
    ['searches "index":99', (pane) => typed(pane, '/', '"index":99')],
    ['filters by took=\\d+', (pane) => typed(pane, '&', 'took=\\d+')],
  ];
  for (const [title, prepare] of scenes.filter(([title]) => title.includes(folder))) {
    await run(title, Number(first), prepare);
  }
}

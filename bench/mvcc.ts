/**
 * The store over the database on this machine's disk: time per operation, pauses, memory, and how long a start takes.
 *
 *   npm run bench -- mvcc [keys, 1000000] [value bytes, 256]
 *
 * CPU time of all threads, not elapsed time, is printed: neighbours disturb it less. Build first: the database is written by a thread.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KvStore } from '../src/server/mvcc/store.ts';
import { nodeClock } from '../src/server/node-ports.ts';
import { type Backend, pendingBytesMax } from '../src/server/storage/backend/backend.ts';
import { openBackend } from '../src/server/storage/backend/open.ts';
import { nodeDisk } from '../src/server/storage/node-disk.ts';

const keyCount = Number(process.argv[2] ?? 1_000_000);
const valueBytes = Number(process.argv[3] ?? 256);

const noBytes = new Uint8Array(0);
const open = Uint8Array.of(0);
const value = new Uint8Array(valueBytes).fill(118);
const key = new Uint8Array(26);
key.set(Buffer.from('/registry/pods/'));
const end = new Uint8Array(26);

/** Keys in no order: a number below 2^32, in eleven digits. */
function setKey(n: number): void {
  setDigits(key, Math.imul(n, 2654435761) >>> 0);
}

function setDigits(target: Uint8Array, number: number): void {
  let rest = number;
  for (let at = 25; at >= 15; at--) {
    target[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

let state = 1;
function randomKey(below: number): void {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  setKey(state % below);
}

const script = fileURLToPath(new URL('../backend-worker.js', import.meta.url));
if (!existsSync(script)) throw new Error('build first: node scripts/ensure-built.mjs');
const folder = mkdtempSync(join(tmpdir(), 'mvcc-bench-'));

async function openDatabase(): Promise<Backend> {
  const opened = await openBackend({
    disk: nodeDisk,
    clock: nodeClock,
    path: join(folder, 'db'),
    workerScript: script,
  });
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

let backend = await openDatabase();
let store = new KvStore(backend);
backend.onCommitted = () => store.committed();

function put(): void {
  const txn = store.beginWrite();
  txn.put(key, value, 0n);
  backend.mark(txn.end(), 1);
}

function count(rangeEnd: Uint8Array, limit: number, countOnly: boolean): number {
  const result = store.range({ key, rangeEnd, limit, revision: 0, countOnly });
  return result.ok ? result.value.kvs.length : 0;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Operations of one turn of the event loop. */
const perTurn = 1000;

async function measure(name: string, times: number, operation: (n: number) => void): Promise<void> {
  const start = cpuMicros();
  let mainMs = 0;
  for (let n = 0; n < times; ) {
    const begun = performance.now();
    for (const until = Math.min(times, n + perTurn); n < until; n++) operation(n);
    mainMs += performance.now() - begun;
    await turn();
    if (backend.pendingBytes > pendingBytesMax) await backend.commit();
  }
  await backend.commit();
  const nanos = ((cpuMicros() - start) * 1000) / times;
  const main = (mainMs * 1e6) / times;
  console.log(
    `${name.padEnd(32)} ${main.toFixed(0).padStart(9)} ns in this thread, ${nanos.toFixed(0).padStart(9)} ns CPU of all`,
  );
}

/** As the member rests between batches of a compaction. */
const rest = (): Promise<void> => new Promise((done) => setTimeout(done, 10));

async function measureSteps(name: string, step: () => 'more' | 'pause' | 'done'): Promise<void> {
  const start = performance.now();
  let worst = 0;
  let steps = 0;
  for (let progress = 'more'; progress !== 'done'; steps++) {
    const before = performance.now();
    progress = step();
    worst = Math.max(worst, performance.now() - before);
    await (progress === 'pause' ? rest() : turn());
  }
  const total = (performance.now() - start).toFixed(0);
  console.log(`${name.padEnd(32)} ${total.padStart(9)} ms in ${steps} steps, the longest ${worst.toFixed(1)} ms`);
}

function printMemory(): void {
  const { memoryBytes } = store.index;
  console.log(
    `RSS ${megabytes(process.memoryUsage.rss())}, index ${megabytes(memoryBytes)}, records ${megabytes(store.log.memoryBytes)}`,
  );
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

console.log(
  `${keyCount} keys of 26 bytes, values of ${valueBytes}; RSS before ${megabytes(process.memoryUsage.rss())}`,
);
await measure('(making a key)', 1_000_000, setKey);
await measure('put of a new key', keyCount, (n) => {
  setKey(n);
  put();
});
printMemory();
await measure('get', 500_000, () => {
  randomKey(keyCount);
  if (count(noBytes, 0, false) !== 1) throw new Error('a key is missing');
});
await measure('get of 1000 keys', 500_000, () => {
  randomKey(1000);
  count(noBytes, 0, false);
});
await measure('range of about 100 keys', 10_000, () => {
  randomKey(keyCount);
  end.set(key);
  const number = Number(Buffer.from(key.subarray(15)).toString());
  setDigits(end, number + Math.round((2 ** 32 / keyCount) * 100));
  count(end, 0, false);
});
await measure('the first 100 of all that follow', 500, () => {
  randomKey(keyCount);
  count(open, 100, false);
});
await measure('put of a key that is there', 500_000, () => {
  randomKey(keyCount);
  put();
});
printMemory();
await measure('full garbage collection', 1, collectGarbage);

const hash = store.beginHashKv(0);
if (hash.ok) await measureSteps('hash', () => (hash.value.step() === null ? 'more' : 'done'));
store.compact(store.revision);
let mark = store.revision;
await measureSteps('compaction of half a million', () => {
  const progress = store.compactionStep();
  backend.mark(++mark, 1);
  return progress;
});
const compacted = store.beginHashKv(0);
if (compacted.ok)
  await measureSteps('hash after the compaction', () => (compacted.value.step() === null ? 'more' : 'done'));
printMemory();

await backend.close();
const begun = performance.now();
backend = await openDatabase();
store = new KvStore(backend);
const opened = performance.now();
const restore = store.beginRestore(backend);
await measureSteps('restore', () => (restore() ? 'done' : 'more'));
console.log(
  `start: ${(opened - begun).toFixed(0)} ms to open, ${(performance.now() - opened).toFixed(0)} ms to restore`,
);
printMemory();
await backend.close();
rmSync(folder, { recursive: true });

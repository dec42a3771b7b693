/**
 * The store alone: time per operation, pauses, memory.
 *
 *   npm run bench -- mvcc [keys, 1000000] [value bytes, 256]
 *
 * CPU time, not elapsed time, is printed: neighbours disturb it less.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KvStore } from '../src/server/mvcc/store.ts';

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

const store = new KvStore();

function put(): void {
  const txn = store.beginWrite();
  txn.put(key, value, 0n);
  txn.end();
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

function measure(name: string, times: number, operation: (n: number) => void): void {
  const start = cpuMicros();
  for (let n = 0; n < times; n++) operation(n);
  const nanos = ((cpuMicros() - start) * 1000) / times;
  console.log(`${name.padEnd(32)} ${nanos.toFixed(0).padStart(9)} ns`);
}

function measureSteps(name: string, step: () => boolean): void {
  const start = cpuMicros();
  let worst = 0;
  let steps = 0;
  for (let done = false; !done; steps++) {
    const before = cpuMicros();
    done = step();
    worst = Math.max(worst, cpuMicros() - before);
  }
  const total = ((cpuMicros() - start) / 1000).toFixed(0);
  console.log(
    `${name.padEnd(32)} ${total.padStart(9)} ms in ${steps} steps, the longest ${(worst / 1000).toFixed(1)} ms`,
  );
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

console.log(
  `${keyCount} keys of 26 bytes, values of ${valueBytes}; RSS before ${megabytes(process.memoryUsage.rss())}`,
);
measure('(making a key)', 1_000_000, setKey);
measure('put of a new key', keyCount, (n) => {
  setKey(n);
  put();
});
console.log(`RSS ${megabytes(process.memoryUsage.rss())}, index ${megabytes(store.index.memoryBytes)}`);
measure('get', 500_000, () => {
  randomKey(keyCount);
  if (count(noBytes, 0, false) !== 1) throw new Error('a key is missing');
});
measure('get of 1000 keys', 500_000, () => {
  randomKey(1000);
  count(noBytes, 0, false);
});
measure('range of about 100 keys', 10_000, () => {
  randomKey(keyCount);
  end.set(key);
  const number = Number(Buffer.from(key.subarray(15)).toString());
  setDigits(end, number + Math.round((2 ** 32 / keyCount) * 100));
  count(end, 0, false);
});
measure('the first 100 of all that follow', 500, () => {
  randomKey(keyCount);
  count(open, 100, false);
});
measure('put of a key that is there', 500_000, () => {
  randomKey(keyCount);
  put();
});
console.log(`RSS ${megabytes(process.memoryUsage.rss())}, index ${megabytes(store.index.memoryBytes)}`);
measure('full garbage collection', 1, collectGarbage);

const hash = store.beginHashKv(0);
if (hash.ok) measureSteps('hash', () => hash.value.step() !== null);
store.compact(store.revision);
measureSteps('compaction of half a million', () => store.compactionStep());
const compacted = store.beginHashKv(0);
if (compacted.ok) measureSteps('hash after the compaction', () => compacted.value.step() !== null);
console.log(`RSS ${megabytes(process.memoryUsage.rss())}, log ${megabytes(store.log.memoryBytes)}`);

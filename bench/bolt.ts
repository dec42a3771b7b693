/**
 * The database file alone, on this machine's disk: `npm run bench -- bolt [FOLDER]`. Commits of 10,000 puts as the member makes them
 * at full load (17-byte ascending keys, values of 300 B, fill 0.9, one meta key), opening, random reads, a scan, a snapshot. Pages are
 * summed up when they are written, and checked when they are read.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BoltDb } from '../src/server/storage/bolt/db.ts';
import { PageSums } from '../src/server/storage/bolt/page-sums.ts';
import { SumsKeeper } from '../src/server/storage/bolt/sums-keeper.ts';
import { nodeDisk } from '../src/server/storage/node-disk.ts';

const commits = 30;
const putsPerCommit = 10_000;
const value = Buffer.alloc(300, 'v');
const keyBucket = Buffer.from('key');
const metaBucket = Buffer.from('meta');

function keyOf(revision: number): Buffer {
  const key = Buffer.alloc(17);
  key.writeUInt32BE(Math.floor(revision / 2 ** 32), 0);
  key.writeUInt32BE(revision >>> 0, 4);
  key[8] = 0x5f;
  return key;
}

interface Cost {
  readonly wallMs: number;
  /** Of all threads: also of those that write, sync and collect garbage. */
  readonly cpuMs: number;
  /** How long the main thread was busy. */
  readonly busyMs: number;
}

async function measured(action: () => Promise<unknown>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  await action();
  const { user, system } = process.cpuUsage(cpu);
  const wallMs = performance.now() - start;
  const { active } = performance.eventLoopUtilization(before);
  return { wallMs, cpuMs: (user + system) / 1000, busyMs: active };
}

function report(what: string, costs: readonly Cost[], count: number): void {
  const sorted = (pick: (cost: Cost) => number) => costs.map(pick).sort((a, b) => a - b);
  const wall = sorted((cost) => cost.wallMs);
  const cpu = sorted((cost) => cost.cpuMs);
  const at = (values: readonly number[], share: number) =>
    (values[Math.floor((values.length - 1) * share)] ?? 0).toFixed(1);
  const busy = sorted((cost) => cost.busyMs);
  const each = ((cpu[Math.floor(cpu.length / 2)] ?? 0) * 1000) / count;
  const main = `main thread ${at(busy, 0.5)} ms (worst ${at(busy, 1)})`;
  const spread = `wall ${at(wall, 0.5)} ms (worst ${at(wall, 1)}), ${main}, CPU ${at(cpu, 0.5)} ms (worst ${at(cpu, 1)})`;
  console.log(`${what}: ${spread}, ${each.toFixed(2)} µs each`);
}

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'bolt-bench-'));
const path = join(folder, 'db');
const pageSums = new PageSums();
const newKeeper = () =>
  new SumsKeeper(pageSums, (error) => {
    throw error;
  });
try {
  const sums = newKeeper();
  let db = await BoltDb.open(nodeDisk, path, { initialMapBytes: 10 * 2 ** 30, sums });
  await sums.begin(nodeDisk, join(folder, 'db.sums'), await db.identity(), db.lastCommit());
  const noting: Cost[] = [];
  const committing: Cost[] = [];
  for (let commit = 0; commit < commits; commit++) {
    const tx = db.beginWrite();
    const keys = await tx.createBucketIfMissing(keyBucket);
    const meta = await tx.createBucketIfMissing(metaBucket);
    keys.fillPercent = 0.9;
    noting.push(
      await measured(async () => {
        for (let i = 0; i < putsPerCommit; i++) keys.put(keyOf(commit * putsPerCommit + i), value);
        meta.put(Buffer.from('consistent_index'), keyOf(commit).subarray(0, 8));
      }),
    );
    committing.push(await measured(() => tx.commit()));
  }
  report('10,000 puts, noting', noting, putsPerCommit);
  report('10,000 puts, commit', committing, putsPerCommit);
  await db.close();
  console.log(`${commits * putsPerCommit} records, file ${(statSync(path).size / 1e6).toFixed(0)} MB`);

  const opening = await measured(async () => {
    db = await BoltDb.open(nodeDisk, path, { sums: newKeeper() });
  });
  report('open, which walks all pages', [opening], commits * putsPerCommit);
  await db.read(async (tx) => {
    const keys = await tx.bucket(keyBucket);
    if (keys === null) throw new Error('the bucket is gone');
    const all = commits * putsPerCommit;
    const reads = 50_000;
    const read = async () => {
      let seed = 1;
      for (let i = 0; i < reads; i++) {
        seed = (seed * 48271) % 2147483647;
        if ((await keys.get(keyOf(seed % all))) === null) throw new Error('a record is gone');
      }
    };
    report('50,000 random reads, mostly from disk', [await measured(read)], reads);
    report('50,000 random reads again, as many cached as fit 64 MiB', [await measured(read)], reads);
    let count = 0;
    const scan = () =>
      keys.scan({ from: null, to: null }, () => {
        count++;
        return true;
      });
    report('scan of all records', [await measured(scan)], all);
    if (count !== all) throw new Error(`the scan saw ${count} records`);
  });
  let copied = 0;
  const copy = () =>
    db.snapshotTo((chunk) => {
      copied += chunk.length;
    });
  report('snapshot', [await measured(copy)], 1);
  console.log(`snapshot of ${(copied / 1e6).toFixed(0)} MB`);
  await db.close();
} finally {
  rmSync(folder, { recursive: true });
}

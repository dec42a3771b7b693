/**
 * The backend, on this machine's disk: `npm run bench -- backend [FOLDER]`, after a build. Batches of 5000 puts as the member makes them
 * (17-byte ascending keys, values of 300 B, a mark after each). The engine runs in its thread, and keeps and checks page checksums.
 * "Main" is the time of the member's thread, "all" the CPU of all threads; µs per put, medians of the batches.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bucketKeyBytes, writeBucketKey } from '../src/server/mvcc/revision.ts';
import { nodeClock } from '../src/server/node-ports.ts';
import type { Backend } from '../src/server/storage/backend/backend.ts';
import { openBackend } from '../src/server/storage/backend/open.ts';
import { nodeDisk } from '../src/server/storage/node-disk.ts';

const batches = 60;
const putsPerBatch = 5000;
const key = Buffer.alloc(bucketKeyBytes);
const value = Buffer.alloc(300, 'v');

function putBatch(backend: Backend, first: number): void {
  for (let revision = first; revision < first + putsPerBatch; revision++) {
    const writer = backend.put('key', bucketKeyBytes, value.length);
    writeBucketKey(key, revision, 0, false);
    writer.raw(key);
    writer.raw(value);
    backend.mark(revision, 1);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Milliseconds for a batch, as microseconds for a put. */
function each(ms: readonly number[]): string {
  return `${((median(ms) * 1000) / putsPerBatch).toFixed(2)} µs (worst batch ${Math.max(...ms).toFixed(1)} ms)`;
}

const script = fileURLToPath(new URL('../backend-worker.js', import.meta.url));
if (!existsSync(script)) throw new Error('build first: node scripts/ensure-built.mjs');
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'backend-bench-'));
try {
  const path = join(folder, 'db');
  const opened = await openBackend({
    disk: nodeDisk,
    clock: nodeClock,
    path,
    workerScript: script,
    sumsPath: join(folder, 'db.sums'),
    batchLimit: putsPerBatch,
  });
  if (!opened.ok) throw new Error(opened.error);
  const backend = opened.value;
  await backend.commit();
  const [putting, main, all, wall] = [[], [], [], []] as number[][] as [number[], number[], number[], number[]];
  for (let batch = 0; batch < batches; batch++) {
    const first = batch * putsPerBatch + 1;
    const cpu = process.cpuUsage();
    const loop = performance.eventLoopUtilization();
    const begun = performance.now();
    putBatch(backend, first);
    putting.push(performance.now() - begun);
    await backend.commit();
    wall.push(performance.now() - begun);
    main.push(performance.eventLoopUtilization(loop).active);
    const { user, system } = process.cpuUsage(cpu);
    all.push((user + system) / 1000);
  }
  console.log(`put to the backend, with handing it over: ${each(putting)}`);
  console.log(`main, also with the notice of the commit: ${each(main)}`);
  console.log(`all: ${each(all)}`);
  console.log(`a batch is in the file after ${median(wall).toFixed(1)} ms (worst ${Math.max(...wall).toFixed(1)})`);
  console.log(`${batches * putsPerBatch} records, ${(backend.size() / 1e6).toFixed(0)} MB`);
  await reads(backend);
  await backend.close();
} finally {
  rmSync(folder, { recursive: true });
}

async function reads(backend: Backend): Promise<void> {
  const records = batches * putsPerBatch;
  const count = 50_000;
  for (const what of ['random reads', 'random reads again, as many cached as fit']) {
    const start = performance.now();
    for (let i = 0, seed = 1; i < count; i++) {
      seed = (seed * 48271) % 2147483647;
      writeBucketKey(key, 1 + (seed % records), 0, false);
      if (backend.get('key', key) === null) throw new Error('a record is gone');
    }
    console.log(`${count} ${what}: ${(((performance.now() - start) * 1000) / count).toFixed(2)} µs each`);
  }
  const start = performance.now();
  let seen = 0;
  const cursor = backend.seek('key', Buffer.alloc(0));
  while (cursor.next()) if (cursor.key.length + cursor.value.length > 0) seen++;
  if (seen !== records) throw new Error(`the scan saw ${seen} records`);
  console.log(`scan of ${records}: ${(((performance.now() - start) * 1000) / records).toFixed(2)} µs each`);
  const hashing = performance.now();
  await backend.hash();
  console.log(`hash: ${(performance.now() - hashing).toFixed(0)} ms`);
}

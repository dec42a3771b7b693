/**
 * A database that is larger than memory ought to be: `npm run bench -- backend-large [GB] [FOLDER]`, after a build. Records of 1 KiB in the
 * `key` bucket, a tenth of them deleted again; then opening, a scan of everything (what a restore reads), random reads, hash, snapshot and
 * defragmentation while one put in ten milliseconds goes on, whose commits are timed. Run it with NODE_OPTIONS=--max-old-space-size=1024.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bucketKeyBytes, writeBucketKey } from '../src/server/mvcc/revision.ts';
import { nodeClock } from '../src/server/node-ports.ts';
import { type Backend, pendingBytesMax } from '../src/server/storage/backend/backend.ts';
import { openBackend } from '../src/server/storage/backend/open.ts';
import { nodeDisk } from '../src/server/storage/node-disk.ts';

const gigabytes = Number(process.argv[2] ?? 1);
const value = Buffer.alloc(1024, 'v');
const records = Math.floor((gigabytes * 1e9) / 1150);
let lastRevision = records;
const key = Buffer.alloc(bucketKeyBytes);

async function open(path: string): Promise<Backend> {
  const workerScript = fileURLToPath(new URL('../backend-worker.js', import.meta.url));
  if (!existsSync(workerScript)) throw new Error('build first: node scripts/ensure-built.mjs');
  const opened = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript });
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

function put(backend: Backend, revision: number): void {
  writeBucketKey(key, revision, 0, false);
  const writer = backend.put('key', bucketKeyBytes, value.length);
  writer.raw(key);
  writer.raw(value);
  backend.mark(revision, 1);
}

async function timed(what: string, action: () => unknown): Promise<void> {
  const start = performance.now();
  await action();
  const rss = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${what}: ${((performance.now() - start) / 1000).toFixed(2)} s, RSS at most ${rss.toFixed(0)} MiB so far`,
  );
}

async function fill(backend: Backend): Promise<void> {
  for (let revision = 1; revision <= records; revision++) {
    put(backend, revision);
    if (revision % 10 === 0) {
      writeBucketKey(key, revision - 5, 0, false);
      backend.delete('key', key);
    }
    if (backend.pendingBytes > pendingBytesMax / 2) await backend.commit();
  }
  await backend.commit();
}

function scan(backend: Backend): void {
  let seen = 0;
  const cursor = backend.seek('key', Buffer.alloc(0));
  while (cursor.next()) if (cursor.key.length === bucketKeyBytes) seen++;
  console.log(`${seen} records`);
}

async function readRandomly(backend: Backend): Promise<void> {
  for (let i = 0, seed = 1; i < 100_000; i++) {
    seed = (seed * 48271) % 2147483647;
    writeBucketKey(key, 1 + (seed % records), 0, false);
    backend.get('key', key);
  }
}

/** Puts while something else goes on, and says how long the event loop was held up, and commits took. */
async function whileWriting(backend: Backend, action: () => Promise<unknown>): Promise<void> {
  let [worstTurn, worstCommit, last] = [0, 0, performance.now()];
  const timer = setInterval(() => {
    const now = performance.now();
    worstTurn = Math.max(worstTurn, now - last - 10);
    last = now;
    put(backend, ++lastRevision);
    void backend.commit().then(() => {
      worstCommit = Math.max(worstCommit, performance.now() - now);
    });
  }, 10);
  await action();
  clearInterval(timer);
  await backend.commit();
  console.log(
    `  meanwhile: late by at most ${worstTurn.toFixed(0)} ms, commits took at most ${worstCommit.toFixed(0)} ms`,
  );
}

async function copy(backend: Backend): Promise<void> {
  const snapshot = await backend.snapshot();
  let bytes = 0;
  for await (const chunk of snapshot.chunks()) bytes += chunk.length;
  snapshot.release();
  if (bytes !== snapshot.bytes) throw new Error(`a snapshot of ${bytes} bytes instead of ${snapshot.bytes}`);
}

const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'backend-bench-'));
try {
  const path = join(folder, 'db');
  let backend = await open(path);
  await timed('fill', () => fill(backend));
  console.log(`size ${(backend.size() / 1e9).toFixed(2)} GB, in use ${(backend.inUse() / 1e9).toFixed(2)} GB`);
  await backend.close();
  await timed('open, until reads are served', async () => {
    backend = await open(path);
  });
  await timed('and until the engine has walked the file', () => backend.commit());
  await timed('scan', () => scan(backend));
  await timed('100,000 random reads', () => readRandomly(backend));
  await timed('hash', () => whileWriting(backend, () => backend.hash()));
  await timed('snapshot', () => whileWriting(backend, () => copy(backend)));
  await timed('defragment', () => whileWriting(backend, () => backend.defragment()));
  console.log(`size ${(backend.size() / 1e9).toFixed(2)} GB, in use ${(backend.inUse() / 1e9).toFixed(2)} GB`);
  await timed('scan', () => scan(backend));
  await backend.close();
} finally {
  rmSync(folder, { recursive: true });
}

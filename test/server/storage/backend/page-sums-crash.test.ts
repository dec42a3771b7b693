/**
 * Whatever happens to a file between two starts, an honest page is never taken for a damaged one; and once the checksums are those of the
 * file, no damaged page for an honest one. Power fails and disks do, at any operation; other programs write to the file or make it anew.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { copyDatabase } from '../../../../src/server/storage/backend/defragment.ts';
import type { SumsNews } from '../../../../src/server/storage/backend/open.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { contentOf, openOn, put } from './backends.ts';

const path = '/data/db';
const sumsPath = '/beside/db.sums';
const pageSize = 1024;

/** One start of the member, and what came after it. */
const anyEra = fc.record({
  seed: fc.nat(),
  steps: fc.integer({ min: 0, max: 14 }),
  end: fc.oneof(
    fc.record({ type: fc.constant('crash' as const), operation: fc.integer({ min: 0, max: 140 }) }),
    fc.record({ type: fc.constant('error' as const), operation: fc.integer({ min: 0, max: 140 }) }),
    /** As a kill: what was written stays. */
    fc.record({ type: fc.constant('kill' as const), operation: fc.integer({ min: 0, max: 140 }) }),
    fc.record({ type: fc.constant('close' as const) }),
  ),
  after: fc.constantFrom(
    'nothing',
    'nothing',
    'nothing',
    'foreign commits',
    'foreign copy',
    'older file',
    'older bytes',
  ),
});
type Era = typeof anyEra extends fc.Arbitrary<infer T> ? T : never;

const options = { sumsPath, pageSize, cacheBytesMax: 8192, batchLimit: 12 };

interface World {
  readonly disk: SimDisk;
  /** A copy of the file as it once was. */
  older: Buffer | null;
  /** Starts that found the checksums to be of the file. */
  kept: number;
}

async function newWorld(seed: number): Promise<World> {
  const disk = new SimDisk(seededRandom(seed));
  await disk.makeDirectory('/data');
  await disk.makeDirectory('/beside');
  await disk.syncDirectory('/');
  return { disk, older: null, kept: 0 };
}

/** Rethrows what no failing disk explains. */
function assertNoAlarm(error: unknown): void {
  if (!/injected|the machine|failed|closed file/.test(String(error)) || /corrupt/.test(String(error))) throw error;
}

async function live(world: World, { seed, steps, end }: Era): Promise<void> {
  const { disk } = world;
  const begun = disk.operations;
  if (end.type === 'crash') disk.crashAt(begun + end.operation);
  if (end.type === 'error') disk.failAt(begun + end.operation, 'EIO');
  try {
    await work(world, seed, steps, end.type === 'kill' ? begun + end.operation : null);
  } catch (error) {
    assertNoAlarm(error);
  }
  // What was not reached is not to come later.
  disk.failAt(-1, 'EIO');
  if (end.type !== 'crash') return;
  disk.crash();
  disk.restart();
}

class Killed extends Error {}

async function work({ disk }: World, seed: number, steps: number, killAt: number | null): Promise<void> {
  const random = seededRandom(seed);
  const seen = killAt === null ? disk : killable(disk, killAt);
  const { backend } = await openOn(seen, options);
  const asked: Promise<unknown>[] = [];
  let { committedIndex: index } = backend;
  const note = (promise: Promise<unknown>) => {
    // Waited for below; until then nobody else looks at it.
    promise.catch(() => undefined);
    asked.push(promise);
  };
  for (let step = 0; step < steps; step++) {
    for (let i = random.below(20); i >= 0; i--) {
      const bucket = random.below(3) === 0 ? 'lease' : 'key';
      const key = `k${random.below(60)}`;
      if (random.below(4) === 0) backend.delete(bucket, Buffer.from(key));
      else put(backend, bucket, key, String(random.below(1000)).repeat(random.below(25) === 0 ? 900 : 25));
    }
    backend.mark(++index, 1);
    const choice = random.below(12);
    if (choice < 6) note(backend.commit());
    if (choice === 6) note(backend.defragment());
    if (choice === 7) note(backend.hash());
    if (choice === 8) note(readSnapshot(backend));
    if (choice === 9) contentOf(backend);
    if (choice > 4) for (const result of await Promise.allSettled(asked.splice(0))) settle(result);
  }
  for (const result of await Promise.allSettled(asked)) settle(result);
  await backend.close();
}

function settle(result: PromiseSettledResult<unknown>): void {
  if (result.status === 'rejected') assertNoAlarm(result.reason);
}

async function readSnapshot(backend: Awaited<ReturnType<typeof openOn>>['backend']): Promise<void> {
  const snapshot = await backend.snapshot();
  try {
    for await (const chunk of snapshot.chunks()) if (chunk.length === 0) throw new Error('a chunk of nothing');
  } finally {
    snapshot.release();
  }
}

/** A disk that stops listening to its process at an operation, and keeps all that was done before. */
function killable(disk: SimDisk, at: number): SimDisk {
  const guard = () => {
    if (disk.operations >= at) throw new Killed('the machine of a process that was killed');
  };
  return new Proxy(disk, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        guard();
        const result: unknown = await Reflect.apply(value, target, args);
        return name === 'open' ? killableFile(result as object, guard) : result;
      };
    },
  });
}

function killableFile(file: object, guard: () => void): object {
  return new Proxy(file, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        guard();
        return Reflect.apply(value, target, args);
      };
    },
  });
}

async function happen(world: World, after: Era['after'], seed: number): Promise<void> {
  const { disk } = world;
  if (after === 'nothing' || !(await disk.exists(path))) return;
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(Math.min(await file.size(), 512 * 1024));
  await file.read(bytes, 0);
  await file.close();
  if (after === 'older file' || after === 'older bytes') {
    const { older } = world;
    world.older = bytes;
    if (older === null) return;
    if (after === 'older file') await disk.remove(path);
    await copyOver(disk, older);
    return;
  }
  const db = await BoltDb.open(disk, path, { pageSize });
  if (after === 'foreign commits') await commitAbroad(db, seed);
  else {
    if (await disk.exists('/data/copy')) await disk.remove('/data/copy');
    const copy = await BoltDb.open(disk, '/data/copy', { pageSize });
    await copyDatabase(db, copy);
    await copy.close();
    await disk.rename('/data/copy', path);
    await disk.syncDirectory('/data');
  }
  await db.close();
}

/** As cp does: into the file that is there. */
async function copyOver(disk: SimDisk, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, (await disk.exists(path)) ? 'readWrite' : 'create');
  await file.truncate(0);
  await file.writev([bytes], 0);
  await file.truncate(16 * 1024 * 1024);
  await file.sync();
  await file.close();
  await disk.syncDirectory('/data');
}

async function commitAbroad(db: BoltDb, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let commits = 1 + random.below(3); commits > 0; commits--) {
    const tx = db.beginWrite();
    const bucket = await tx.createBucketIfMissing(Buffer.from('key'));
    for (let i = random.below(30); i >= 0; i--) bucket.put(Buffer.from(`k${random.below(60)}`), Buffer.alloc(90, i));
    await tx.commit();
  }
}

/** Starts, reads all and stops in peace. Resolves to what was said of the checksums; rejects if the file is taken for damaged. */
async function start(disk: SimDisk): Promise<SumsNews[]> {
  const news: SumsNews[] = [];
  const { backend } = await openOn(disk, { ...options, onSums: (one) => news.push(one) });
  try {
    await backend.commit();
    contentOf(backend);
    return news;
  } finally {
    await backend.close();
  }
}

async function anyUsedByte(disk: SimDisk, seed: number): Promise<{ readonly page: number; readonly at: number }> {
  const random = seededRandom(seed);
  const db = await BoltDb.open(disk, path);
  const used = db.usedPages();
  const { highWater } = db.lastCommit();
  await db.close();
  const pages = Array.from({ length: highWater }, (_, id) => id).filter((id) => id > 1 && used.has(id));
  const page = pages[random.below(pages.length)] ?? 0;
  return { page, at: page * pageSize + random.below(pageSize) };
}

/** More of them, and others, are tried with SUMS_RUNS and SUMS_SEED. */
const runs = Number(process.env['SUMS_RUNS'] ?? 60);
const timeout = 60_000 + runs * 200;

describe('page checksums', () => {
  it('raise no false alarm, and miss no flipped bit, whatever a file goes through', { timeout }, async () => {
    let kept = 0;
    let starts = 0;
    const lives = fc.asyncProperty(fc.nat(), fc.array(anyEra, { minLength: 1, maxLength: 6 }), async (seed, eras) => {
      const world = await newWorld(seed);
      const { disk } = world;
      for (const era of eras) {
        await live(world, era);
        await happen(world, era.after, era.seed);
        starts++;
        if ((await start(disk)).length === 0) kept++;
      }
      // It was stopped in peace: from here on they are those of the file.
      for (let i = 0; i < 4; i++) {
        const { page, at } = await anyUsedByte(disk, seed + i);
        disk.flipBit(path, at, i);
        await expect(start(disk)).rejects.toThrow(`page ${page}: `);
        disk.flipBit(path, at, i);
      }
      expect(await start(disk)).toEqual([]);
    });
    await fc.assert(lives, { numRuns: runs, ...seedOf(process.env['SUMS_SEED']) });
    // Else the property would hold for want of checksums.
    expect(kept).toBeGreaterThan(starts / 3);
  });

  it('are kept when only the process dies, wherever it is', async () => {
    for (let operation = 0; operation < 120; operation++) {
      const world = await newWorld(operation);
      await start(world.disk);
      await live(world, { seed: operation % 5, steps: 12, end: { type: 'kill', operation }, after: 'nothing' });
      expect(await start(world.disk), `killed at operation ${operation}`).toEqual([]);
    }
  });
});

function seedOf(text: string | undefined): { readonly seed?: number } {
  return text === undefined ? {} : { seed: Number(text) };
}

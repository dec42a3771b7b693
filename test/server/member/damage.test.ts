/**
 * A bit that flipped anywhere in a data directory is named, with the file, or does no harm; in the database even where bbolt's format has
 * no checksum, for the member keeps its own beside it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { BoltDb } from '../../../src/server/storage/bolt/db.ts';
import { parsePage } from '../../../src/server/storage/bolt/page.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { layOutMember, openSim } from '../../support/sim-member.ts';
import { followAndCrash, makeWorld, type World } from './snapshot-crash-workload.ts';

const folders = ['/data/member', '/data/member/snap', '/data/member/wal'];
const database = '/data/member/snap/db';
const pageSize = 1024;

let world: World;
/** Without the zeros at their ends. */
let files: ReadonlyMap<string, { readonly bytes: Buffer; readonly length: number }>;
let acknowledged = 0;

beforeAll(async () => {
  world = await makeWorld();
  const disk = new SimDisk(seededRandom(5));
  await layOutMember(disk, world.config, world.leader.cluster);
  acknowledged = await followAndCrash(world, disk);
  disk.restart();
  files = await filesOf(disk);
  // It has lost power, and with it the checksums that were not on the disk: another start and an orderly stop make them good.
  const again = await diskOf(files);
  const opened = await openSim(again, world.config);
  if (!opened.ok) throw new Error(opened.error);
  await opened.value.state.backend.close();
  await opened.value.wal.close();
  files = await filesOf(again);
});

async function filesOf(disk: SimDisk): Promise<typeof files> {
  const found = new Map<string, { readonly bytes: Buffer; readonly length: number }>();
  for (const folder of folders) {
    for (const name of await disk.list(folder)) {
      const path = `${folder}/${name}`;
      if (folders.includes(path)) continue;
      const file = await disk.open(path, 'read');
      const bytes = Buffer.alloc(await file.size());
      await file.read(bytes, 0);
      await file.close();
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end--;
      found.set(path, { bytes: bytes.subarray(0, end), length: bytes.length });
    }
  }
  return found;
}

/** The database is made first, and so is the same file on all of these disks: no copy of it. */
async function diskOf(content: typeof files): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  for (const folder of folders) await disk.makeDirectory(folder);
  for (const [name, { bytes, length }] of [...content].sort(
    ([a], [b]) => Number(b === database) - Number(a === database),
  )) {
    const file = await disk.open(name, 'create');
    await file.writev([bytes], 0);
    await file.truncate(length);
    await file.close();
  }
  return disk;
}

/** What a start says of the directory with one bit flipped: 'sound', 'other content', or the error. */
async function startWith(path: string, at: number, bit: number): Promise<string> {
  const disk = await diskOf(files);
  disk.flipBit(path, at, bit);
  const opened = await openSim(disk, world.config);
  if (!opened.ok) return opened.error;
  const { state, wal, snapshot, entries } = opened.value;
  try {
    // It waits until the whole file was walked.
    await state.backend.commit();
    if ((snapshot?.metadata.index ?? 0) + entries.length < acknowledged) return 'entries are missing';
    const hashed = state.store.hashKv(0);
    const isSame = hashed.ok && hashed.value.hash === world.leader.hashes[state.applied.index];
    return isSame ? 'sound' : 'other content';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await state.backend.close();
    await wal.close();
  }
}

function* samples(length: number, count: number, seed: number): Generator<{ at: number; bit: number }> {
  const random = seededRandom(seed);
  for (let i = 0; i < count; i++) yield { at: random.below(length), bit: random.below(8) };
}

const sizeOf = (path: string) => files.get(path)?.bytes.length ?? 0;
const pathsOf = (suffix: string) => [...files.keys()].filter((path) => path.endsWith(suffix)).sort();

/** Whether a byte of the database belongs to what the format itself says: metas, page headers, elements. */
function isStructure(bytes: Buffer, at: number): boolean {
  const id = Math.floor(at / pageSize);
  const parsed = parsePage(bytes.subarray(id * pageSize, (id + 1) * pageSize), id, 10_000);
  return id < 2 || (parsed.ok && at % pageSize < 16 + 16 * parsed.value.count);
}

describe('a flipped bit', () => {
  it('does not happen unnoticed to these tests: the directory is sound without one', async () => {
    expect(pathsOf('.wal').length).toBeGreaterThan(1);
    expect(pathsOf('.snap').length).toBeGreaterThan(1);
    expect(await startWith(database, 2, 0)).toBe('sound');
  });

  it('in the WAL is named with file and offset, or was in what is not used yet', { timeout: 30_000 }, async () => {
    let named = 0;
    for (const path of pathsOf('.wal')) {
      for (const { at, bit } of samples(sizeOf(path), 40, 3)) {
        const what = await startWith(path, at, bit);
        if (what === 'sound') continue;
        named++;
        expect(what, `bit ${bit} of byte ${at} of ${path}`).toContain(`WAL is corrupt: ${path} at byte `);
      }
    }
    expect(named).toBeGreaterThan(60);
  });

  it('in a .snap file makes the start go on from an older one, or is named', { timeout: 30_000 }, async () => {
    const newest = pathsOf('.snap').at(-1) ?? '';
    const outcomes = new Set<string>();
    for (const { at, bit } of samples(sizeOf(newest), 40, 4)) {
      const what = await startWith(newest, at, bit);
      if (what !== 'sound') expect(what, `bit ${bit} of byte ${at}`).toMatch(/WAL|snapshot/);
      outcomes.add(what);
    }
    expect(outcomes.size).toBeGreaterThan(0);
    expect(outcomes).not.toContain('other content');
  });

  it('in the database is named, with the page', { timeout: 30_000 }, async () => {
    const pages = await pagesInUse();
    for (const { at: place, bit } of samples(pages.length * pageSize, 150, 6)) {
      const at = (pages[Math.floor(place / pageSize)] ?? 0) * pageSize + (place % pageSize);
      const what = await startWith(database, at, bit);
      const page = Math.floor(at / pageSize);
      expect(what, `bit ${bit} of byte ${at}`).toContain(`database ${database} is corrupt: page ${page}: `);
      expect(what).toContain(`at byte ${page * pageSize}`);
    }
  });

  it('in the checksums of the pages is no reason not to start', { timeout: 30_000 }, async () => {
    const path = '/data/member/db.sums';
    for (const { at, bit } of samples(sizeOf(path), 60, 7)) expect(await startWith(path, at, bit)).toBe('sound');
  });

  it('in a key or value goes unseen where there are no checksums, as in etcd', { timeout: 30_000 }, async () => {
    const bytes = files.get(database)?.bytes ?? Buffer.alloc(0);
    const sums = files.get('/data/member/db.sums');
    files = new Map([...files].filter(([path]) => !path.endsWith('.sums')));
    let unseen = 0;
    const pages = await pagesInUse();
    for (const { at: place, bit } of samples(pages.length * pageSize, 100, 6)) {
      const at = (pages[Math.floor(place / pageSize)] ?? 0) * pageSize + (place % pageSize);
      const what = await startWith(database, at, bit);
      if (what !== 'other content') continue;
      unseen++;
      expect(isStructure(bytes, at), `bit ${bit} of byte ${at}`).toBe(false);
    }
    expect(unseen).toBeGreaterThan(5);
    if (sums !== undefined) files = new Map([...files, ['/data/member/db.sums', sums]]);
  });

  it('in the structure of the database’s pages is named, wherever it is', { timeout: 30_000 }, async () => {
    const bytes = files.get(database)?.bytes ?? Buffer.alloc(0);
    let named = 0;
    for (const id of await pagesInUse()) {
      const at = id * pageSize + 16 + (id % 4);
      if (!isStructure(bytes, at)) continue;
      const what = await startWith(database, at, id % 8);
      // What a bit makes of the size of a page's last item may be as possible as what it was.
      if (what === 'sound' || what === 'other content') continue;
      named++;
      expect(what, `byte ${at}`).toContain(database);
    }
    expect(named).toBeGreaterThan(5);
  });
});

/** Pages of the database that hold something, but for the metas, of which the other one serves. */
async function pagesInUse(): Promise<number[]> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory('/data/member/snap');
  const { bytes, length } = files.get(database) ?? { bytes: Buffer.alloc(0), length: 0 };
  const file = await disk.open(database, 'create');
  await file.writev([bytes], 0);
  await file.truncate(length);
  await file.close();
  const db = await BoltDb.open(disk, database);
  const ids = Array.from({ length: Math.ceil(bytes.length / pageSize) }, (_, id) => id);
  const used = ids.filter((id) => id > 1 && !db.freePages().isFree(id));
  await db.close();
  return used;
}

/** The checksums of pages: what they find, and what they must not take for damage, whoever wrote the file and whatever was lost. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import type { Backend } from '../../../../src/server/storage/backend/backend.ts';
import { copyDatabase } from '../../../../src/server/storage/backend/defragment.ts';
import type { SumsNews } from '../../../../src/server/storage/backend/open.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { readMeta } from '../../../../src/server/storage/bolt/file.ts';
import { checksumOfMeta } from '../../../../src/server/storage/bolt/meta.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { type Content, contentOf, openOn, put } from './backends.ts';

const path = '/data/db';
const sumsPath = '/beside/db.sums';
const pageSize = 1024;

async function freshDisk(seed = 1): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(seed));
  await disk.makeDirectory('/data');
  await disk.makeDirectory('/beside');
  await disk.syncDirectory('/');
  return disk;
}

interface Opened {
  readonly backend: Backend;
  readonly news: SumsNews[];
}

async function open(disk: SimDisk): Promise<Opened> {
  const news: SumsNews[] = [];
  const options = { sumsPath, pageSize, cacheBytesMax: 0, onSums: (one: SumsNews) => news.push(one) };
  const { backend } = await openOn(disk, options);
  return { backend, news };
}

/** Puts some of everything, a mark and a commit after each dozen. */
async function fill(backend: Backend, count: number, from = 1): Promise<void> {
  for (let i = from; i < from + count; i++) {
    put(
      backend,
      i % 7 === 0 ? 'lease' : 'key',
      `k${String(i % 150).padStart(4, '0')}`,
      `${i} `.repeat(i % 40 === 0 ? 900 : 30),
    );
    if (i % 12 === 0) {
      backend.mark(i, 1);
      await backend.commit();
    }
  }
  backend.mark(from + count, 1);
  await backend.commit();
}

async function bytesOf(disk: SimDisk, name: string): Promise<Buffer> {
  const file = await disk.open(name, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

async function replace(disk: SimDisk, name: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(name);
  const file = await disk.open(name, 'create');
  await file.writev([bytes], 0);
  await file.close();
}

/** Pages that the newest state of the file uses, but for the metas. */
async function usedPages(disk: SimDisk): Promise<number[]> {
  const db = await BoltDb.open(disk, path);
  const used = db.usedPages();
  const pages = Array.from({ length: db.lastCommit().highWater }, (_, id) => id).filter((id) => id > 1 && used.has(id));
  await db.close();
  return pages;
}

/** Starts, reads everything and stops: the content, or what was said of the file. */
async function look(
  disk: SimDisk,
): Promise<{ readonly content: Content | null; readonly error: string; readonly news: SumsNews[] }> {
  const news: SumsNews[] = [];
  let backend: Backend | null = null;
  try {
    const opened = await openOn(disk, { sumsPath, pageSize, onSums: (one) => news.push(one) });
    backend = opened.backend;
    await backend.commit();
    return { content: contentOf(backend), error: '', news };
  } catch (error) {
    return { content: null, error: error instanceof Error ? error.message : String(error), news };
  } finally {
    await backend?.close();
  }
}

describe('page checksums', () => {
  it('find a flipped bit in any page that is in use, wherever in it', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 300);
    await backend.close();
    const random = seededRandom(7);
    for (const page of await usedPages(disk)) {
      const at = page * pageSize + random.below(pageSize);
      const bit = random.below(8);
      disk.flipBit(path, at, bit);
      const { error } = await look(disk);
      expect(error).toContain(`database ${path} is corrupt: page ${page}: `);
      expect(error).toContain(`at byte ${page * pageSize}`);
      expect(error).toContain('has the checksum');
      disk.flipBit(path, at, bit);
    }
    const { error, news } = await look(disk);
    expect({ error, news }).toEqual({ error: '', news: [] });
  });

  it('write nothing when damage is found', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 100);
    await backend.close();
    const [page = 0] = await usedPages(disk);
    disk.flipBit(path, page * pageSize + 900, 1);
    const { operations } = disk;
    expect((await look(disk)).error).toContain('is corrupt');
    expect(disk.operations).toBe(operations);
  });

  it('are there from the first start on a database of another program', async () => {
    const disk = await freshDisk();
    const db = await BoltDb.open(disk, path, { pageSize });
    const tx = db.beginWrite();
    const bucket = await tx.createBucket(Buffer.from('key'));
    for (let i = 0; i < 200; i++) bucket.put(Buffer.from(`k${1000 + i}`), Buffer.alloc(100, i));
    await tx.commit();
    await db.close();
    expect(await look(disk)).toMatchObject({ error: '', news: [] });
    const pages = await usedPages(disk);
    disk.flipBit(path, (pages[3] ?? 0) * pageSize + 500, 3);
    expect((await look(disk)).error).toContain(`page ${pages[3]}: `);
  });

  it('find what changes while the file is open: reads, hashes, copies and snapshots fail, and the backend with them', async () => {
    const readers: [string, (backend: Backend) => Promise<unknown>][] = [
      ['get', async (backend) => backend.get('key', Buffer.from('k0100'))],
      ['seek', async (backend) => contentOf(backend)],
      ['hash', (backend) => backend.hash()],
      ['defragment', (backend) => backend.defragment()],
      [
        'snapshot',
        async (backend) => {
          const snapshot = await backend.snapshot();
          try {
            for await (const chunk of snapshot.chunks()) expect(chunk.length).toBeGreaterThan(0);
          } finally {
            snapshot.release();
          }
        },
      ],
    ];
    for (const [what, read] of readers) {
      const disk = await freshDisk();
      const { backend } = await open(disk);
      await fill(backend, 140);
      const failures: string[] = [];
      backend.onFailed = ({ message }) => failures.push(message);
      // All leaves of keys, so that whoever reads any is hit.
      const whole = await bytesOf(disk, path);
      for (const page of await usedPages(disk)) {
        const bytes = whole.subarray(page * pageSize, (page + 1) * pageSize);
        if (bytes.readUInt16LE(8) === 2 && bytes.includes('k0')) disk.flipBit(path, page * pageSize + 700, 2);
      }
      await expect(read(backend), what).rejects.toThrow(/is corrupt: page \d+: the leaf at byte \d+/);
      expect(failures, what).toEqual([expect.stringContaining('is corrupt: page')]);
      await expect(backend.commit(), what).rejects.toThrow('is corrupt');
      await backend.close();
    }
  });

  it('let snapshots pass while their free pages are written to', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 200);
    for (let round = 0; round < 10; round++) {
      const snapshot = await backend.snapshot();
      const expected = contentOf(backend);
      const chunks: Uint8Array[] = [];
      const reading = (async () => {
        for await (const chunk of snapshot.chunks()) {
          chunks.push(Uint8Array.from(chunk));
          await backend.commit();
        }
      })();
      await fill(backend, 40, 1000 + round * 50);
      await reading;
      snapshot.release();
      const copy = await freshDisk();
      const file = await copy.open(path, 'create');
      await file.writev(chunks, 0);
      await file.close();
      expect((await look(copy)).content).toEqual(expected);
    }
    await backend.close();
  });

  it('go on in one log that stays short', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    let longest = 0;
    let shorter = 0;
    let before = 0;
    for (let i = 1; i <= 500; i++) {
      for (let j = 0; j < 70; j++) put(backend, 'key', `k${(i * 37 + j * 11) % 1500}`, 'v'.repeat(300));
      backend.mark(i, 1);
      await backend.commit();
      if (i % 25 !== 0) continue;
      const { length } = await bytesOf(disk, sumsPath);
      if (length < before) shorter++;
      longest = Math.max(longest, length);
      before = length;
    }
    expect(shorter).toBeGreaterThan(0);
    expect(longest).toBeLessThan(300 * 1024);
    expect(await disk.list('/beside')).toEqual(['db.sums']);
    await backend.close();
    expect(await look(disk)).toMatchObject({ error: '', news: [] });
  });
});

describe('page checksums of another state of the file', () => {
  const discarded = [{ type: 'discarded', path: sumsPath }];

  it('are discarded when another program has written to it', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 100);
    await backend.close();
    const db = await BoltDb.open(disk, path);
    const tx = db.beginWrite();
    const bucket = await tx.bucket(Buffer.from('key'));
    bucket?.put(Buffer.from('k0001'), Buffer.from('changed'));
    await tx.commit();
    await db.close();
    const { content, error, news } = await look(disk);
    expect({ error, news }).toEqual({ error: '', news: discarded });
    expect(content?.key?.['k0001']).toBe('changed');
    expect((await look(disk)).news).toEqual([]);
  });

  it('are discarded when another program has made it anew', async () => {
    for (let commits = 0; commits < 8; commits++) {
      const disk = await freshDisk();
      const { backend } = await open(disk);
      for (let i = 0; i < commits; i++) await fill(backend, 3, 1 + i * 5);
      const expected = contentOf(backend);
      await backend.close();
      const old = await BoltDb.open(disk, path);
      const copy = await BoltDb.open(disk, '/data/copy', { pageSize });
      await copyDatabase(old, copy);
      await old.close();
      await copy.close();
      await disk.rename('/data/copy', path);
      const { content, error } = await look(disk);
      expect({ content, error }).toEqual({ content: expected, error: '' });
    }
  });

  it('are discarded when an older file takes its place', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 100);
    await backend.close();
    const older = await bytesOf(disk, path);
    const again = await open(disk);
    await fill(again.backend, 30, 500);
    await again.backend.close();
    await replace(disk, path, older);
    expect(await look(disk)).toMatchObject({ error: '', news: discarded });
    expect(await look(disk)).toMatchObject({ error: '', news: [] });
  });

  it('are discarded when another member’s file takes its place, though its meta page is the same', async () => {
    const disks = [await freshDisk(1), await freshDisk(2)];
    for (const [i, disk] of disks.entries()) {
      const { backend } = await open(disk);
      for (let index = 1; index <= 6; index++) {
        for (let j = 0; j < 30; j++) put(backend, 'key', `k${index}-${j}`, `${i}`.repeat(50));
        backend.mark(index, 1);
        await backend.commit();
      }
      await backend.close();
    }
    const [first = await freshDisk(), second = first] = disks;
    const marks = await Promise.all(
      disks.map(async (disk) => {
        const file = await disk.open(path, 'read');
        const meta = await readMeta(file, path);
        await file.close();
        return checksumOfMeta(meta);
      }),
    );
    expect(marks[0]).toBe(marks[1]);
    await replace(first, path, await bytesOf(second, path));
    expect(await look(first)).toMatchObject({ error: '', news: discarded });
  });

  it('are discarded when they are no checksums at all', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 50);
    await backend.close();
    const sound = await bytesOf(disk, sumsPath);
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(100_000, 0xff), sound.subarray(0, 40)]) {
      await replace(disk, sumsPath, bytes);
      expect(await look(disk)).toMatchObject({ error: '', news: discarded });
    }
    await disk.remove(sumsPath);
    expect(await look(disk)).toMatchObject({ error: '', news: [] });
  });

  it('stay valid where the directory is copied to', async () => {
    const disk = await freshDisk();
    const { backend } = await open(disk);
    await fill(backend, 80);
    await backend.close();
    const copy = await freshDisk(9);
    for (const name of [path, sumsPath]) {
      const file = await copy.open(name, 'create');
      await file.writev([await bytesOf(disk, name)], 0);
      await file.close();
    }
    const [page = 0] = await usedPages(copy);
    expect(await look(copy)).toMatchObject({ error: '', news: [] });
    copy.flipBit(path, page * pageSize + 800, 0);
    expect((await look(copy)).error).toContain(`page ${page}: `);
  });
});

describe('a log of page checksums that cannot be written', () => {
  it('is told of, and nothing else ends', async () => {
    const disk = await freshDisk();
    const { backend, news } = await open(disk);
    await fill(backend, 30);
    // A directory in the way of the next log.
    await backend.close();
    await disk.remove(sumsPath);
    await disk.makeDirectory(`${sumsPath}/in-the-way`);
    const again = await open(disk);
    await fill(again.backend, 30, 100);
    expect(news).toEqual([]);
    expect(again.news.map(({ type }) => type)).toContain('lost');
    const content = contentOf(again.backend);
    await again.backend.close();
    expect((await look(disk)).content).toEqual(content);
  });
});

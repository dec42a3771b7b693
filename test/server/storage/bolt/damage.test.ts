/** Bits that flip on the disk: the other meta is used, or the damage is named. */
import { describe, expect, it } from 'vitest';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { CorruptDatabaseError } from '../../../../src/server/storage/bolt/errors.ts';
import { parsePage } from '../../../../src/server/storage/bolt/page.ts';
import { diskWith, golden } from './golden.ts';
import { bytes, contentOf, printModel } from './model.ts';

const pageSize = 4096;
const path = '/data/db';
const file = golden('etcd-3.6.5');

type Outcome =
  | { readonly type: 'opened'; readonly content: string; readonly txid: number }
  | { readonly type: 'corrupt'; readonly message: string; readonly page: number | null };

async function open(content: Uint8Array): Promise<Outcome> {
  try {
    const db = await BoltDb.open(await diskWith(content), path);
    const outcome = await db.read(async (tx) => ({
      type: 'opened' as const,
      content: printModel(await contentOf(tx.root)),
      txid: tx.meta.txid,
    }));
    await db.close();
    return outcome;
  } catch (error) {
    if (!(error instanceof CorruptDatabaseError)) throw error;
    return { type: 'corrupt', message: error.message, page: error.page };
  }
}

function flipped(content: Uint8Array, at: number, bit: number): Buffer {
  const copy = Buffer.from(content);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/** Offsets of the pages in use. */
async function pagesInUse(): Promise<number[]> {
  const db = await BoltDb.open(await diskWith(file), path);
  const ids = Array.from({ length: file.length / pageSize }, (_, id) => id).filter((id) => !db.freePages().isFree(id));
  await db.close();
  return ids.slice(2);
}

describe('a flipped bit', () => {
  it('in a meta page makes the database open with the other meta', async () => {
    const sound = await open(file);
    const txids = new Set<number>();
    for (let at = 0; at < 80; at++) {
      for (const start of [0, pageSize]) {
        // Of the header only the flags are looked at, as bbolt does.
        if (at < 16 && at !== 8) continue;
        const bit = at === 8 ? 2 : at % 8;
        const outcome = await open(flipped(file, start + at, bit));
        if (outcome.type === 'corrupt') {
          // The older state's pages may have been written over since; if so, that is noticed.
          expect(outcome.page, outcome.message).toBeGreaterThan(1);
          continue;
        }
        txids.add(outcome.txid);
        if (sound.type === 'opened' && outcome.txid === sound.txid) expect(outcome.content).toBe(sound.content);
      }
    }
    expect(txids.size).toBeGreaterThanOrEqual(1);
  });

  it('in both metas leaves nothing to open', async () => {
    const damaged = flipped(flipped(file, 20, 1), pageSize + 30, 1);
    expect(await open(damaged)).toMatchObject({
      type: 'corrupt',
      message: 'database /data/db is corrupt: neither of its meta pages is sound',
    });
  });

  it('in the structure of a page is named with the page; in a value it changes nothing else', async () => {
    const sound = await open(file);
    if (sound.type !== 'opened') throw new Error(sound.message);
    let named = 0;
    for (const id of await pagesInUse()) {
      const page = file.subarray(id * pageSize, (id + 1) * pageSize);
      const parsed = parsePage(page, id, 1000);
      // The second and further pages of a large value have no structure.
      if (!parsed.ok || parsed.value.span > 1) continue;
      const structure = 16 + 16 * parsed.value.count;
      for (let at = 0; at < structure; at++) {
        const outcome = await open(flipped(file, id * pageSize + at, (at * 5) % 8));
        if (outcome.type === 'opened') expect(outcome.content, `page ${id} byte ${at}`).not.toBe(sound.content);
        else {
          named++;
          expect(outcome.message).toContain('database /data/db is corrupt');
        }
        // What can look sound: flags that make a value of a bucket, and the last item's size, for nothing says where it must end.
        if (outcome.type === 'opened')
          expect(at % 16 === 0 || at >= structure - 12, `page ${id} byte ${at}`).toBe(true);
      }
    }
    expect(named).toBeGreaterThan(300);
  });

  it('in a branch’s key is noticed when keys of its children fall out of range', async () => {
    const [branch] = (await pagesInUse()).filter((id) => file.readUInt16LE(id * pageSize + 8) === 1);
    const start = (branch ?? 0) * pageSize;
    const second = start + 32 + file.readUInt32LE(start + 32);
    // Keys are revisions, in big-endian: the lowest byte of the first 64 bits.
    const at = second + 7;
    const outcomes = await Promise.all([0, 1, 2].map((bit) => open(flipped(file, at, bit))));
    for (const outcome of outcomes) {
      expect(outcome.type).toBe('corrupt');
      if (outcome.type === 'corrupt')
        expect(outcome.message).toMatch(/page \d+: (its (first|last) key is|key 1 is not above)/);
    }
  });
});

/** Two metas of a future format, sound ones. */
function ofVersion(version: number): Buffer {
  const other = Buffer.from(file);
  for (const page of [0, 1]) {
    const meta = other.subarray(page * pageSize + 16, page * pageSize + 80);
    meta.writeUInt32LE(version, 4);
    let hash = 0xcbf29ce484222325n;
    for (const byte of meta.subarray(0, 56)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    meta.writeBigUInt64LE(hash, 56);
  }
  return other;
}

describe('a damaged file', () => {
  it.each([
    ['cut short', file.subarray(0, file.length - pageSize), /it has \d+ bytes, but \d+ pages of 4096/],
    ['shorter than its metas', file.subarray(0, 50), /neither of its meta pages is sound/],
    ['of another version', ofVersion(3), /its format is version 3, but only version 2 is known/],
    ['of zeros', Buffer.alloc(4 * pageSize), /neither of its meta pages is sound/],
  ])('%s is refused', async (_, content, message) => {
    expect(await open(content)).toMatchObject({ type: 'corrupt', message: expect.stringMatching(message) });
  });

  it('whose page is another’s copy is refused, with the page’s name', async () => {
    const [first = 0, second = 0] = (await pagesInUse()).filter((id) => file.readUInt16LE(id * pageSize + 8) === 2);
    const copy = Buffer.from(file);
    copy.copy(copy, first * pageSize, second * pageSize, (second + 1) * pageSize);
    expect(await open(copy)).toMatchObject({
      type: 'corrupt',
      page: first,
      message: `database /data/db is corrupt: page ${first}: it says that it is page ${second}`,
    });
  });

  it('is named by check and by reads when the damage happens after it was opened', async () => {
    const disk = await diskWith(file);
    const db = await BoltDb.open(disk, path, { cacheBytesMax: 0 });
    const [leaf = 0] = (await pagesInUse()).filter((id) => file.readUInt16LE(id * pageSize + 8) === 2);
    disk.flipBit(path, leaf * pageSize + 10, 0);
    const problems = await check(db);
    expect(problems.some((problem) => problem.includes(`page ${leaf}:`))).toBe(true);
    await expect(db.read((tx) => contentOf(tx.root))).rejects.toThrow(`database /data/db is corrupt: page ${leaf}: `);
    await db.close();
  });

  it('makes a commit fail that needs the page, and leaves the database as it was', async () => {
    const disk = await diskWith(file);
    const db = await BoltDb.open(disk, path, { cacheBytesMax: 0 });
    const [leaf = 0] = (await pagesInUse()).filter((id) => file.readUInt16LE(id * pageSize + 8) === 2);
    disk.flipBit(path, leaf * pageSize + 10, 0);
    const deletion = async () => {
      const tx = db.beginWrite();
      const key = await tx.bucket(bytes('key'));
      for (let revision = 1; revision < 20; revision++) {
        const position = Buffer.alloc(17);
        position[7] = revision;
        position[8] = 0x5f;
        key?.delete(position);
      }
      await tx.commit();
    };
    const { operations } = disk;
    await expect(deletion()).rejects.toThrow(`database /data/db is corrupt: page ${leaf}: `);
    expect(disk.operations).toBe(operations);
    disk.flipBit(path, leaf * pageSize + 10, 0);
    await deletion();
    expect(await check(db)).toEqual([]);
    await db.close();
  });

  it('does not harm other readers: an error of a read is no error of the database', async () => {
    const db = await BoltDb.open(await diskWith(file), path);
    await expect(db.read(() => Promise.reject(new Error('enough')))).rejects.toThrow('enough');
    const tx = db.beginWrite();
    await tx.createBucket(bytes('new'));
    await tx.commit();
    expect(await check(db)).toEqual([]);
    await db.close();
  });
});

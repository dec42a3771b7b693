/** The database against a model, through many commits, and what is promised to readers meanwhile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb, type BoltOptions } from '../../../../src/server/storage/bolt/db.ts';
import { BoltUsageError } from '../../../../src/server/storage/bolt/errors.ts';
import { decodeMetaPage } from '../../../../src/server/storage/bolt/meta.ts';
import { keyBytesMax, type WriteBucket } from '../../../../src/server/storage/bolt/write-bucket.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { act, bytes, contentOf, copyModel, emptyModel, latin1, printModel, smallHabits } from './model.ts';

const path = '/data/db';

async function newDisk(): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory('/data');
  return disk;
}

async function printContent(db: BoltDb): Promise<string> {
  return printModel(await db.read((tx) => contentOf(tx.root)));
}

/** A database with bucket `b` and keys of ten digits in it. */
async function withKeys(count: number, options: BoltOptions = {}): Promise<BoltDb> {
  const db = await BoltDb.open(await newDisk(), path, options);
  const tx = db.beginWrite();
  const bucket = await tx.createBucket(bytes('b'));
  for (let i = 0; i < count; i++) bucket.put(bytes(String(i).padStart(10, '0')), bytes(`value ${i}`));
  await tx.commit();
  return db;
}

describe('a database', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'holds what a model holds, commit by commit, and is consistent (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const disk = await newDisk();
      const options = { pageSize: seed % 2 === 0 ? 1024 : 4096, cacheBytesMax: seed % 3 === 0 ? 8192 : 1_000_000 };
      let db = await BoltDb.open(disk, path, options);
      let model = emptyModel();
      for (let commit = 0; commit < 40; commit++) {
        const tx = db.beginWrite();
        const next = copyModel(model);
        await act(tx, next, random, 1 + random.below(60));
        if (random.below(8) === 0) tx.rollback();
        else {
          await tx.commit();
          model = next;
        }
        expect(await check(db)).toEqual([]);
        expect(await printContent(db)).toBe(printModel(model));
        if (random.below(5) === 0) {
          const inUse = db.inUse();
          await db.close();
          db = await BoltDb.open(disk, path, options);
          // Pages that were pending are free after a restart.
          expect(db.inUse()).toBeLessThanOrEqual(inUse);
          expect(await printContent(db)).toBe(printModel(model));
        }
      }
      await db.close();
    },
  );

  it('keeps a small bucket inline, and gives back the pages of one that becomes small', async () => {
    const db = await withKeys(3, { pageSize: 1024 });
    const empty = db.size();
    const resize = async (from: number, to: number) => {
      const tx = db.beginWrite();
      const bucket = (await tx.bucket(bytes('b'))) ?? expect.fail();
      for (let i = from; i < to; i++) bucket.put(bytes(String(i).padStart(10, '0')), Buffer.alloc(100, i));
      for (let i = to; i < from; i++) bucket.delete(bytes(String(i).padStart(10, '0')));
      await tx.commit();
      expect(await check(db)).toEqual([]);
      let count = 0;
      await db.read(async (read) => {
        await (await read.bucket(bytes('b')))?.scan({ from: null, to: null }, () => ++count > 0);
      });
      expect(count).toBe(to);
    };
    let count = 3;
    for (const next of [5, 2, 8, 1, 300, 7, 0, 200, 1, 0]) {
      await resize(count, next);
      count = next;
    }
    for (let i = 0; i < 2; i++) await resize(0, 0);
    const tx = db.beginWrite();
    (await tx.bucket(bytes('b')))?.put(bytes('last'), bytes('x'));
    await tx.commit();
    db.beginWrite().rollback();
    // Two metas, the leaf of the buckets, and the one before it at most.
    expect(db.inUse()).toBeLessThanOrEqual(empty);
    await db.close();
  });

  it('gives back every page of deleted buckets once, also of buckets that were deleted in them before', async () => {
    const db = await BoltDb.open(await newDisk(), path, { pageSize: 1024 });
    const fill = async (bucket: WriteBucket) => {
      for (let i = 0; i < 200; i++) bucket.put(bytes(`k${i}`), Buffer.alloc(50));
    };
    const first = db.beginWrite();
    const outer = await first.createBucket(bytes('outer'));
    for (const bucket of [outer, await outer.createBucket(bytes('inner'))]) await fill(bucket);
    const inner = (await outer.bucket(bytes('inner'))) ?? expect.fail();
    for (const name of ['a', 'b', 'c']) await fill(await inner.createBucket(bytes(name)));
    await first.commit();
    expect(await check(db)).toEqual([]);

    const second = db.beginWrite();
    const opened = await (await second.bucket(bytes('outer')))?.bucket(bytes('inner'));
    await opened?.deleteBucket(bytes('a'));
    await fill((await opened?.createBucket(bytes('new'))) ?? expect.fail());
    (await opened?.bucket(bytes('b')))?.put(bytes('k1'), bytes('changed'));
    await second.deleteBucket(bytes('outer'));
    expect(await second.bucketNames()).toEqual([]);
    await second.commit();
    expect(await check(db)).toEqual([]);
    db.beginWrite().rollback();
    // Two metas, and the leaf of the buckets.
    expect(db.inUse()).toBe(3 * 1024);
    await db.close();
  });

  it('opens a bucket once, however many ask for it', async () => {
    const db = await withKeys(500, { cacheBytesMax: 0 });
    const tx = db.beginWrite();
    const [one, two] = await Promise.all([tx.bucket(bytes('b')), tx.bucket(bytes('b'))]);
    expect(one).toBe(two);
    tx.rollback();
    await db.close();
  });

  it('applies what was put between reads that overlap in the order of the puts', async () => {
    const db = await withKeys(500, { pageSize: 1024, cacheBytesMax: 0 });
    const tx = db.beginWrite();
    const bucket = (await tx.bucket(bytes('b'))) ?? expect.fail();
    const reads: Promise<Uint8Array | null>[] = [];
    for (const value of ['one', 'two', 'three']) {
      bucket.put(bytes('0000000100'), bytes(value));
      bucket.put(bytes(value), bytes(value));
      reads.push(bucket.get(bytes(value)));
    }
    expect((await Promise.all(reads)).map((value) => value && latin1(value))).toEqual(['one', 'two', 'three']);
    expect(await bucket.get(bytes('0000000100'))).toEqual(bytes('three'));
    await tx.commit();
    expect(await check(db)).toEqual([]);
    await db.read(async (read) => {
      for (const value of ['one', 'two', 'three']) {
        expect(await (await read.bucket(bytes('b')))?.get(bytes(value))).toEqual(bytes(value));
      }
    });
  });

  it('writes the metas in turn, so that the last but one is left alone', async () => {
    const disk = await newDisk();
    const db = await BoltDb.open(disk, path);
    const txids: (number | undefined)[][] = [];
    for (let commit = 0; commit < 3; commit++) {
      const tx = db.beginWrite();
      await tx.createBucket(bytes(`bucket ${commit}`));
      await tx.commit();
      const file = await disk.open(path, 'read');
      const start = Buffer.alloc(8192);
      await file.read(start, 0);
      await file.close();
      txids.push([0, 4096].map((at) => decodeMetaPage(start.subarray(at))?.txid));
    }
    expect(txids).toEqual([
      [2, 1],
      [2, 3],
      [4, 3],
    ]);
    await db.close();
  });

  it('writes nothing when there is nothing to write', async () => {
    const disk = await newDisk();
    const db = await BoltDb.open(disk, path);
    const { operations } = disk;
    const tx = db.beginWrite();
    expect(await tx.bucket(bytes('b'))).toBeNull();
    await tx.commit();
    const second = db.beginWrite();
    await second.createBucket(bytes('b'));
    await second.commit();
    const third = db.beginWrite();
    (await third.bucket(bytes('b')))?.delete(bytes('not there'));
    const written = disk.operations;
    await third.commit();
    expect(written).toBeGreaterThan(operations);
    expect(disk.operations).toBe(written);
    await db.close();
  });

  it('lets readers see the state they began with, whatever is written meanwhile', async () => {
    const random = seededRandom(9);
    const db = await BoltDb.open(await newDisk(), path, { pageSize: 1024, cacheBytesMax: 16_384 });
    const model = emptyModel();
    const readers: { tx: ReturnType<BoltDb['beginRead']>; expected: string }[] = [];
    for (let commit = 0; commit < 60; commit++) {
      const tx = db.beginWrite();
      await act(tx, model, random, 20);
      await tx.commit();
      readers.push({ tx: db.beginRead(), expected: printModel(model) });
      if (readers.length > 6 || random.below(4) === 0) {
        const [{ tx: reader, expected } = readers[0] ?? expect.fail()] = readers.splice(
          random.below(readers.length),
          1,
        );
        expect(printModel(await contentOf(reader.root))).toBe(expected);
        reader.close();
      }
      expect(await check(db)).toEqual([]);
    }
    for (const { tx, expected } of readers) {
      expect(printModel(await contentOf(tx.root))).toBe(expected);
      tx.close();
      await expect(contentOf(tx.root)).rejects.toThrow('the transaction is closed');
    }
    await db.close();
  });

  it.each([1, 2, 3])(
    'serves many readers at once while it commits, on a disk where operations overtake each other (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const delay = async () => {
        for (let turns = random.below(20); turns > 0; turns--) await Promise.resolve();
      };
      const disk = new SimDisk(seededRandom(seed), { delay });
      await disk.makeDirectory('/data');
      const db = await BoltDb.open(disk, path, { pageSize: 1024, cacheBytesMax: 20_480 });
      const model = emptyModel();
      const states = new Map([[1, printModel(model)]]);
      let writing = true;
      const write = async () => {
        for (let commit = 0; commit < 60; commit++) {
          const tx = db.beginWrite();
          await act(tx, model, random, 15);
          // The commit makes the state visible before its promise tells us.
          states.set(1 + states.size, printModel(model));
          await tx.commit();
        }
        writing = false;
      };
      let reads = 0;
      const read = async () => {
        while (writing) {
          const tx = db.beginRead();
          const expected = states.get(tx.meta.txid);
          // Twice: the second time from the cache, in part.
          expect(printModel(await contentOf(tx.root))).toBe(expected);
          expect(printModel(await contentOf(tx.root))).toBe(expected);
          tx.close();
          reads++;
        }
      };
      await Promise.all([write(), read(), read(), read()]);
      expect(reads).toBeGreaterThan(10);
      expect(await check(db)).toEqual([]);
      await db.close();
    },
  );

  it('uses pages again that were freed between two long readers', async () => {
    const db = await withKeys(2000);
    const long = db.beginRead();
    const rewrite = async () => {
      const tx = db.beginWrite();
      const bucket = await tx.bucket(bytes('b'));
      bucket?.put(bytes('0000000500'), bytes('again'));
      await tx.commit();
    };
    for (let i = 0; i < 3; i++) await rewrite();
    const size = db.size();
    for (let i = 0; i < 50; i++) await rewrite();
    expect(db.size()).toBe(size);
    expect(latin1((await (await long.bucket(bytes('b')))?.get(bytes('0000000500'))) ?? bytes(''))).toBe('value 500');
    long.close();
    expect(await check(db)).toEqual([]);
  });

  it('copies itself as it was when the copy began, while writes go on', async () => {
    const random = seededRandom(4);
    const disk = await newDisk();
    const db = await BoltDb.open(disk, path, { pageSize: 1024 });
    const model = emptyModel();
    for (let i = 0; i < 10; i++) {
      const tx = db.beginWrite();
      await act(tx, model, random, 100, { ...smallHabits, keys: 5000, valueBytesMax: 4000 });
      await tx.commit();
    }
    const expected = printModel(model);
    const size = db.size();
    const chunks: Uint8Array[] = [];
    const copied = await db.snapshotTo(async (chunk) => {
      chunks.push(chunk);
      const tx = db.beginWrite();
      await act(tx, model, random, 50);
      await tx.commit();
    });
    expect(copied).toBe(size);
    const copy = Buffer.concat(chunks);
    expect(copy.length).toBe(size);
    expect(chunks.length).toBeGreaterThan(2);
    const [first = 0, second = 0] = [0, 1024].map((at) => decodeMetaPage(copy.subarray(at))?.txid);
    expect(second).toBe(first - 1);
    const file = await disk.open('/data/copy', 'create');
    await file.writev([copy], 0);
    await file.close();
    const opened = await BoltDb.open(disk, '/data/copy');
    expect(await check(opened)).toEqual([]);
    expect(await printContent(opened)).toBe(expected);
    await opened.close();
    await db.close();
  });

  it('has one write transaction at a time, and none after it is closed', async () => {
    const db = await withKeys(1);
    const tx = db.beginWrite();
    expect(() => db.beginWrite()).toThrow(new BoltUsageError('a write transaction is open'));
    tx.rollback();
    tx.rollback();
    await expect(tx.bucket(bytes('b'))).rejects.toThrow('the transaction is over');
    db.beginWrite().rollback();
    await db.close();
    await db.close();
    expect(() => db.beginWrite()).toThrow('database /data/db is closed');
    expect(() => db.beginRead()).toThrow('database /data/db is closed');
  });

  it('takes no more changes once its commit has begun: they would be lost', async () => {
    const db = await withKeys(1);
    const tx = db.beginWrite();
    const bucket = (await tx.bucket(bytes('b'))) ?? expect.fail();
    bucket.put(bytes('k'), bytes('in time'));
    const committed = tx.commit();
    const late = 'the transaction is being committed';
    expect(() => bucket.put(bytes('k'), bytes('late'))).toThrow(late);
    expect(() => bucket.delete(bytes('k'))).toThrow(late);
    await expect(bucket.get(bytes('k'))).rejects.toThrow(late);
    await expect(tx.createBucket(bytes('c'))).rejects.toThrow(late);
    await expect(tx.commit()).rejects.toThrow('a transaction is committed once');
    await committed;
    expect(() => bucket.put(bytes('k'), bytes('later'))).toThrow('the transaction is over');
    const value = await db.read(async (read) => (await read.bucket(bytes('b')))?.get(bytes('k')));
    expect(latin1(value ?? bytes(''))).toBe('in time');
    await db.close();
  });

  it('fails for good when a write or a sync fails', async () => {
    const disk = await newDisk();
    const db = await BoltDb.open(disk, path);
    const tx = db.beginWrite();
    await tx.createBucket(bytes('b'));
    disk.failAt(disk.operations + 2, 'EIO');
    await expect(tx.commit()).rejects.toThrow('database /data/db failed: EIO');
    expect(() => db.beginWrite()).toThrow('database /data/db failed: EIO');
    await db.close();
  });

  it('is as before when a commit asks for what cannot be', async () => {
    const db = await withKeys(10);
    const before = await printContent(db);
    const tx = db.beginWrite();
    const bucket = await tx.bucket(bytes('b'));
    await bucket?.createBucket(bytes('inner'));
    bucket?.put(bytes('inner'), bytes('a value'));
    await expect(tx.commit()).rejects.toThrow(`key ${bytes('inner').toString('hex')} is both a value and a bucket`);
    expect(await printContent(db)).toBe(before);
    const again = db.beginWrite();
    (await again.bucket(bytes('b')))?.put(bytes('x'), bytes('y'));
    await again.commit();
    expect(await check(db)).toEqual([]);
  });

  it('refuses keys and buckets that cannot be', async () => {
    const db = await withKeys(1);
    const tx = db.beginWrite();
    const bucket = await tx.createBucket(bytes('c'));
    expect(() => bucket.put(bytes(''), bytes(''))).toThrow('a key has at least one byte');
    expect(() => bucket.put(Buffer.alloc(keyBytesMax + 1), bytes(''))).toThrow('a key of 32769 bytes is above 32768');
    bucket.put(Buffer.alloc(keyBytesMax, 1), bytes('at the limit'));
    await expect(tx.createBucket(bytes('c'))).rejects.toThrow('bucket "c" exists');
    await expect(tx.deleteBucket(bytes('d'))).rejects.toThrow('bucket "d" does not exist');
    await tx.commit();
    expect(await check(db)).toEqual([]);
    await db.read(async (read) => {
      const stored = await read.bucket(bytes('c'));
      expect(await stored?.get(Buffer.alloc(keyBytesMax, 1))).toEqual(bytes('at the limit'));
    });
  });

  it('reads its own writes before they are committed', async () => {
    const db = await withKeys(500);
    const tx = db.beginWrite();
    const bucket = (await tx.bucket(bytes('b'))) ?? expect.fail();
    bucket.put(bytes('0000000100'), bytes('changed'));
    bucket.delete(bytes('0000000101'));
    expect(await Promise.all([bucket.get(bytes('0000000100')), bucket.get(bytes('0000000101'))])).toEqual([
      bytes('changed'),
      null,
    ]);
    expect((await tx.bucketNames()).map(latin1)).toEqual(['b']);
    const seen: string[] = [];
    await bucket.scan({ from: bytes('0000000099'), to: bytes('0000000103') }, (key) => seen.push(latin1(key)) > 0);
    expect(seen).toEqual(['0000000099', '0000000100', '0000000102']);
    tx.rollback();
  });
});

describe('a cursor', () => {
  it('moves over the keys of a sorted set', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme-ascii' }), { maxLength: 300 }),
        fc.array(fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme-ascii' }), { maxLength: 10 }),
        async (keys, sought) => {
          const db = await BoltDb.open(await newDisk(), path, { pageSize: 1024 });
          const tx = db.beginWrite();
          const bucket = await tx.createBucket(bytes('b'));
          for (const key of keys) bucket.put(bytes(key), bytes('v'.repeat(40)));
          await tx.commit();
          const sorted = [...keys].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
          await db.read(async (read) => {
            const cursor = ((await read.bucket(bytes('b'))) ?? expect.fail()).cursor();
            const up: string[] = [];
            for (let on = await cursor.first(); on; on = await cursor.next()) up.push(latin1(cursor.key));
            expect(up).toEqual(sorted);
            const down: string[] = [];
            for (let on = await cursor.last(); on; on = await cursor.prev()) down.push(latin1(cursor.key));
            expect(down).toEqual(sorted.toReversed());
            for (const key of sought) {
              const at = sorted.findIndex((one) => Buffer.compare(bytes(one), bytes(key)) >= 0);
              expect(await cursor.seek(bytes(key))).toBe(at >= 0);
              expect(latin1(cursor.key)).toBe(sorted[at] ?? '');
              if (at < 0) continue;
              expect(cursor.value.length).toBe(40);
              expect(cursor.isBucket).toBe(false);
              expect(await cursor.prev()).toBe(at > 0);
              expect(latin1(cursor.key)).toBe(sorted[at - 1] ?? '');
            }
          });
          await db.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a scan', () => {
  it.each([
    ['all', null, null, 5000],
    ['from a key', '0000004990', null, 10],
    ['up to a key', null, '0000000010', 10],
    ['between keys that are not there', '00000000055', '00000040000x', 3995],
    ['of nothing', '0000000100', '0000000100', 0],
    ['behind the last key', 'x', null, 0],
  ])('visits a range: %s', async (_, from, to, count) => {
    const db = await withKeys(5000, { pageSize: 1024, cacheBytesMax: 4096 });
    await db.read(async (tx) => {
      const bucket = (await tx.bucket(bytes('b'))) ?? expect.fail();
      const seen: string[] = [];
      const range = { from: from === null ? null : bytes(from), to: to === null ? null : bytes(to) };
      await bucket.scan(range, (key) => seen.push(latin1(key)) > 0);
      expect(seen.length).toBe(count);
      expect(seen).toEqual([...seen].sort());
      for (const key of seen) expect((from === null || key >= from) && (to === null || key < to)).toBe(true);
    });
  });

  it('ends when its visitor has had enough', async () => {
    const db = await withKeys(5000);
    let visits = 0;
    await db.read(async (tx) => {
      await (await tx.bucket(bytes('b')))?.scan({ from: null, to: null }, () => ++visits < 700);
    });
    expect(visits).toBe(700);
  });
});

/** The checksums of pages in memory, and the log of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { PageChecksumError } from '../../../../src/server/storage/bolt/errors.ts';
import { PageSums, sumOf } from '../../../../src/server/storage/bolt/page-sums.ts';
import {
  encodeCommit,
  encodeDone,
  encodeHeader,
  encodeTable,
  replay,
} from '../../../../src/server/storage/bolt/sums-format.ts';
import { readSumsLog, SumsLog } from '../../../../src/server/storage/bolt/sums-log.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

const pageSize = 1024;
const identity = 'a file';

const pageOf = (fill: number, pages = 1) => Buffer.alloc(pages * pageSize, fill);

describe('page checksums', () => {
  it('take what is not known as it is, and notice when it changes', () => {
    const sums = new PageSums();
    sums.reserve(10);
    expect(sums.compare(pageOf(1), 7, pageSize)).toBeNull();
    expect(sums.compare(pageOf(1), 7, pageSize)).toBeNull();
    const mismatch = { page: 7, expected: sumOf(pageOf(1)), found: sumOf(pageOf(2)) };
    expect(sums.compare(pageOf(2), 7, pageSize)).toEqual(mismatch);
  });

  it('know each page of those in a row by itself', () => {
    const sums = new PageSums();
    sums.reserve(10);
    const run = pageOf(3, 4);
    sums.noteWritten(run, 4, pageSize);
    run[2 * pageSize + 5] = 9;
    expect(sums.compare(run, 4, pageSize)?.page).toBe(6);
    expect(sums.compare(run.subarray(0, 2 * pageSize), 4, pageSize)).toBeNull();
  });

  it('are shared with other threads, also what comes later', () => {
    const segment = 32 * 1024;
    const sums = new PageSums();
    sums.reserve(segment);
    const other = new PageSums(sums.buffersFrom(0));
    sums.set(segment - 1, 17);
    expect(other.get(segment - 1)).toBe(17);
    // There is no room for it yet: whoever reads such a page takes it as it is.
    expect(other.compare(pageOf(1), segment, pageSize)).toBeNull();
    sums.reserve(segment + 1);
    expect(sums.bufferCount).toBe(2);
    other.adopt(sums.buffersFrom(1));
    sums.set(segment, 18);
    expect(other.get(segment)).toBe(18);
  });

  it('of an error say where, what and what to do', () => {
    const changed = {
      path: '/d/db',
      page: 3,
      pageSize,
      kind: 'leaf',
      of: 2,
      expected: 0xab,
      found: 0xcdef0123,
    } as const;
    const error = new PageChecksumError(changed).inBucket('bucket "key"');
    expect(error.message).toBe(
      'database /d/db is corrupt: page 3: the leaf at byte 3072, a part of page 2, of bucket "key", has the checksum cdef0123, but was ' +
        'written with 000000ab: the disk or the memory has changed it. Remove the member from the cluster and add it again with an empty ' +
        'data directory, or restore a snapshot',
    );
    expect(error.offset).toBe(3072);
  });
});

/** A log of a table and three commits, of which the last is not done, with the ends of its records. */
function someLog(): { readonly bytes: Buffer; readonly ends: number[]; readonly tables: number[][] } {
  const sums = new PageSums();
  sums.reserve(40);
  for (let page = 2; page < 30; page++) sums.set(page, page * 1000);
  const table = () => Array.from({ length: 40 }, (_, page) => sums.get(page));
  const header = encodeHeader(pageSize, identity);
  const pieces = [header.bytes];
  let { chain } = header;
  const ends: number[] = [];
  const tables: number[][] = [];
  const length = () => pieces.reduce((sum, piece) => sum + piece.length, 0);
  const add = (piece: { readonly bytes: Uint8Array; readonly chain: number }) => {
    pieces.push(piece.bytes);
    chain = piece.chain;
  };
  for (let txid = 5; txid < 9; txid++) {
    for (let page = txid; page < txid * 4; page += 3) sums.set(page, txid * 7 + page);
    const pages = Array.from({ length: 40 }, (_, page) => page).filter(
      (page) => page >= txid && (page - txid) % 3 === 0,
    );
    const mark = { txid, checksum: 2n ** 63n + BigInt(txid) };
    add(txid === 5 ? encodeTable(chain, mark, sums, 40) : encodeCommit(chain, mark, sums, pages));
    if (txid < 8) {
      add(encodeDone(chain));
      ends.push(length());
      tables.push(table());
    }
  }
  return { bytes: Buffer.concat(pieces), ends, tables };
}

describe('a log of page checksums', () => {
  const { bytes, ends, tables } = someLog();

  it('tells of the last commit that was done, and of one that may not be', () => {
    const sums = new PageSums();
    const found = replay(Buffer.from(bytes), pageSize, identity, sums);
    expect(found).toMatchObject({ mark: { txid: 7, checksum: 2n ** 63n + 7n }, bytes: ends[2], isOfFile: true });
    expect(found?.open).toMatchObject({ mark: { txid: 8 }, bytes: bytes.length });
    expect(Array.from({ length: 40 }, (_, page) => sums.get(page))).toEqual(tables[2]);
    expect(replay(Buffer.from(bytes), pageSize, 'another', new PageSums())?.isOfFile).toBe(false);
    expect(replay(Buffer.from(bytes), 4096, identity, new PageSums())).toBeNull();
  });

  it('that is cut off or damaged tells of an earlier state, never of a wrong one', () => {
    const damage = fc.oneof(
      fc.record({ type: fc.constant('cut' as const), at: fc.nat(bytes.length - 1) }),
      fc.record({ type: fc.constant('flip' as const), at: fc.nat(bytes.length - 1), bit: fc.nat(7) }),
    );
    fc.assert(
      fc.property(damage, (what) => {
        const copy = Buffer.from(what.type === 'cut' ? bytes.subarray(0, what.at) : bytes);
        if (what.type === 'flip') copy[what.at] = (copy[what.at] ?? 0) ^ (1 << what.bit);
        const sums = new PageSums();
        const found = replay(copy, pageSize, identity, sums);
        if (found === null) return;
        const state = ends.indexOf(found.bytes);
        expect(found.mark.txid).toBe(5 + state);
        expect(found.bytes).toBeLessThanOrEqual(what.type === 'cut' ? what.at : Math.max(what.at, ends[2] ?? 0));
        expect(Array.from({ length: 40 }, (_, page) => sums.get(page))).toEqual(tables[state]);
      }),
      { numRuns: 500 },
    );
  });

  it('continues where it was, over what was left behind there', async () => {
    const disk = new SimDisk(seededRandom(1));
    await disk.makeDirectory('/d');
    const sums = new PageSums();
    sums.reserve(8);
    const known = { pageSize, pages: 8, identity, mark: { txid: 1, checksum: 1n }, sums };
    const first = await SumsLog.create(disk, '/d/log', known);
    const end = await readSumsLog(disk, '/d/log', known);
    // A commit that never came to be, longer than the one that takes its place.
    await first.commit({ txid: 2, checksum: 2n }, sums, [2, 3, 4, 5, 6]);
    await first.close();
    sums.set(7, 70);
    const second = await SumsLog.resume(disk, '/d/log', {
      bytes: end?.bytes ?? 0,
      chain: end?.chain ?? 0,
      isOpen: false,
    });
    await second.commit({ txid: 2, checksum: 2n }, sums, [7]);
    await second.done();
    await second.close();
    const found = new PageSums();
    expect(await readSumsLog(disk, '/d/log', { ...known, sums: found })).toMatchObject({
      mark: { txid: 2 },
      open: null,
    });
    expect(found.get(7)).toBe(70);
  });

  it('is none if it is larger than any', async () => {
    const disk = new SimDisk(seededRandom(1));
    await disk.makeDirectory('/d');
    const known = { pageSize, pages: 8, identity, mark: { txid: 1, checksum: 1n }, sums: new PageSums() };
    await (await SumsLog.create(disk, '/d/log', known)).close();
    const max = 64 * 1024 * 1024 + 64 * 8;
    for (const [size, isLog] of [
      [max, true],
      [max + 1, false],
    ] as const) {
      const file = await disk.open('/d/log', 'readWrite');
      await file.truncate(size);
      await file.close();
      expect((await readSumsLog(disk, '/d/log', known)) !== null).toBe(isLog);
    }
  });
});

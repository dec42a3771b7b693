/** The parts of the database that decide without touching a file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { fitsInline } from '../../../../src/server/storage/bolt/bucket-value.ts';
import { compareBytes, readU64, writeU64 } from '../../../../src/server/storage/bolt/bytes.ts';
import { Edits } from '../../../../src/server/storage/bolt/edits.ts';
import { FreePages, PageSet } from '../../../../src/server/storage/bolt/free-pages.ts';
import { grown, mapBytesFor } from '../../../../src/server/storage/bolt/growth.ts';
import { Node } from '../../../../src/server/storage/bolt/node.ts';
import { parsePage } from '../../../../src/server/storage/bolt/page.ts';
import { PageCache } from '../../../../src/server/storage/bolt/page-cache.ts';
import { splitPoints } from '../../../../src/server/storage/bolt/split.ts';
import { bytes } from './model.ts';

const anyBytes = fc.uint8Array({ maxLength: 12 });

describe('keys', () => {
  it('are ordered as Buffer.compare has it', () => {
    fc.assert(fc.property(anyBytes, anyBytes, (a, b) => Math.sign(compareBytes(a, b)) === Buffer.compare(a, b)));
  });
});

describe('64-bit integers', () => {
  it('are exact up to 2^53 - 1, and no page beyond', () => {
    const buffer = Buffer.alloc(8);
    for (const value of [0, 1, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER]) {
      writeU64(buffer, 0, value);
      expect(buffer.readBigUInt64LE()).toBe(BigInt(value));
      expect(readU64(buffer, 0)).toBe(value);
    }
    buffer.writeBigUInt64LE(2n ** 53n);
    expect(readU64(buffer, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('edits', () => {
  it('are sorted by key, the last of a key staying', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.option(fc.integer()))), (list) => {
        const edits = new Edits();
        const expected = new Map<number, number | null>();
        for (const [key, value] of list) {
          edits.add(Buffer.from([key]), value === null ? null : bytes(String(value)), 0);
          expected.set(key, value);
        }
        edits.sort();
        const found = edits.keys.map((key, i) => [key[0], edits.values[i] ?? null]);
        const wanted = [...expected].sort(([a], [b]) => a - b);
        expect(found).toEqual(wanted.map(([key, value]) => [key, value === null ? null : bytes(String(value))]));
      }),
    );
  });
});

/** A leaf with values of these lengths under keys of four bytes. */
function leafOf(lengths: readonly number[]): Node {
  const edits = new Edits();
  for (const [i, length] of lengths.entries()) {
    const key = Buffer.alloc(4);
    key.writeUInt32BE(i + 1);
    edits.add(key, Buffer.alloc(length, 7), 0);
  }
  const leaf = Node.emptyLeaf();
  leaf.merge(edits, 0, edits.count);
  return leaf;
}

describe('a node', () => {
  it('is divided into pages that hold all its items, none too few', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(900), { maxLength: 200 }),
        fc.constantFrom(0.1, 0.5, 0.9, 1),
        (lengths, fillPercent) => {
          const leaf = leafOf(lengths);
          const ends = splitPoints(leaf, 1024, fillPercent);
          expect(ends.at(-1)).toBe(leaf.count);
          let from = 0;
          for (const [i, to] of ends.entries()) {
            if (i > 0) expect(to - from).toBeGreaterThanOrEqual(2);
            // More than two items never make a page overflow that could have been divided.
            if (leaf.bytes(from, to) > 1024) expect(to - from).toBeLessThanOrEqual(4);
            from = to;
          }
        },
      ),
    );
  });

  it('fills pages to the fill percentage, the last with what is left', () => {
    const leaf = leafOf(Array<number>(100).fill(80));
    expect(splitPoints(leaf, 1024, 0.5)).toEqual([
      4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 100,
    ]);
    expect(splitPoints(leaf, 1024, 0.9)).toEqual([9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 100]);
    expect(splitPoints(leafOf([3000, 3000, 10]), 1024, 0.5)).toEqual([3]);
  });

  it('is inline in its parent up to a quarter of a page', () => {
    // A header of 16 bytes, an element of 16, a key of 4.
    expect(fitsInline(leafOf([256 - 36]), 1024)).toBe(true);
    expect(fitsInline(leafOf([257 - 36]), 1024)).toBe(false);
  });

  it('survives a round trip through a page', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 20 }), (lengths) => {
        const leaf = leafOf(lengths);
        const page = Buffer.alloc(4096, 0xff);
        leaf.encode(0, leaf.count, page, 5, 1);
        const parsed = parsePage(page, 5, 6);
        if (!parsed.ok) throw new Error(parsed.error);
        expect(parsed.value.dataBytes).toBe(leaf.bytes());
        const again = Buffer.alloc(4096, 0xff);
        Node.fromPage(parsed.value).encode(0, leaf.count, again, 5, 1);
        expect(again.equals(page)).toBe(true);
      }),
    );
  });
});

describe('free pages', () => {
  it('are never given out while a reader may see them, nor twice', () => {
    for (let seed = 1; seed <= 30; seed++) freePagesLife(seed);
  });

  it('are found in rows', () => {
    const used = new PageSet(200);
    for (let page = 2; page < 200; page++) if (page % 10 < 4) used.add(page);
    const free = new FreePages(used, 200);
    expect(free.freeCount).toBe(120);
    expect(free.allocate(7, 1, false)).toBeNull();
    expect(free.allocate(6, 1, false)).toBe(4);
    expect(free.allocate(4, 1, false)).toBe(14);
    expect(free.allocate(3, 1, false)).toBe(24);
    expect(free.allocate(2, 1, false)).toBe(18);
    expect(free.allocate(1, 1, false)).toBe(27);
    expect(free.freeCount).toBe(120 - 16);
  });
});

/** Commits that replace pages, under readers that come and go; the naive truth is which pages each state consists of. */
function freePagesLife(seed: number): void {
  const random = seededRandom(seed);
  let highWater = 10;
  let live = new Set([2, 3, 4, 5, 6]);
  const used = new PageSet(highWater);
  for (const page of live) used.add(page);
  const free = new FreePages(used, highWater);
  const readers = new Map<number, Set<number>>();
  for (let txid = 1; txid <= 80; txid++) {
    free.release([...readers.keys()]);
    const next = new Set(live);
    const protectedPages = new Set([...live, ...[...readers.values()].flatMap((pages) => [...pages])]);
    for (let i = random.below(4); i > 0; i--) {
      const pages = 1 + random.below(3);
      const found = free.allocate(pages, txid, readers.size > 0);
      const page = found ?? highWater;
      if (found === null) {
        highWater += pages;
        free.noteAllocation({ page, pages }, txid, readers.size > 0);
      }
      for (let at = page; at < page + pages; at++) {
        expect(protectedPages.has(at)).toBe(false);
        expect(next.has(at)).toBe(false);
        next.add(at);
      }
    }
    const dropped = [...live].filter(() => random.below(3) === 0);
    for (const page of dropped) next.delete(page);
    free.free(
      dropped.map((page) => ({ page, pages: 1 })),
      txid,
    );
    live = next;
    if (random.below(3) === 0) readers.set(txid, live);
    const [oldest] = readers.keys();
    if (oldest !== undefined && random.below(4) === 0) readers.delete(oldest);
  }
  readers.clear();
  free.release([]);
  expect(free.pendingCount).toBe(0);
  expect(free.freeCount).toBe(highWater - 2 - live.size);
}

describe('the file', () => {
  it('grows to the sizes that bbolt 1.4.3 gave it', () => {
    // etcd gives a map of 10 GiB; the other sizes are from runs without.
    const etcd = { fileBytes: 16_384, mapBytes: mapBytesFor(10 * 2 ** 30) };
    expect(grown(etcd, 5, 4096).fileBytes).toBe(16_801_792);
    let size = { fileBytes: 16_384, mapBytes: mapBytesFor(16_384) };
    for (const [highWater, fileBytes] of bboltSizes) {
      size = grown(size, highWater, 4096);
      expect(size.fileBytes, `${highWater} pages`).toBe(fileBytes);
    }
  });

  it('is mapped in steps of powers of two, then of 1 GiB', () => {
    expect([1, 32_768, 32_769, 2 ** 30, 2 ** 30 + 1, 3.5 * 2 ** 30].map(mapBytesFor)).toEqual([
      32_768,
      32_768,
      65_536,
      2 ** 30,
      2 * 2 ** 30,
      4 * 2 ** 30,
    ]);
  });
});

/** High-water mark after a commit, and the size of the file. */
const bboltSizes = [
  [178, 1_048_576],
  [303, 2_097_152],
  [555, 4_194_304],
  [1336, 8_388_608],
  [2484, 16_777_216],
  [4232, 34_115_584],
] as const;

describe('the page cache', () => {
  it('forgets the least recently used beyond its bytes', () => {
    const pageOf = (id: number) => {
      const page = Buffer.alloc(1024);
      Node.emptyLeaf().encode(0, 0, page, id, 1);
      const parsed = parsePage(page, id, 100);
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    };
    const cache = new PageCache(3 * 1024);
    for (const id of [2, 3, 4]) cache.add(pageOf(id));
    expect(cache.get(2)?.id).toBe(2);
    cache.add(pageOf(5));
    expect([2, 3, 4, 5].map((id) => cache.get(id) !== null)).toEqual([true, false, true, true]);
    expect(cache.bytes).toBe(3 * 1024);
    cache.delete(4);
    cache.delete(4);
    expect(cache.bytes).toBe(2 * 1024);
    const none = new PageCache(1023);
    none.add(pageOf(2));
    expect(none.bytes).toBe(0);
  });
});

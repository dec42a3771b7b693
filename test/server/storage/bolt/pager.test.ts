/** Reading pages while others are written. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { Edits } from '../../../../src/server/storage/bolt/edits.ts';
import { Node } from '../../../../src/server/storage/bolt/node.ts';
import { Pager } from '../../../../src/server/storage/bolt/pager.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { bytes, latin1 } from './model.ts';

const pageSize = 1024;

/** A leaf with one item of this value, that takes `span` pages. */
function leafPage(id: number, value: string): Buffer {
  const edits = new Edits();
  edits.add(bytes('key'), bytes(value), 0);
  const leaf = Node.emptyLeaf();
  leaf.merge(edits, 0, 1);
  const span = Math.ceil(leaf.bytes() / pageSize);
  const page = Buffer.alloc(span * pageSize);
  leaf.encode(0, 1, page, id, span);
  return page;
}

async function pagerOf(pages: readonly Buffer[], cacheBytesMax: number) {
  const disk = new SimDisk(seededRandom(1));
  const file = await disk.open('/db', 'create');
  await file.writev([Buffer.alloc(2 * pageSize), ...pages], 0);
  const highWater = 2 + Buffer.concat(pages).length / pageSize;
  return new Pager('/db', file, pageSize, highWater, cacheBytesMax);
}

describe('a pager', () => {
  it('does not keep what it was reading of a page that is written meanwhile', async () => {
    const pager = await pagerOf([leafPage(2, 'old')], 100_000);
    const reading = pager.load(2);
    pager.forget(2);
    await reading;
    await pager.file.writev([leafPage(2, 'new')], 2 * pageSize);
    expect(pager.cached(2)).toBeNull();
    expect(latin1((await pager.load(2)).value(0))).toBe('new');
    expect(pager.cached(2)).not.toBeNull();
  });

  it('reads a page once for all who wait for it', async () => {
    const pager = await pagerOf([leafPage(2, 'x')], 100_000);
    const first = pager.load(2);
    expect(pager.load(2)).toBe(first);
    expect(pager.load(2)).toBe(first);
    const page = await first;
    expect(pager.load(2)).toBe(page);
  });

  it('reads rows of pages at once, with gaps, large pages and all', async () => {
    const large = leafPage(4, 'l'.repeat(3000));
    const pages = [leafPage(2, 'a'), leafPage(3, 'b'), large, leafPage(7, 'c'), leafPage(8, 'd')];
    const pager = await pagerOf(pages, 0);
    const read = async (ids: number[], from: number, pagesMax: number) =>
      (await pager.readRun(ids, from, pagesMax * pageSize)).map((page) => page.id);
    expect(await read([2, 3, 4, 7, 8], 0, 100)).toEqual([2, 3, 4, 7, 8]);
    expect(await read([2, 4, 8], 0, 100)).toEqual([2, 4, 8]);
    expect(await read([2, 3, 4, 7, 8], 1, 2)).toEqual([3, 4]);
    expect(await read([2, 3, 4, 7, 8], 0, 1)).toEqual([2]);
    expect(await read([8, 2, 3], 0, 100)).toEqual([8]);
    expect((await pager.readRun([3, 4], 0, 2 * pageSize))[1]?.value(0).length).toBe(3000);
  });

  it('keeps no more bytes than it may', async () => {
    const pages = Array.from({ length: 50 }, (_, i) => leafPage(2 + i, `value ${i}`));
    const pager = await pagerOf(pages, 10 * pageSize);
    for (let id = 2; id < 52; id++) expect(latin1((await pager.load(id)).value(0))).toBe(`value ${id - 2}`);
    expect(Array.from({ length: 50 }, (_, i) => pager.cached(i + 2)).filter((page) => page !== null)).toHaveLength(10);
  });
});

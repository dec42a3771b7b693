/**
 * Whether a table of page checksums is of this very file. Its newest meta page says so, but another program may have made the file anew, by
 * a restore or a defragmentation, or it may be another member's, in just as many transactions and with just as many pages: then the
 * meta pages are the same, and other pages differ. Damage is not that thorough.
 */
import { crc32 } from 'node:zlib';
import type { DiskFile } from '../../../base/ports.ts';
import { decodeBucketValue } from './bucket-value.ts';
import type { Meta } from './meta.ts';
import { firstDataPage, parsePage } from './page.ts';
import { type PageSums, sumOf } from './page-sums.ts';

/** So many pages from the root down are looked at, and so many below each: of the file itself, and of one that only looks like it. */
const ownLook = { pages: 24, children: 8 };
const strangeLook = { pages: 256, children: 64 };
/** So many that differ are looked at bit by bit, some 25 ms each. */
const closeLooksMax = 2;

interface Different {
  readonly bytes: Buffer;
  readonly expected: number;
}

/**
 * `isSameFile`: it is the file that the table was begun for, and not one that was copied there or made anew. Then pages that differ are
 * damaged, unless half of them do, as if other content had been written over it, and no flipped bit explains it. Else none may differ: a
 * file that was made anew one entry later may differ in a single bit, that of the index of its last entry.
 */
export async function describes(sums: PageSums, file: DiskFile, meta: Meta, isSameFile: boolean): Promise<boolean> {
  let known = 0;
  const different: Different[] = [];
  const look = isSameFile ? ownLook : strangeLook;
  const queue = [meta.root];
  for (let next = 0; next < Math.min(queue.length, look.pages); next++) {
    const page = queue[next] ?? meta.root;
    const bytes = Buffer.alloc(meta.pageSize);
    await file.read(bytes, page * meta.pageSize);
    const expected = sums.get(page);
    if (expected !== 0) known++;
    if (expected !== 0 && sumOf(bytes) !== expected) different.push({ bytes, expected });
    for (const child of childrenOf(bytes, page, meta.highWater, look.children))
      if (!queue.includes(child)) queue.push(child);
  }
  if (different.length === 0 || !isSameFile) return different.length === 0;
  return different.length * 2 < known || different.slice(0, closeLooksMax).some(hasFlippedBit);
}

/** Some of the pages that a page refers to; none if it is not sound, or goes on behind these bytes. */
function childrenOf(bytes: Buffer, page: number, highWater: number, childrenMax: number): number[] {
  const parsed = parsePage(bytes, page, highWater);
  if (!parsed.ok) return [];
  const { value: items } = parsed;
  const children: number[] = [];
  const step = items.isLeaf ? 1 : Math.max(1, Math.floor(items.count / childrenMax));
  for (let i = 0; i < items.count; i += step) {
    if (!items.isLeaf) children.push(items.childPage(i));
    else if (items.isBucket(i)) {
      const bucket = decodeBucketValue(items.value(i), highWater);
      if (bucket.ok && typeof bucket.value.root === 'number') children.push(bucket.value.root);
    }
  }
  return children.filter((child) => child >= firstDataPage && child < highWater);
}

function hasFlippedBit({ bytes, expected }: Different): boolean {
  for (const [at, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[at] = byte ^ (1 << bit);
      if (crc32(bytes) === expected) return true;
    }
    bytes[at] = byte;
  }
  return false;
}

/**
 * A bucket as the value of its name in its parent's leaf: u64 root page, u64 sequence. Root 0 means that the bucket is inline: a
 * leaf page with id 0 follows.
 */
import { err, ok, type Result } from '../../../base/result.ts';
import { readU64, writeU64 } from './bytes.ts';
import type { Node } from './node.ts';
import { firstDataPage, type Page, parsePage } from './page.ts';

const headerBytes = 16;

/** Where a bucket's items are: on a page of the file, or inline. */
export interface StoredBucket {
  readonly root: number | Page;
  readonly sequence: bigint;
}

/** The error says what was found. */
export function decodeBucketValue(value: Uint8Array, highWater: number): Result<StoredBucket, string> {
  if (value.length < headerBytes) return err(`a bucket of ${value.length} bytes`);
  const sequence = Buffer.from(value.buffer, value.byteOffset, headerBytes).readBigUInt64LE(8);
  const root = readU64(value, 0);
  if (root !== 0) {
    if (value.length !== headerBytes) return err(`a bucket of ${value.length} bytes that is not inline`);
    const isPage = root >= firstDataPage && root < highWater;
    return isPage ? ok({ root, sequence }) : err(`a bucket whose root is page ${root} of ${highWater}`);
  }
  const page = parsePage(value.subarray(headerBytes), 0, highWater);
  if (!page.ok) return err(`an inline bucket: ${page.error}`);
  if (!page.value.isLeaf) return err('an inline bucket that is a branch');
  const used = headerBytes + page.value.dataBytes;
  return used === value.length
    ? ok({ root: page.value, sequence })
    : err(`an inline bucket of ${used} bytes in ${value.length}`);
}

/** A bucket with pages of its own. The root may be filled in later. */
export function encodeBucketValue(root: number, sequence: bigint): Buffer {
  const value = Buffer.alloc(headerBytes);
  writeU64(value, 0, root);
  value.writeBigUInt64LE(sequence, 8);
  return value;
}

export function encodeInlineBucket(leaf: Node, sequence: bigint): Buffer {
  const value = Buffer.alloc(headerBytes + leaf.bytes());
  value.writeBigUInt64LE(sequence, 8);
  leaf.encode(0, leaf.count, value.subarray(headerBytes), 0, 1);
  return value;
}

/** Whether a bucket is small enough to be inline: one leaf of at most a quarter of a page, without buckets in it. */
export function fitsInline(root: Node, pageSize: number): boolean {
  if (!root.isLeaf || root.bytes() > pageSize / 4) return false;
  for (let i = 0; i < root.count; i++) if (root.isBucket(i)) return false;
  return true;
}

/** A bucket's name as people may read it. */
export function printName(name: Uint8Array): string {
  return `bucket ${JSON.stringify(Buffer.from(name).toString('latin1'))}`;
}

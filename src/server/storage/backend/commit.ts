/** One transaction for one or more batches, with consistent_index and term of the last mark in it. */
import { invariant } from '../../../base/assert.ts';
import type { BoltDb } from '../bolt/db.ts';
import type { Span } from '../bolt/node.ts';
import type { WriteBucket } from '../bolt/write-bucket.ts';
import type { WriteTx } from '../bolt/write-tx.ts';
import { type BucketName, bucketNames } from './backend.ts';
import type { Batch } from './messages.ts';
import { visitOps } from './ops.ts';

const consistentIndexKey = Buffer.from('consistent_index');
const termKey = Buffer.from('term');
/** Keys of the `key` bucket only ascend; etcd fills its pages as much. */
const keyFillPercent = 0.9;

/** Resolves to the pages that were written. Rejects if the disk failed, after which the database takes no more transactions. */
export async function commitBatches(db: BoltDb, batches: readonly Batch[]): Promise<readonly Span[]> {
  const tx = db.beginWrite();
  try {
    const buckets = await openBuckets(tx);
    for (const { parts } of batches) {
      for (const part of parts) {
        visitOps(part, (number, key, value) => {
          const bucket = buckets[number];
          if (bucket === undefined) invariant(false, `${number} is a bucket`);
          if (value === null) bucket.delete(key);
          else bucket.put(key, value);
        });
      }
    }
    const last = batches.at(-1);
    if (last !== undefined) putIndex(buckets[bucketNames.indexOf('meta')], last);
  } catch (error) {
    tx.rollback();
    throw error;
  }
  return tx.commit();
}

/** Makes the buckets that are missing, of a new file or one that an old etcd wrote. Resolves to the pages that were written. */
export async function createBuckets(db: BoltDb): Promise<readonly Span[]> {
  const tx = db.beginWrite();
  try {
    for (const name of bucketNames) await tx.createBucketIfMissing(Buffer.from(name));
  } catch (error) {
    tx.rollback();
    throw error;
  }
  return tx.commit();
}

/** In the order of `bucketNames`. */
async function openBuckets(tx: WriteTx): Promise<WriteBucket[]> {
  const buckets: WriteBucket[] = [];
  for (const name of bucketNames) {
    const bucket = await tx.bucket(Buffer.from(name));
    invariant(bucket !== null, `the bucket ${name} was created`);
    if (name === ('key' satisfies BucketName)) bucket.fillPercent = keyFillPercent;
    buckets.push(bucket);
  }
  return buckets;
}

/** etcd, too, never writes a zero. */
function putIndex(meta: WriteBucket | undefined, { index, term }: Batch): void {
  if (index === 0) return;
  meta?.put(consistentIndexKey, u64(index));
  if (term > 0) meta?.put(termKey, u64(term));
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

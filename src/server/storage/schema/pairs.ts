/** What all buckets of the database have in common: whole pairs are put, and small buckets are read whole. */
import type { Backend, BucketName } from '../backend/backend.ts';

/** A pair of a small bucket, with bytes of its own. */
export interface Pair {
  readonly key: Buffer;
  readonly value: Buffer;
}

const noBytes = new Uint8Array(0);

export function putPair(backend: Backend, bucket: BucketName, key: Uint8Array, value: Uint8Array): void {
  const writer = backend.put(bucket, key.length, value.length);
  writer.raw(key);
  writer.raw(value);
}

/** All pairs of a bucket, in ascending order of their keys. For buckets that are small by nature, or read once at start. */
export function readPairs(backend: Backend, bucket: BucketName): Pair[] {
  const pairs: Pair[] = [];
  const cursor = backend.seek(bucket, noBytes);
  while (cursor.next()) pairs.push({ key: Buffer.from(cursor.key), value: Buffer.from(cursor.value) });
  return pairs;
}

/** A value as text; null if the key is not there. */
export function readText(backend: Backend, bucket: BucketName, key: Uint8Array): string | null {
  const value = backend.get(bucket, key);
  return value === null ? null : Buffer.from(value).toString();
}

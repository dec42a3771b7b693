/**
 * etcd's Maintenance.Hash: the CRC-32C over every bucket's name, and its keys and values, in order. Left out are the keys of `meta` that
 * members with equal content may differ in (etcd server/storage/schema/bucket.go, DefaultIgnores).
 */
import { crc32c } from '../../../base/crc32c.ts';
import type { ReadTx } from '../bolt/read-tx.ts';

const ignoredInMeta = new Set(['consistent_index', 'term', 'storageVersion']);
const all = { from: null, to: null };

/** An unsigned 32-bit number. Rejects if a page cannot be read or is damaged. */
export async function hashDatabase(tx: ReadTx): Promise<number> {
  let crc = 0;
  for (const name of await namesOf(tx)) {
    const bucket = await tx.bucket(name);
    const isMeta = latin1(name) === 'meta';
    crc = crc32c(crc, name);
    await bucket?.scan(all, (key, value) => {
      if (!isMeta || !ignoredInMeta.has(latin1(key))) crc = crc32c(crc32c(crc, key), value);
      return true;
    });
  }
  return crc;
}

/** The names of all buckets, in order. */
export async function namesOf(tx: ReadTx): Promise<Uint8Array[]> {
  const names: Uint8Array[] = [];
  await tx.root.scan(all, (name, _value, isBucket) => {
    if (isBucket) names.push(name);
    return true;
  });
  return names;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

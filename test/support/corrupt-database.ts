/** Alters what the database of a stopped member holds, behind the back of the cluster. */
import { join } from 'node:path';
import { BoltDb } from '../../src/server/storage/bolt/db.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';

/** Changes the last byte of the oldest stored revision's value. The database stays in order as far as its file goes. */
export async function corruptDatabase(dataDir: string): Promise<void> {
  const db = await BoltDb.open(nodeDisk, join(dataDir, 'member/snap/db'));
  const tx = db.beginWrite();
  const bucket = await tx.bucket(Buffer.from('key'));
  if (bucket === null) throw new Error(`${dataDir} holds no bucket of keys`);
  let first: { readonly key: Buffer; readonly value: Buffer } | null = null;
  await bucket.scan({ from: null, to: null }, (key, value) => {
    first ??= { key: Buffer.from(key), value: Buffer.from(value ?? new Uint8Array(0)) };
    return false;
  });
  if (first === null) throw new Error(`${dataDir} holds no keys`);
  const { key, value } = first as { readonly key: Buffer; readonly value: Buffer };
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
  bucket.put(key, value);
  await tx.commit();
  await db.close();
}

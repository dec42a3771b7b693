/**
 * Copies a database to a new file that has no free pages, beside the old one. Until it is renamed it is nothing but a leftover, which the
 * next `open` removes; etcd removes files of that name, too.
 */
import type { Disk } from '../../../base/ports.ts';
import type { BoltDb } from '../bolt/db.ts';
import type { ReadBucket, ReadTx } from '../bolt/read-tx.ts';
import { namesOf } from './hash.ts';

/** A transaction of the copy holds so many items (etcd's defragLimit), or bytes. */
const itemsPerCommit = 10_000;
const bytesPerCommit = 16 * 1024 * 1024;
/** Nothing will come between what is copied in order; etcd fills pages as much. */
const fillPercent = 0.9;

export function temporaryPath(path: string): string {
  return `${path}.tmp.defrag`;
}

/** Removes what a defragmentation that did not finish has left. */
export async function removeLeftover(disk: Disk, path: string): Promise<void> {
  const temporary = temporaryPath(path);
  for (const leftover of [temporary, `${temporary}.new`]) {
    if (await disk.exists(leftover)) await disk.remove(leftover);
  }
}

/** Resolves when the copy is complete and durable. Rejects if the one cannot be read or the other not be written. */
export async function copyDatabase(from: BoltDb, to: BoltDb): Promise<void> {
  to.suspendSync();
  await from.read(async (tx) => {
    for (const name of await namesOf(tx)) await copyBucket(tx, to, name);
  });
  await to.syncAgain();
}

async function copyBucket(tx: ReadTx, to: BoltDb, name: Uint8Array): Promise<void> {
  const source = await tx.bucket(name);
  let next: Uint8Array | null = new Uint8Array(0);
  while (source !== null && next !== null) next = await copySome(source, to, name, next);
}

/** One transaction's worth, from `from` on. Resolves to where the next one begins, or null at the end. */
async function copySome(
  source: ReadBucket,
  to: BoltDb,
  name: Uint8Array,
  from: Uint8Array,
): Promise<Uint8Array | null> {
  const tx = to.beginWrite();
  try {
    const target = await tx.createBucketIfMissing(name);
    target.fillPercent = fillPercent;
    let items = 0;
    let bytes = 0;
    let next: Uint8Array | null = null;
    await source.scan({ from, to: null }, (key, value) => {
      if (items >= itemsPerCommit || bytes >= bytesPerCommit) {
        next = Uint8Array.from(key);
        return false;
      }
      items++;
      bytes += key.length + value.length;
      target.put(key, value);
      return true;
    });
    await tx.commit();
    return next;
  } catch (error) {
    tx.rollback();
    throw error;
  }
}

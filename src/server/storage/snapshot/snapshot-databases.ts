/**
 * Databases that came with snapshots, before they take the place of the member's own: `<index>.snap.db`, 16 hex digits, beside it
 * (etcd server/etcdserver/api/snap/db.go). A whole one is there or none.
 */
import { join } from 'node:path';
import type { Disk } from '../../../base/ports.ts';
import { pageSumsPath } from '../backend/open.ts';
import { removeSumsLog } from '../bolt/sums-log.ts';

const suffix = '.snap.db';
const temporaryPrefix = 'tmp';

/** The path of the database of the snapshot at an index. */
export function snapshotDatabasePath(directory: string, index: number): string {
  return join(directory, `${index.toString(16).padStart(16, '0')}${suffix}`);
}

/** Stores a database; durable when the promise resolves, to its bytes. One that is there already is kept. Rejects with the OS error. */
export async function saveSnapshotDatabase(
  disk: Disk,
  directory: string,
  index: number,
  database: AsyncIterable<Uint8Array>,
): Promise<number> {
  const path = snapshotDatabasePath(directory, index);
  // The index is not enough: the leader may send it again while the first is on its way.
  const temporary = join(directory, `${temporaryPrefix}${await freeNumber(disk, directory)}`);
  const file = await disk.open(temporary, 'create');
  let position = 0;
  try {
    for await (const chunk of database) {
      await file.writev([chunk], position);
      position += chunk.length;
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await disk.remove(temporary);
    throw error;
  }
  await file.close();
  if (await disk.exists(path)) {
    await disk.remove(temporary);
    return position;
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
  return position;
}

async function freeNumber(disk: Disk, directory: string): Promise<number> {
  const names = new Set(await disk.list(directory));
  let number = 0;
  while (names.has(`${temporaryPrefix}${number}`)) number++;
  return number;
}

/**
 * Makes a stored database the member's own, in place of the one that was, whose page checksums go first. Durable when the promise resolves.
 */
export async function adoptSnapshotDatabase(disk: Disk, directory: string, index: number, own: string): Promise<void> {
  await removeSumsLog(disk, pageSumsPath(own));
  await disk.rename(snapshotDatabasePath(directory, index), own);
  await disk.syncDirectory(directory);
}

/** Removes databases that no snapshot from `index` on needs, and what broken transfers have left; resolves to their names. */
export async function removeSnapshotDatabases(disk: Disk, directory: string, index: number): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await disk.list(directory)) {
    const digits = /^([0-9a-f]{16})\.snap\.db$/.exec(name)?.[1];
    if (digits === undefined || Number.parseInt(digits, 16) >= index) continue;
    await disk.remove(join(directory, name));
    removed.push(name);
  }
  return removed;
}

/**
 * Removes what a crash left of transfers, of .snap files that were being written, and of real etcd's defragmentations (`db.tmp.<digits>`).
 * For the start, when none is under way.
 */
export async function removeCutOffFiles(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (/^tmp\d+$|^db\.tmp\.\d+$|\.snap\.tmp$/.test(name)) await disk.remove(join(directory, name));
  }
}

/** Keeps a torn segment as evidence before its tail is cut off (etcd server/storage/wal/repair.go). */
import type { Disk, DiskFile } from '../../../base/ports.ts';

const copyBytes = 1024 * 1024;

/** Copies `file`, which is open at `path`, to `path`.broken, in the place of an older one. */
export async function keepBroken(disk: Disk, path: string, file: DiskFile): Promise<void> {
  const broken = `${path}.broken`;
  if (await disk.exists(broken)) await disk.remove(broken);
  const copy = await disk.open(broken, 'create');
  try {
    await copyTo(file, copy);
    await copy.sync();
  } finally {
    await copy.close();
  }
}

/** Zero stretches become holes: most of a segment is space that was never written. */
async function copyTo(from: DiskFile, to: DiskFile): Promise<void> {
  const size = await from.size();
  await to.truncate(size);
  const buffer = Buffer.alloc(copyBytes);
  for (let at = 0; at < size; at += copyBytes) {
    const count = await from.read(buffer, at);
    const chunk = buffer.subarray(0, count);
    if (chunk.some((octet) => octet !== 0)) await to.writev([chunk], at);
  }
}

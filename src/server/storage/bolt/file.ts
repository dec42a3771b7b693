/** How a database file begins: creating one, and finding the meta that counts. */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { writeU16, writeU64 } from './bytes.ts';
import { CorruptDatabaseError } from './errors.ts';
import { decodeMetaPage, encodeMetaPage, foreignVersion, type Meta, metaPageBytes } from './meta.ts';
import { firstDataPage, pageFlags } from './page.ts';

/** Makes an empty database, byte for byte as bbolt does. It is built beside `path` and renamed, so that no half of one is ever seen. */
export async function createDatabase(disk: Disk, path: string, pageSize: number): Promise<void> {
  const temporary = `${path}.new`;
  if (await disk.exists(temporary)) await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.writev([emptyDatabase(pageSize)], 0);
    await file.datasync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(dirname(path));
}

/** Two metas, an empty list of free pages, and an empty leaf for a root. */
function emptyDatabase(pageSize: number): Buffer {
  const [freelist, root] = [2, 3];
  const pages = Buffer.alloc(2 * pageSize);
  for (const [id, flags] of [
    [freelist, pageFlags.freelist],
    [root, pageFlags.leaf],
  ] as const) {
    writeU64(pages, (id - firstDataPage) * pageSize, id);
    writeU16(pages, (id - firstDataPage) * pageSize + 8, flags);
  }
  const meta = { pageSize, root, rootSequence: 0n, freelist, highWater: 4 };
  return Buffer.concat([encodeMetaPage({ ...meta, txid: 0 }), encodeMetaPage({ ...meta, txid: 1 }), pages]);
}

const pageSizeMin = 1024;
const pageSizeMax = 16 * 1024 * 1024;

/** The sound meta of the later transaction. Rejects if none is sound, or the file is shorter than it says. */
export async function readMeta(file: DiskFile, path: string): Promise<Meta> {
  const size = await file.size();
  const metas: Meta[] = [];
  const first = await readMetaAt(file, 0);
  if (first !== null) metas.push(first);
  // The second meta is where the second page begins, which the first says; without it, every size is tried.
  const guesses = first === null ? powersOfTwo(pageSizeMin, Math.min(pageSizeMax, size)) : [first.pageSize];
  for (const pageSize of guesses) {
    const second = await readMetaAt(file, pageSize);
    if (second?.pageSize === pageSize) metas.push(second);
  }
  const [meta] = metas.sort((a, b) => b.txid - a.txid);
  if (meta === undefined) throw new CorruptDatabaseError(path, null, await whyNoMeta(file));
  if (!isPlausible(meta)) throw new CorruptDatabaseError(path, meta.txid % 2, 'a meta that no database has');
  if (meta.highWater * meta.pageSize > size) {
    throw new CorruptDatabaseError(path, null, `it has ${size} bytes, but ${meta.highWater} pages of ${meta.pageSize}`);
  }
  return meta;
}

async function whyNoMeta(file: DiskFile): Promise<string> {
  const bytes = Buffer.alloc(metaPageBytes);
  await file.read(bytes, 0);
  const version = foreignVersion(bytes);
  return version === null
    ? 'neither of its meta pages is sound'
    : `it says that its format is version ${version}, but only version 2 is known`;
}

async function readMetaAt(file: DiskFile, position: number): Promise<Meta | null> {
  const bytes = Buffer.alloc(metaPageBytes);
  const read = await file.read(bytes, position);
  return read < bytes.length ? null : decodeMetaPage(bytes);
}

/** What the checksum vouches for, unless a faulty program wrote it. */
function isPlausible({ pageSize, root, freelist, highWater, txid }: Meta): boolean {
  const isPage = (page: number) => page >= firstDataPage && page < highWater;
  const isSize = Number.isInteger(Math.log2(pageSize)) && pageSize >= pageSizeMin && pageSize <= pageSizeMax;
  return isSize && isPage(root) && (freelist === null || isPage(freelist)) && Number.isFinite(txid);
}

function powersOfTwo(from: number, to: number): number[] {
  const powers: number[] = [];
  for (let power = from; power <= to; power *= 2) powers.push(power);
  return powers;
}

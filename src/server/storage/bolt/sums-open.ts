/** Whether the log of page checksums beside a database describes it: before the first page is read. */
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { checksumOfMeta, type Meta } from './meta.ts';
import { PageSums, sumOf } from './page-sums.ts';
import { type OpenCommit, type Replayed, sameMark } from './sums-format.ts';
import { describes } from './sums-identity.ts';
import { readSumsLog, type SumsEnd } from './sums-log.ts';

export interface OpenedSums {
  readonly sums: PageSums;
  /** Where the log goes on; null if it has to be begun anew. */
  readonly end: SumsEnd | null;
  /** There is a log, but it is of another state of the file, or of another file. */
  readonly isForeign: boolean;
}

/**
 * Reads the log of a database whose newest meta page is `meta`. A log counts if the last commit that it says was durable is that of the
 * meta page. If it also has a commit whose end it does not know, as a kill in its midst leaves it, and the meta page is of that one, all
 * pages of it are looked at: only then is it known that it is the same.
 */
export async function openSums(disk: Disk, path: string, file: DiskFile, meta: Meta): Promise<OpenedSums> {
  const isThere = await disk.exists(path);
  const sums = new PageSums();
  // Whatever is wrong with it, the database can do without.
  const { pageSize, highWater: pages } = meta;
  const known = { pageSize, pages, identity: await file.identity(), sums };
  const replayed = await readSumsLog(disk, path, known).catch(() => null);
  const end = replayed === null ? null : await endOf(replayed, file, meta, sums);
  if (end === null) return { sums: empty(meta), end, isForeign: isThere };
  sums.reserve(pages);
  // Of a copy, what is known is true, but the log must be one of its own.
  return { sums, end: replayed?.isOfFile ? end : null, isForeign: false };
}

function empty({ highWater }: Meta): PageSums {
  const sums = new PageSums();
  sums.reserve(highWater);
  return sums;
}

async function endOf(replayed: Replayed, file: DiskFile, meta: Meta, sums: PageSums): Promise<SumsEnd | null> {
  const mark = { txid: meta.txid, checksum: checksumOfMeta(meta) };
  const { open } = replayed;
  if (sameMark(replayed.mark, mark)) {
    const { bytes, chain } = replayed;
    return (await describes(sums, file, meta, replayed.isOfFile)) ? { bytes, chain, isOpen: false } : null;
  }
  if (!replayed.isOfFile || open === null || !sameMark(open.mark, mark)) return null;
  if (!(await isOnDisk(open, file, meta.pageSize))) return null;
  sums.reserve(meta.highWater);
  for (const [i, page] of open.pages.entries()) sums.set(page, open.sums[i] ?? 0);
  return { bytes: open.bytes, chain: open.chain, isOpen: true };
}

async function isOnDisk({ pages, sums }: OpenCommit, file: DiskFile, pageSize: number): Promise<boolean> {
  for (const [i, page] of pages.entries()) {
    if (sumOf(await readPage(file, page, pageSize)) !== sums[i]) return false;
  }
  return true;
}

async function readPage(file: DiskFile, page: number, pageSize: number): Promise<Buffer> {
  const bytes = Buffer.alloc(pageSize);
  await file.read(bytes, page * pageSize);
  return bytes;
}

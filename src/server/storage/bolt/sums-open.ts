/** Whether the log of page checksums beside a database describes it: before the first page is read. */
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { checksumOfMeta, type Meta } from './meta.ts';
import { PageSums, sumOf } from './page-sums.ts';
import { type OpenCommit, type Replayed, sameMark } from './sums-format.ts';
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
  const replayed = await readSumsLog(disk, path, meta.pageSize, meta.highWater, sums).catch(() => null);
  const end = replayed === null ? null : await endOf(replayed, file, meta, sums);
  if (end === null) return { sums: empty(meta), end, isForeign: isThere };
  sums.reserve(meta.highWater);
  return { sums, end, isForeign: false };
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
    return (await describes(replayed.recent, file, meta, sums)) ? { bytes, chain, isOpen: false } : null;
  }
  if (open === null || !sameMark(open.mark, mark) || open.mark.txid !== replayed.mark.txid + 1) return null;
  if (!(await isOnDisk(open, file, meta.pageSize))) return null;
  sums.reserve(meta.highWater);
  for (const [i, page] of open.pages.entries()) sums.set(page, open.sums[i] ?? 0);
  return { bytes: open.bytes, chain: open.chain, isOpen: true };
}

/**
 * Another program may have made a database anew, by a restore or a defragmentation, in just as many transactions and with just as
 * many pages, so that the meta pages are the same. Then most pages differ; damage is not that thorough.
 */
async function describes(pages: readonly number[], file: DiskFile, meta: Meta, sums: PageSums): Promise<boolean> {
  let known = 0;
  let different = 0;
  for (const page of pages) {
    const sum = sums.get(page);
    if (sum === 0 || page >= meta.highWater) continue;
    known++;
    if ((await sumOnDisk(file, page, meta.pageSize)) !== sum) different++;
  }
  return different < 2 || different * 2 <= known;
}

async function isOnDisk({ pages, sums }: OpenCommit, file: DiskFile, pageSize: number): Promise<boolean> {
  for (const [i, page] of pages.entries()) if ((await sumOnDisk(file, page, pageSize)) !== sums[i]) return false;
  return true;
}

async function sumOnDisk(file: DiskFile, page: number, pageSize: number): Promise<number> {
  const bytes = Buffer.allocUnsafeSlow(pageSize);
  await file.read(bytes, page * pageSize);
  return sumOf(bytes);
}

/**
 * Keeps the page checksums of a database beside it, so that the next life knows them: a log that every commit appends to before its meta
 * page is written, and again once that is durable. Nothing of it is synced. What power takes from it, or another program changes in the
 * database without it, makes the log and the newest meta page disagree: then it counts for nothing (see docs/design/0008).
 */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../../../base/ports.ts';
import type { PageSums } from './page-sums.ts';
import {
  type CommitMark,
  encodeCommit,
  encodeDone,
  encodeHeader,
  encodeTable,
  type Piece,
  type Replayed,
  replay,
} from './sums-format.ts';

/** Where a log is to be continued. */
export interface SumsEnd {
  readonly bytes: number;
  readonly chain: number;
  /** The last record's commit was durable, but the log does not say so yet. */
  readonly isOpen: boolean;
}

/** What there is to say of a database file. */
export interface Known {
  readonly pageSize: number;
  /** Those in use are below this one. */
  readonly pages: number;
  /** DiskFile.identity */
  readonly identity: string;
  /** Of a durable state. */
  readonly mark: CommitMark;
  readonly sums: PageSums;
}

/** A log is written anew, as one table, when it has grown to twice the table, but not below this. */
const rewriteBytesMin = 256 * 1024;
/** More than any log for a file of so many pages becomes: it is none of ours. */
const logBytesMax = (pages: number) => 64 * 1024 * 1024 + 64 * pages;

export class SumsLog {
  private readonly disk: Disk;
  private readonly path: string;
  private readonly file: DiskFile;
  private at: number;
  private chain: number;

  private constructor(disk: Disk, path: string, file: DiskFile, at: number, chain: number) {
    this.disk = disk;
    this.path = path;
    this.file = file;
    this.at = at;
    this.chain = chain;
  }

  /** Writes what is known of a database, in place of the log that was. */
  static async create(disk: Disk, path: string, { pageSize, pages, identity, mark, sums }: Known): Promise<SumsLog> {
    const temporary = temporaryPath(path);
    if (await disk.exists(temporary)) await disk.remove(temporary);
    const file = await disk.open(temporary, 'create');
    try {
      const header = encodeHeader(pageSize, identity);
      const table = encodeTable(header.chain, mark, sums, pages);
      const done = encodeDone(table.chain);
      const pieces = [header.bytes, table.bytes, done.bytes];
      await file.writev(pieces, 0);
      await disk.rename(temporary, path);
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      return new SumsLog(disk, path, file, bytes, done.chain);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Goes on where a former life ended; what follows there is overwritten. */
  static async resume(disk: Disk, path: string, end: SumsEnd): Promise<SumsLog> {
    const log = new SumsLog(disk, path, await disk.open(path, 'readWrite'), end.bytes, end.chain);
    if (end.isOpen) await log.done();
    return log;
  }

  /** To be called when the pages of a commit are written, before its meta page. */
  commit(mark: CommitMark, sums: PageSums, pages: readonly number[]): Promise<void> {
    return this.append(encodeCommit(this.chain, mark, sums, pages));
  }

  /** The commit is durable. */
  done(): Promise<void> {
    return this.append(encodeDone(this.chain));
  }

  /** Whether a table of so many pages would be much shorter. */
  isLong(pages: number): boolean {
    return this.at > Math.max(rewriteBytesMin, 2 * 4 * pages);
  }

  /** A shorter one in its place, for a state that is durable. This one is closed, also if that fails. */
  async rewritten(known: Known): Promise<SumsLog> {
    await this.close();
    return SumsLog.create(this.disk, this.path, known);
  }

  close(): Promise<void> {
    return this.file.close().catch(() => undefined);
  }

  private async append({ bytes, chain }: Piece): Promise<void> {
    if (!this.file.writeNow(bytes, this.at)) await this.file.writev([bytes], this.at);
    this.at += bytes.length;
    this.chain = chain;
  }
}

/** Fills `sums` from the log at `path`, which should be of such a file. Null if there is none that is sound. */
export async function readSumsLog(
  disk: Disk,
  path: string,
  { pageSize, pages, identity, sums }: Omit<Known, 'mark'>,
): Promise<Replayed | null> {
  if (!(await disk.exists(path))) return null;
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    if (size > logBytesMax(pages)) return null;
    const bytes = Buffer.alloc(size);
    await file.read(bytes, 0);
    return replay(bytes, pageSize, identity, sums);
  } finally {
    await file.close().catch(() => undefined);
  }
}

/**
 * Removes a log, durably, before a database is put in the place of the one that it is of: for all that it knows, the new one's newest
 * transaction may have the same number.
 */
export async function removeSumsLog(disk: Disk, path: string): Promise<void> {
  for (const name of [path, temporaryPath(path)]) if (await disk.exists(name)) await disk.remove(name);
  // Also if there was none: an earlier life may have removed it, and not have come so far.
  await disk.syncDirectory(dirname(path));
}

function temporaryPath(path: string): string {
  return `${path}.tmp`;
}

/** The page checksums of a database that is being written: those in memory, and the log of them as long as it can be written. */
import type { Disk } from '../../../base/ports.ts';
import { checksumOfMeta, type Meta } from './meta.ts';
import type { PageSums } from './page-sums.ts';
import type { CommitMark } from './sums-format.ts';
import { type Known, type SumsEnd, SumsLog } from './sums-log.ts';

interface Written {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export class SumsKeeper {
  readonly sums: PageSums;
  private log: SumsLog | null = null;
  private identity = '';
  /** Pages that the commit under way writes. */
  private writing: number[] = [];
  private readonly onLost: (error: Error) => void;

  /** `onLost`: the log could not be written. Pages are checked as before, but after a restart none is known any more. */
  constructor(sums: PageSums, onLost: (error: Error) => void) {
    this.sums = sums;
    this.onLost = onLost;
  }

  /** Goes on with a log that describes the newest state. */
  async resume(disk: Disk, path: string, identity: string, end: SumsEnd): Promise<void> {
    this.identity = identity;
    await this.attempt(async () => {
      this.log = await SumsLog.resume(disk, path, end);
    });
  }

  /** Begins a log with what is known of the newest state: all of its pages, if all were read. */
  async begin(disk: Disk, path: string, identity: string, meta: Meta): Promise<void> {
    this.identity = identity;
    await this.attempt(async () => {
      this.log = await SumsLog.create(disk, path, this.known(meta));
    });
  }

  /** These are about to be written; their file will have so many pages. */
  pagesWriting(written: readonly Written[], pageSize: number, pages: number): void {
    this.sums.reserve(pages);
    this.writing = [];
    for (const { id, bytes } of written) {
      this.sums.noteWritten(bytes, id, pageSize);
      for (let page = id; page < id + bytes.length / pageSize; page++) this.writing.push(page);
    }
  }

  /** They are written, and the meta page is next. */
  async metaNext(meta: Meta): Promise<void> {
    const { log, writing } = this;
    if (log !== null) await this.attempt(() => log.commit(markOf(meta), this.sums, writing));
  }

  /** The commit is durable. */
  async committed(meta: Meta): Promise<void> {
    await this.attempt(async () => {
      await this.log?.done();
      if (this.log?.isLong(meta.highWater)) {
        this.log = await this.log.rewritten(this.known(meta));
      }
    });
  }

  /** Nothing is written to the log from now on. */
  async close(): Promise<void> {
    const { log } = this;
    this.log = null;
    await log?.close();
  }

  private known(meta: Meta): Known {
    const { sums, identity } = this;
    return { pageSize: meta.pageSize, pages: meta.highWater, identity, mark: markOf(meta), sums };
  }

  /** A log that lacks one commit is worth nothing, but harms nobody either: it describes a state that is past. */
  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      await this.close();
      this.onLost(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

export function markOf(meta: Meta): CommitMark {
  return { txid: meta.txid, checksum: checksumOfMeta(meta) };
}

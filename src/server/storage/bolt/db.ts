/**
 * A bbolt database: buckets of sorted keys in one file, as etcd keeps them. Pages are never overwritten while the last commit's
 * state needs them: a commit writes changed pages elsewhere, syncs, and then writes one of the two metas, which says where the tree
 * begins now, and syncs again. The list of free pages is kept in memory only, as etcd runs bbolt, and found anew by `open`.
 *
 * One process may have the file open; see to it with a lock. A failed write or sync fails the database for good.
 */
import { invariant } from '../../../base/assert.ts';
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { BoltUsageError, CorruptDatabaseError } from './errors.ts';
import { createDatabase, readMeta } from './file.ts';
import { FreePages, PageSet } from './free-pages.ts';
import { type FileSize, grown, mapBytesFor } from './growth.ts';
import { encodeMetaPage, type Meta } from './meta.ts';
import type { Span } from './node.ts';
import { PageWriter, type WrittenPage } from './page-writer.ts';
import { Pager } from './pager.ts';
import { ReadTx } from './read-tx.ts';
import { type Sink, writeSnapshot } from './snapshot.ts';
import type { SumsKeeper } from './sums-keeper.ts';
import { walkTree } from './walk.ts';
import { type Committer, WriteTx } from './write-tx.ts';

export interface BoltOptions {
  /** Of a new file, in bytes; a power of two from 1024 on. Default 4096. An existing file says its own. */
  readonly pageSize?: number;
  /** Bytes of pages kept in memory. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  /** bbolt's InitialMmapSize, which decides how the file grows; etcd gives 10 GiB. Default 0. */
  readonly initialMapBytes?: number;
  /** Checks pages that are read, and learns of those that are written. Default: pages are taken as they are. */
  readonly sums?: SumsKeeper;
}

export const defaultPageSize = 4096;
const defaultCacheBytes = 64 * 1024 * 1024;

export class BoltDb {
  private readonly pager: Pager;
  private readonly free: FreePages;
  private readonly sums: SumsKeeper | null;
  /** Pages that the commit under way has allocated. */
  private allocated: number[] = [];
  private meta: Meta;
  private fileSize: FileSize;
  /** Open read transactions by the commit whose state they see. */
  private readonly readers = new Map<number, number>();
  private writing = false;
  private syncs = true;
  private committing: Promise<unknown> = Promise.resolve();
  private failure: Error | null = null;
  private closed = false;

  private constructor(pager: Pager, meta: Meta, free: FreePages, fileSize: FileSize, sums: SumsKeeper | null) {
    this.sums = sums;
    this.pager = pager;
    this.meta = meta;
    this.free = free;
    this.fileSize = fileSize;
  }

  /**
   * Opens the database in the file, or creates one that appears whole or not at all. Reads all of it once, to find the free pages, and
   * thereby checks it. Rejects with a CorruptDatabaseError that names the page, or with the operating system's error.
   */
  static async open(disk: Disk, path: string, options: BoltOptions = {}): Promise<BoltDb> {
    const file = await openOrCreate(disk, path, options.pageSize ?? defaultPageSize);
    try {
      const meta = await readMeta(file, path);
      const fileBytes = await file.size();
      const cacheBytesMax = options.cacheBytesMax ?? defaultCacheBytes;
      const sums = options.sums ?? null;
      sums?.sums.reserve(meta.highWater);
      const pager = new Pager(path, file, meta.pageSize, meta.highWater, cacheBytesMax, sums?.sums ?? null);
      const free = new FreePages(await usedPages(pager, meta), meta.highWater);
      const mapBytes = mapBytesFor(Math.max(fileBytes, options.initialMapBytes ?? 0));
      return new BoltDb(pager, meta, free, { fileBytes, mapBytes }, sums);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  /** Bytes of the pages up to the last one in use: what a snapshot takes. The file is larger, for it grows in steps. */
  size(): number {
    return this.meta.highWater * this.meta.pageSize;
  }

  /** Bytes of `size` that are not free to be written. */
  inUse(): number {
    return this.size() - this.free.freeCount * this.meta.pageSize;
  }

  lastCommit(): Meta {
    return this.meta;
  }

  /** A view of the last commit. Its pages stay until it is closed, so that the file may grow: close it soon. */
  beginRead(): ReadTx {
    this.assertUsable();
    const { txid } = this.meta;
    this.readers.set(txid, (this.readers.get(txid) ?? 0) + 1);
    return new ReadTx(this.pager, this.meta, () => {
      const left = (this.readers.get(txid) ?? 0) - 1;
      if (left > 0) this.readers.set(txid, left);
      else this.readers.delete(txid);
    });
  }

  /** Runs `action` with a read transaction that is closed after it. */
  async read<T>(action: (tx: ReadTx) => T | Promise<T>): Promise<T> {
    const tx = this.beginRead();
    try {
      return await action(tx);
    } finally {
      tx.close();
    }
  }

  /** Throws if another write transaction is open: there is one at a time. */
  beginWrite(): WriteTx {
    this.assertUsable();
    if (this.writing) throw new BoltUsageError('a write transaction is open');
    this.writing = true;
    this.free.release([...this.readers.keys()]);
    return new WriteTx(this.pager, this.meta, this.committer);
  }

  /**
   * Gives a copy of the database as of now, exactly `size()` bytes, while writes go on. Each chunk is the sink's own, and the next one
   * waits for it. Resolves to the bytes written.
   */
  snapshotTo(sink: Sink): Promise<number> {
    return this.read((tx) => writeSnapshot(this.pager, tx.meta, this.usedPages(), sink));
  }

  /** The pages of the last commit's state, also while another is under way. */
  usedPages(): PageSet {
    return this.free.usedAt(this.meta.txid, this.meta.highWater, this.allocated);
  }

  /** Which pages are free, for `check`. */
  freePages(): FreePages {
    return this.free;
  }

  /** The file's pages, for `check`. */
  pages(): Pager {
    return this.pager;
  }

  /** Commits are not durable until `syncAgain`: for a file that will not be looked for after a crash. */
  suspendSync(): void {
    this.syncs = false;
  }

  /** Resolves when all commits so far are durable; from now on each one is again. */
  async syncAgain(): Promise<void> {
    this.syncs = true;
    await this.pager.file.sync();
  }

  /** Of the file, see DiskFile. */
  identity(): Promise<string> {
    return this.pager.file.identity();
  }

  /** The file has been given another name; the one that is open stays the same. */
  renamed(path: string): void {
    this.pager.path = path;
  }

  /** Closes the file once a commit under way is done. Transactions still open fail from then on. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.committing.catch(() => undefined);
    await this.sums?.close();
    await this.pager.file.close();
  }

  private assertUsable(): void {
    if (this.failure !== null) throw this.failure;
    if (this.closed) throw new BoltUsageError(`database ${this.pager.path} is closed`);
  }

  private readonly committer: Committer = {
    commit: (discarded, write) => {
      this.assertUsable();
      const committing = this.commit(discarded, write);
      this.committing = committing;
      return committing;
    },
    release: () => {
      this.writing = false;
    },
  };

  private async commit(
    discarded: readonly Span[],
    write: (writer: PageWriter) => { root: number; rootSequence: bigint },
  ): Promise<readonly Span[]> {
    try {
      const txid = this.meta.txid + 1;
      const writer = new PageWriter(this.writeTarget(txid), this.meta.highWater);
      const root = write(writer);
      this.free.free([...writer.replaced, ...discarded, ...(await this.writtenFreelist())], txid);
      const meta = { ...this.meta, ...root, freelist: null, highWater: writer.highWater, txid };
      invariant(meta.root < meta.highWater, 'the root is below the high-water mark');
      await this.grow(meta);
      this.sums?.pagesWriting(writer.written, meta.pageSize, meta.highWater);
      const runs = await writePages(this.pager, writer.written);
      await this.sums?.metaNext(meta);
      await this.sync();
      await this.pager.file.writev([encodeMetaPage(meta)], (txid % 2) * meta.pageSize);
      await this.sync();
      this.meta = meta;
      this.allocated = [];
      this.pager.highWater = meta.highWater;
      for (const { id, bytes } of writer.warm) this.pager.remember(bytes, id);
      await this.sums?.committed(meta);
      return runs;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.failure = new Error(`database ${this.pager.path} failed: ${reason}`, { cause: error });
      throw this.failure;
    }
  }

  private writeTarget(txid: number) {
    return {
      pageSize: this.meta.pageSize,
      txid,
      hasReaders: this.readers.size > 0,
      free: this.free,
      onAllocate: (page: number) => {
        this.pager.forget(page);
        this.allocated.push(page);
      },
    };
  }

  /** The pages of a list of free pages that another program wrote: not needed after this commit. */
  private async writtenFreelist(): Promise<Span[]> {
    const { freelist } = this.meta;
    return freelist === null ? [] : [await this.pager.freelistSpan(freelist)];
  }

  private async sync(): Promise<void> {
    if (this.syncs) await this.pager.file.datasync();
  }

  private async grow(meta: Meta): Promise<void> {
    if (meta.highWater === this.meta.highWater) return;
    const size = grown(this.fileSize, meta.highWater, meta.pageSize);
    if (size.fileBytes > this.fileSize.fileBytes) {
      await this.pager.file.truncate(size.fileBytes);
      // As bbolt does: there were file systems whose fdatasync forgot a length that only truncate had changed.
      if (this.syncs) await this.pager.file.sync();
    }
    this.fileSize = size;
  }
}

async function openOrCreate(disk: Disk, path: string, pageSize: number): Promise<DiskFile> {
  if (await disk.exists(path)) {
    const file = await disk.open(path, 'readWrite');
    if ((await file.size()) > 0) return file;
    // bbolt, too, takes an empty file for a new one.
    await file.close();
  }
  await createDatabase(disk, path, pageSize);
  return disk.open(path, 'readWrite');
}

async function usedPages(pager: Pager, meta: Meta): Promise<PageSet> {
  const used = new PageSet(meta.highWater);
  const use = ({ page, pages }: Span) => {
    for (let id = page; id < page + pages; id++) {
      if (used.has(id)) throw new CorruptDatabaseError(pager.path, id, 'it is referred to twice');
      used.add(id);
    }
  };
  if (meta.freelist !== null) use(await pager.freelistSpan(meta.freelist));
  await walkTree(pager, meta.root, {
    visit: (page) => {
      use({ page: page.id, pages: page.span });
      return true;
    },
    fault: (error) => {
      throw error;
    },
  });
  return used;
}

/** Writes pages in ascending order, those that lie in a row at once. Resolves to these rows. */
async function writePages(pager: Pager, pages: readonly WrittenPage[]): Promise<Span[]> {
  const runs: Span[] = [];
  const sorted = pages.toSorted((a, b) => a.id - b.id);
  for (let from = 0; from < sorted.length; ) {
    const first = sorted[from]?.id ?? 0;
    const run: Uint8Array[] = [];
    let next = first;
    for (; sorted[from]?.id === next; from++) {
      const bytes = sorted[from]?.bytes ?? new Uint8Array(0);
      run.push(bytes);
      next += bytes.length / pager.pageSize;
    }
    await pager.file.writev(run, first * pager.pageSize);
    runs.push({ page: first, pages: next - first });
  }
  return runs;
}

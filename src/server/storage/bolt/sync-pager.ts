/**
 * Reads pages of a database that someone else writes, at once: for a thread that must not wait, and sees what was committed last as
 * the writer tells it. The writer must not reuse pages that `meta` reaches, and says which pages each commit wrote.
 */
import type { DiskFile } from '../../../base/ports.ts';
import { CorruptDatabaseError } from './errors.ts';
import type { Meta } from './meta.ts';
import type { Span } from './node.ts';
import type { Page } from './page.ts';
import { PageCache } from './page-cache.ts';
import type { PageSums } from './page-sums.ts';
import { assertRead, checkedBytes, type PageSource, runEnd, soundPage } from './pager.ts';

export class SyncPager implements PageSource {
  /** Told of every damage that is found, before it is thrown. */
  onCorrupt: (error: CorruptDatabaseError) => void = () => undefined;
  readonly path: string;
  readonly pageSize: number;
  readonly sums: PageSums | null;
  private readonly file: DiskFile;
  private readonly cache: PageCache;
  private current: Meta;

  constructor(path: string, file: DiskFile, meta: Meta, cacheBytesMax: number, sums: PageSums | null) {
    this.path = path;
    this.file = file;
    this.pageSize = meta.pageSize;
    this.current = meta;
    this.cache = new PageCache(cacheBytesMax);
    this.sums = sums;
  }

  get meta(): Meta {
    return this.current;
  }

  get highWater(): number {
    return this.current.highWater;
  }

  /** From now on reads see a later commit. `written` are the pages of all commits since. */
  moveTo(meta: Meta, written: readonly Span[]): void {
    const { highWater } = this.current;
    for (const { page, pages } of written) {
      // No page from the old mark on was ever read.
      for (let id = page; id < Math.min(page + pages, highWater); id++) this.cache.delete(id);
    }
    this.current = meta;
  }

  /** Throws a CorruptDatabaseError, which says that it was read for `bucket`, or the operating system's error. */
  load(id: number, bucket: string): Page {
    const cached = this.cache.get(id);
    if (cached !== null) return cached;
    const page = this.guard(bucket, () => this.readAlone(id));
    this.cache.add(page);
    return page;
  }

  cached(id: number): Page | null {
    return this.cache.get(id);
  }

  /** The pages `ids` from `from` on that a single read of at most `bytesMax` reaches, at least one. They do not enter the cache. */
  readRun(ids: readonly number[], from: number, bytesMax: number, bucket: string): Page[] {
    return this.guard(bucket, () => this.readPagesOf(ids, from, bytesMax));
  }

  private guard<T>(bucket: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CorruptDatabaseError)) throw error;
      const named = error.inBucket(bucket);
      this.onCorrupt(named);
      throw named;
    }
  }

  private readPagesOf(ids: readonly number[], from: number, bytesMax: number): Page[] {
    const first = ids[from] ?? 0;
    const to = runEnd(ids, from, Math.max(1, Math.floor(bytesMax / this.pageSize)));
    const last = ids[to - 1] ?? first;
    const bytes = this.readPages(first, (last + 1 - first) * this.pageSize);
    return ids.slice(from, to).map((id) => {
      const start = (id - first) * this.pageSize;
      const end = start + checkedBytes(this, bytes.subarray(start, start + this.pageSize), id);
      // A page that runs over the end of the run is read by itself.
      return end <= bytes.length ? soundPage(this, bytes.subarray(start, end), id) : this.readAlone(id);
    });
  }

  private readAlone(id: number): Page {
    const first = this.readPages(id, this.pageSize);
    const length = checkedBytes(this, first, id);
    if (length === this.pageSize) return soundPage(this, first, id);
    const bytes = Buffer.allocUnsafeSlow(length);
    bytes.set(first);
    this.fill(bytes.subarray(this.pageSize), id + 1);
    return soundPage(this, bytes, id);
  }

  private readPages(id: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    this.fill(bytes, id);
    return bytes;
  }

  private fill(bytes: Uint8Array, page: number): void {
    assertRead(this, page, this.file.readNow(bytes, page * this.pageSize), bytes.length);
  }
}

/** Reads pages of a database file: through the cache one by one, or many at once past it. */
import { invariant } from '../../../base/assert.ts';
import type { DiskFile } from '../../../base/ports.ts';
import { readU16, readU64 } from './bytes.ts';
import { CorruptDatabaseError, PageChecksumError } from './errors.ts';
import type { PageSet } from './free-pages.ts';
import type { Span } from './node.ts';
import { type Page, pageBytes, pageFlags, pageHeaderBytes, parsePage } from './page.ts';
import { PageCache } from './page-cache.ts';
import type { PageSums } from './page-sums.ts';

export class Pager implements PageSource {
  /** For messages. */
  path: string;
  readonly file: DiskFile;
  readonly pageSize: number;
  readonly sums: PageSums | null;
  private readonly cache: PageCache;
  private readonly reading = new Map<number, Promise<Page>>();
  /** Pages from here on are not in use, so that a reference to one is damage. */
  highWater: number;

  constructor(
    path: string,
    file: DiskFile,
    pageSize: number,
    highWater: number,
    cacheBytesMax: number,
    sums: PageSums | null = null,
  ) {
    this.path = path;
    this.file = file;
    this.pageSize = pageSize;
    this.highWater = highWater;
    this.cache = new PageCache(cacheBytesMax);
    this.sums = sums;
  }

  /** The page if it is at hand; else read it. Rejects with a CorruptDatabaseError or the operating system's error. */
  load(id: number): Page | Promise<Page> {
    return this.cache.get(id) ?? this.reading.get(id) ?? this.readPage(id);
  }

  cached(id: number): Page | null {
    return this.cache.get(id);
  }

  /** A page is about to be written: what was read of it before is void. */
  forget(id: number): void {
    this.cache.delete(id);
    this.reading.delete(id);
  }

  /** Keeps a page that was just written and will be asked for soon. `bytes` is copied. */
  remember(bytes: Uint8Array, id: number): void {
    const own = Buffer.allocUnsafeSlow(bytes.length);
    own.set(bytes);
    const parsed = parsePage(own, id, this.highWater);
    invariant(parsed.ok, 'a page that was written is sound');
    this.cache.add(parsed.value);
  }

  /**
   * Reads the pages `ids`, of which the first is at `from`, as far as a single read of at most `bytesMax` reaches, and at least that
   * one. Resolves to them in order. They do not enter the cache: whoever reads so many pages will not come back soon.
   */
  async readRun(ids: readonly number[], from: number, bytesMax: number): Promise<Page[]> {
    const first = ids[from];
    invariant(first !== undefined, 'a run has a first page');
    const pagesMax = Math.max(1, Math.floor(bytesMax / this.pageSize));
    const to = runEnd(ids, from, pagesMax);
    const last = ids[to - 1] ?? first;
    const bytes = Buffer.allocUnsafeSlow((last + 1 - first) * this.pageSize);
    await this.readFully(bytes, first);
    const pages: Page[] = [];
    for (const id of ids.slice(from, to)) {
      const start = (id - first) * this.pageSize;
      const end = start + checkedBytes(this, bytes.subarray(start, start + this.pageSize), id);
      // A page that runs over the end of the run is read by itself.
      pages.push(end <= bytes.length ? soundPage(this, bytes.subarray(start, end), id) : await this.readAlone(id));
    }
    return pages;
  }

  /** Reads pages as they are, without looking at them. */
  async readFully(bytes: Uint8Array, page: number): Promise<void> {
    assertRead(this, page, await this.file.read(bytes, page * this.pageSize), bytes.length);
  }

  /** The pages of a written list of free pages. Only its header is looked at: what is free is found by walking the trees. */
  async freelistSpan(id: number): Promise<Span> {
    const header = Buffer.alloc(this.pageSize);
    await this.readFully(header, id);
    if (readU64(header, 0) !== id || readU16(header, 8) !== pageFlags.freelist) {
      throw new CorruptDatabaseError(this.path, id, 'it should be the list of free pages');
    }
    return { page: id, pages: checkedBytes(this, header, id) / this.pageSize };
  }

  private readPage(id: number): Promise<Page> {
    const page = this.readAlone(id).then(
      (read) => {
        // Void if the page was written meanwhile, which no reader that may still ask for it can see.
        if (this.reading.get(id) === page) {
          this.reading.delete(id);
          this.cache.add(read);
        }
        return read;
      },
      (error: unknown) => {
        if (this.reading.get(id) === page) this.reading.delete(id);
        throw error;
      },
    );
    this.reading.set(id, page);
    return page;
  }

  private async readAlone(id: number): Promise<Page> {
    const first = Buffer.allocUnsafeSlow(this.pageSize);
    await this.readFully(first, id);
    const length = checkedBytes(this, first, id);
    if (length === this.pageSize) return soundPage(this, first, id);
    const bytes = Buffer.allocUnsafeSlow(length);
    bytes.set(first);
    await this.readFully(bytes.subarray(this.pageSize), id + 1);
    return soundPage(this, bytes, id);
  }
}

/** The file that pages are read from. */
export interface PageSource {
  readonly path: string;
  readonly pageSize: number;
  readonly highWater: number;
  /** What is known of pages; null if nothing is. */
  readonly sums: PageSums | null;
}

/**
 * Bytes of a page according to the header in `first`, which is as long as one page. Throws a CorruptDatabaseError if that is not as it
 * was written, or reaches beyond the pages in use.
 */
export function checkedBytes(source: PageSource, first: Uint8Array, id: number): number {
  const { path, pageSize, highWater } = source;
  assertSums(source, first, id, id, first);
  const bytes = pageBytes(first, pageSize);
  if (id + bytes / pageSize > highWater) {
    throw new CorruptDatabaseError(path, id, `it reaches beyond the high-water mark ${highWater}`);
  }
  return bytes;
}

/** The page in `bytes`, as many as `checkedBytes` has said. Throws a CorruptDatabaseError if it is not sound. */
export function soundPage(source: PageSource, bytes: Uint8Array, id: number): Page {
  const { path, pageSize, highWater } = source;
  if (bytes.length > pageSize) assertSums(source, bytes.subarray(pageSize), id + 1, id, bytes);
  const parsed = parsePage(bytes, id, highWater);
  if (!parsed.ok) throw new CorruptDatabaseError(path, id, parsed.error);
  return parsed.value;
}

/** Throws a PageChecksumError unless the pages from `id` on, which belong to the page `of`, are as they were written. */
function assertSums(source: PageSource, bytes: Uint8Array, id: number, of: number, header: Uint8Array): void {
  const { path, pageSize, sums } = source;
  const mismatch = sums?.compare(bytes, id, pageSize) ?? null;
  if (mismatch !== null) throw new PageChecksumError({ path, pageSize, of, kind: kindOf(header), ...mismatch });
}

function kindOf(header: Uint8Array): 'leaf' | 'branch' | 'page' {
  const flags = readU16(header, 8);
  if (flags === pageFlags.leaf) return 'leaf';
  return flags === pageFlags.branch ? 'branch' : 'page';
}

/** Throws a PageChecksumError unless those of the pages from `page` on that are in `wanted` are as they were written. */
export function assertPages(source: PageSource, bytes: Uint8Array, page: number, wanted: PageSet): void {
  const { pageSize } = source;
  for (let at = 0, id = page; at < bytes.length; at += pageSize, id++) {
    if (!wanted.has(id)) continue;
    const one = bytes.subarray(at, at + pageSize);
    // A page that continues another has no header of its own.
    const header = readU64(one, 0) === id ? one : nothing;
    assertSums(source, one, id, id, header);
  }
}

const nothing = new Uint8Array(pageHeaderBytes);

/** Throws a CorruptDatabaseError unless `read` of `wanted` bytes were there. */
export function assertRead(
  { path, pageSize, highWater }: PageSource,
  page: number,
  read: number,
  wanted: number,
): void {
  if (read >= wanted) return;
  const missing = page + Math.floor(read / pageSize);
  throw new CorruptDatabaseError(path, missing, `the file ends there, but pages up to ${highWater} are in use`);
}

/** End (exclusive) in `ids` of what ascends from `from` on and lies within `pagesMax` pages, without large gaps. */
export function runEnd(ids: readonly number[], from: number, pagesMax: number): number {
  const first = ids[from] ?? 0;
  let to = from + 1;
  for (; to < ids.length; to++) {
    const id = ids[to] ?? 0;
    const gap = id - (ids[to - 1] ?? 0);
    if (gap <= 0 || gap > gapPagesMax || id - first >= pagesMax) break;
  }
  return to;
}

/** Reading a few pages in vain costs less than another call. */
const gapPagesMax = 8;

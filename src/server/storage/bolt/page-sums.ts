/**
 * A checksum for every page of a database file, because bbolt's format has none: of the pages that were written here as they were
 * written, of all others as they were first read. Threads that read the same file share them.
 *
 * Hot: each page that comes from the disk is looked up and summed up once (bench/bolt.ts, bench/backend.ts).
 */
import { crc32 } from 'node:zlib';

/** What a page was written with, and what it has now. */
export interface SumMismatch {
  readonly page: number;
  readonly expected: number;
  readonly found: number;
}

/** Sums are kept in segments that never move, so that other threads need only be told of new ones; 128 MiB of a file each. */
const segmentPages = 32 * 1024;
const bytesPerSum = 4;
/** Stands for "not known"; a page whose sum it would be has another. */
const unknown = 0;
const insteadOfUnknown = 0xffffffff;

export function sumOf(page: Uint8Array): number {
  const sum = crc32(page);
  return sum === unknown ? insteadOfUnknown : sum;
}

export class PageSums {
  private readonly buffers: SharedArrayBuffer[];
  private readonly segments: Uint32Array[];

  /** `buffers` are those of another thread for the same file. */
  constructor(buffers: readonly SharedArrayBuffer[] = []) {
    this.buffers = [...buffers];
    this.segments = buffers.map((buffer) => new Uint32Array(buffer));
  }

  /** What another thread needs to know the same, from the segment `from` on. */
  buffersFrom(from: number): readonly SharedArrayBuffer[] {
    return this.buffers.slice(from);
  }

  get bufferCount(): number {
    return this.buffers.length;
  }

  /** Segments that another thread has added. */
  adopt(buffers: readonly SharedArrayBuffer[]): void {
    for (const buffer of buffers) this.add(buffer);
  }

  /** Makes room for the sums of all pages below `pages`. */
  reserve(pages: number): void {
    while (this.segments.length * segmentPages < pages) {
      this.add(new SharedArrayBuffer(segmentPages * bytesPerSum));
    }
  }

  /** 0 if it is not known. */
  get(page: number): number {
    return this.segments[Math.floor(page / segmentPages)]?.[page % segmentPages] ?? unknown;
  }

  set(page: number, sum: number): void {
    const segment = this.segments[Math.floor(page / segmentPages)];
    if (segment !== undefined) segment[page % segmentPages] = sum;
  }

  /** Notes a page that is about to be written, or several in a row. Nobody may be reading them. */
  noteWritten(bytes: Uint8Array, page: number, pageSize: number): void {
    for (let at = 0, id = page; at < bytes.length; at += pageSize, id++) {
      this.set(id, sumOf(bytes.subarray(at, at + pageSize)));
    }
  }

  /**
   * Compares whole pages, as they were read, with what is known of them; null if all is well. What is not known is taken as it is, and
   * known from now on.
   */
  compare(bytes: Uint8Array, page: number, pageSize: number): SumMismatch | null {
    if (bytes.length === pageSize) return this.compareOne(bytes, page);
    for (let at = 0, id = page; at < bytes.length; at += pageSize, id++) {
      const mismatch = this.compareOne(bytes.subarray(at, at + pageSize), id);
      if (mismatch !== null) return mismatch;
    }
    return null;
  }

  private compareOne(bytes: Uint8Array, page: number): SumMismatch | null {
    const segment = this.segments[Math.floor(page / segmentPages)];
    if (segment === undefined) return null;
    const found = sumOf(bytes);
    const index = page % segmentPages;
    // Two threads may read it for the first time, and must take the same for true.
    const expected = segment[index] || Atomics.compareExchange(segment, index, unknown, found);
    return expected === found || expected === unknown ? null : { page, expected, found };
  }

  private add(buffer: SharedArrayBuffer): void {
    this.buffers.push(buffer);
    this.segments.push(new Uint32Array(buffer));
  }
}

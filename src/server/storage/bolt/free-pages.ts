/**
 * Which pages below the high-water mark are free. A page that a commit frees may still be what readers of older states see, and
 * what the file shows if that commit turns out not to have reached the disk: it is only pending until the next write
 * transaction, and until no reader is left that began between the commits that allocated and freed it.
 *
 * Free pages are bits, which need no merging; a search begins where the last one of its size ended.
 */
import { invariant } from '../../../base/assert.ts';
import type { Span } from './node.ts';

interface Pending {
  readonly page: number;
  /** The transaction that allocated it, 0 if that was before any reader now open. */
  readonly allocatedIn: number;
  readonly freedIn: number;
}

export class FreePages {
  private bits: Uint32Array;
  private count = 0;
  /** Pending pages that no reader is known to see. */
  private fresh: Pending[] = [];
  /** Pending pages by a reader that sees them: while it is there, nobody has to look at them. */
  private readonly held = new Map<number, Pending[]>();
  private waiting = 0;
  /** Transactions that allocated pages while there were readers. */
  private readonly allocatedIn = new Map<number, number>();
  /** For each length, where a search for so many pages in a row may begin; valid while no page becomes free. */
  private readonly searchFrom = new Map<number, number>();

  /** All pages up to `highWater` that are not in `used` are free. */
  constructor(used: PageSet, highWater: number) {
    this.bits = new Uint32Array(Math.ceil(highWater / 32));
    for (let page = 2; page < highWater; page++) if (!used.has(page)) this.setFree(page);
  }

  /** Pages that can be allocated now, not counting pending ones. */
  get freeCount(): number {
    return this.count;
  }

  get pendingCount(): number {
    return this.waiting;
  }

  isFree(page: number): boolean {
    return (((this.bits[page >>> 5] ?? 0) >>> (page & 31)) & 1) === 1;
  }

  /** The pages that wait for readers or the next transaction. */
  pendingPages(): number[] {
    return [this.fresh, ...this.held.values()].flatMap((pages) => pages.map(({ page }) => page));
  }

  /**
   * The pages below `highWater` that the state of commit `txid` uses, which must not be older than the last one that was made. `writing`
   * are those that a commit under way has allocated.
   */
  usedAt(txid: number, highWater: number, writing: readonly number[]): PageSet {
    const used = new PageSet(highWater);
    for (let word = 0; word < used.bits.length; word++) used.bits[word] = ~(this.bits[word] ?? 0);
    for (const pages of [this.fresh, ...this.held.values()]) {
      for (const { page, freedIn } of pages) if (freedIn <= txid) used.delete(page);
    }
    for (const page of writing) used.delete(page);
    return used;
  }

  /** The first `pages` free pages in a row, taken by transaction `txid`, or null if there are none. */
  allocate(pages: number, txid: number, hasReaders: boolean): number | null {
    if (this.count < pages) return null;
    const page = this.search(pages);
    if (page === null) return null;
    for (let i = 0; i < pages; i++)
      this.bits[(page + i) >>> 5] = (this.bits[(page + i) >>> 5] ?? 0) & ~(1 << ((page + i) & 31));
    this.count -= pages;
    this.noteAllocation({ page, pages }, txid, hasReaders);
    return page;
  }

  /** Notes pages that transaction `txid` took from above the high-water mark. */
  noteAllocation(span: Span, txid: number, hasReaders: boolean): void {
    if (!hasReaders) return;
    for (let i = 0; i < span.pages; i++) this.allocatedIn.set(span.page + i, txid);
  }

  /** Transaction `txid` does not use these pages any more. */
  free(spans: readonly Span[], txid: number): void {
    for (const span of spans) {
      for (let page = span.page; page < span.page + span.pages; page++) {
        if (page < 2 || this.isFree(page)) invariant(false, `page ${page} is freed once`);
        this.fresh.push({ page, allocatedIn: this.allocatedIn.get(page) ?? 0, freedIn: txid });
        this.waiting++;
        this.allocatedIn.delete(page);
      }
    }
  }

  /** Makes pending pages free that none of the readers, given as the transactions whose state they see, can reach. */
  release(readers: readonly number[]): void {
    this.forgetAllocations(Math.min(...readers));
    // The oldest holds pages longest, most of the time.
    const oldestFirst = readers.toSorted((a, b) => a - b);
    const loose = this.fresh;
    this.fresh = [];
    this.releaseOrHold(loose, oldestFirst);
    for (const [reader, pages] of this.held) {
      if (readers.includes(reader)) continue;
      this.held.delete(reader);
      this.releaseOrHold(pages, oldestFirst);
    }
  }

  private releaseOrHold(pages: readonly Pending[], readers: readonly number[]): void {
    for (const pending of pages) {
      const holder = readers.find((reader) => pending.allocatedIn <= reader && reader < pending.freedIn);
      if (holder === undefined) {
        this.setFree(pending.page);
        this.waiting--;
      } else if (!this.held.get(holder)?.push(pending)) this.held.set(holder, [pending]);
    }
    if (pages.length > 0) this.searchFrom.clear();
  }

  /** What every reader may see is as good as always allocated. Entries are in the order of their transactions. */
  private forgetAllocations(oldestReader: number): void {
    for (const [page, txid] of this.allocatedIn) {
      if (txid > oldestReader) return;
      this.allocatedIn.delete(page);
    }
  }

  private setFree(page: number): void {
    const word = page >>> 5;
    if (word >= this.bits.length) {
      const grown = new Uint32Array(Math.max(word + 1, this.bits.length * 2));
      grown.set(this.bits);
      this.bits = grown;
    }
    this.bits[word] = (this.bits[word] ?? 0) | (1 << (page & 31));
    this.count++;
  }

  private search(pages: number): number | null {
    const end = this.bits.length * 32;
    let start = this.searchFrom.get(pages) ?? 2;
    let length = 0;
    for (let page = start; page < end; page++) {
      if ((page & 31) === 0 && this.bits[page >>> 5] === 0) {
        length = 0;
        page += 31;
        continue;
      }
      if (!this.isFree(page)) {
        length = 0;
        continue;
      }
      if (length === 0) start = page;
      length++;
      if (length === pages) {
        this.searchFrom.set(pages, page + 1);
        return start;
      }
    }
    this.searchFrom.set(pages, end);
    return null;
  }
}

/** A set of page ids, a bit each. */
export class PageSet {
  /** May be handed to another thread. */
  readonly bits: Uint32Array;

  constructor(highWater: number, bits: Uint32Array = new Uint32Array(Math.ceil(highWater / 32))) {
    this.bits = bits;
  }

  has(page: number): boolean {
    return (((this.bits[page >>> 5] ?? 0) >>> (page & 31)) & 1) === 1;
  }

  add(page: number): void {
    this.bits[page >>> 5] = (this.bits[page >>> 5] ?? 0) | (1 << (page & 31));
  }

  delete(page: number): void {
    if (page >>> 5 < this.bits.length) this.bits[page >>> 5] = (this.bits[page >>> 5] ?? 0) & ~(1 << (page & 31));
  }
}

/**
 * Pages read before, the least recently used forgotten first. Their bytes are bounded; pages are immutable, so none is ever out of
 * date. Hot: a linked list, because a Map that is kept in order by deleting and setting took 5 µs per look-up (bench/bolt.ts).
 */
import type { Page } from './page.ts';

interface Entry {
  readonly page: Page;
  /** Used before this one, and after it. */
  older: Entry | null;
  newer: Entry | null;
}

export class PageCache {
  private readonly bytesMax: number;
  private readonly entries = new Map<number, Entry>();
  private oldest: Entry | null = null;
  private newest: Entry | null = null;
  private heldBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  get(id: number): Page | null {
    const entry = this.entries.get(id);
    if (entry === undefined) return null;
    if (entry !== this.newest) {
      this.unlink(entry);
      this.link(entry);
    }
    return entry.page;
  }

  /** Keeps a page whose bytes are a buffer of their own: a view would keep all that it is a part of. */
  add(page: Page): void {
    this.delete(page.id);
    if (page.bytes.length > this.bytesMax) return;
    const entry = { page, older: null, newer: null };
    this.entries.set(page.id, entry);
    this.link(entry);
    this.heldBytes += page.bytes.length;
    while (this.heldBytes > this.bytesMax && this.oldest !== null) this.delete(this.oldest.page.id);
  }

  delete(id: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    this.unlink(entry);
    this.heldBytes -= entry.page.bytes.length;
  }

  /** As the one used last. */
  private link(entry: Entry): void {
    entry.older = this.newest;
    entry.newer = null;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unlink({ older, newer }: Entry): void {
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
  }
}

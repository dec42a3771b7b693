/** Pages read before, the least recently used forgotten first. Their bytes are bounded; pages are immutable, so none is ever late. */
import type { Page } from './page.ts';

export class PageCache {
  private readonly bytesMax: number;
  /** In the order of their last use. */
  private readonly pages = new Map<number, Page>();
  private heldBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  get(id: number): Page | null {
    const page = this.pages.get(id);
    if (page === undefined) return null;
    this.pages.delete(id);
    this.pages.set(id, page);
    return page;
  }

  /** Keeps a page whose bytes are a buffer of their own: a view would keep all that it is a part of. */
  add(page: Page): void {
    this.delete(page.id);
    if (page.bytes.length > this.bytesMax) return;
    this.pages.set(page.id, page);
    this.heldBytes += page.bytes.length;
    for (const [id] of this.pages) {
      if (this.heldBytes <= this.bytesMax) break;
      this.delete(id);
    }
  }

  delete(id: number): void {
    const page = this.pages.get(id);
    if (page === undefined) return;
    this.pages.delete(id);
    this.heldBytes -= page.bytes.length;
  }
}

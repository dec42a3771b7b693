/**
 * Visits all pages of a tree of buckets, and of the buckets in it, and checks what cannot be known from one page: that keys are in
 * the range that the parent gives the page. Reads many pages at once, past the cache.
 */
import { decodeBucketValue, printName } from './bucket-value.ts';
import { compareBytes } from './bytes.ts';
import { CorruptDatabaseError } from './errors.ts';
import type { Page } from './page.ts';
import type { Pager } from './pager.ts';

export interface Walker {
  /** Every page, before its children. False: leave out what is below it. */
  visit(page: Page): boolean;
  /** Something is wrong. May throw, to end the walk; else it goes on elsewhere. */
  fault(error: CorruptDatabaseError): void;
}

/** Where the keys of a page must be: from `low` on, below `high`. */
interface Bounds {
  readonly low: Uint8Array | null;
  readonly high: Uint8Array | null;
}

const unbounded: Bounds = { low: null, high: null };
const readBytesMax = 1024 * 1024;

/** Rejects with the operating system's errors only, and with what `fault` throws. */
export async function walkTree(pager: Pager, root: number, walker: Walker): Promise<void> {
  await new Walk(pager, walker).run([root], [unbounded], null);
}

class Walk {
  private readonly pager: Pager;
  private readonly walker: Walker;

  constructor(pager: Pager, walker: Walker) {
    this.pager = pager;
    this.walker = walker;
  }

  /** `bounds` are those of the page at the same place in `ids`; `bucket`, if it is known, is what they belong to. */
  async run(ids: readonly number[], bounds: readonly Bounds[], bucket: string | null): Promise<void> {
    for (let index = 0; index < ids.length; ) {
      const pages = await this.read(ids, index, bucket);
      for (const [i, page] of pages.entries()) {
        if (page !== null && this.walker.visit(page)) await this.descend(page, bounds[index + i] ?? unbounded, bucket);
      }
      index += pages.length;
    }
  }

  /** At least the page at `index`; null for one that cannot be read. */
  private async read(ids: readonly number[], index: number, bucket: string | null): Promise<(Page | null)[]> {
    try {
      return await this.pager.readRun(ids, index, readBytesMax);
    } catch (error) {
      if (!(error instanceof CorruptDatabaseError)) throw error;
      // It need not be the first page of the run that is damaged.
      return [await this.readAlone(ids, index, bucket)];
    }
  }

  private async readAlone(ids: readonly number[], index: number, bucket: string | null): Promise<Page | null> {
    try {
      const [page] = await this.pager.readRun(ids.slice(index, index + 1), 0, 1);
      return page ?? null;
    } catch (error) {
      if (!(error instanceof CorruptDatabaseError)) throw error;
      this.walker.fault(bucket === null ? error : error.inBucket(bucket));
      return null;
    }
  }

  private async descend(page: Page, bounds: Bounds, bucket: string | null): Promise<void> {
    this.checkBounds(page, bounds);
    if (page.isLeaf) {
      for (let i = 0; i < page.count; i++) if (page.isBucket(i)) await this.descendInto(page, i);
      return;
    }
    const ids: number[] = [];
    const childBounds: Bounds[] = [];
    for (let i = 0; i < page.count; i++) {
      ids.push(page.childPage(i));
      childBounds.push({ low: page.key(i), high: i + 1 < page.count ? page.key(i + 1) : bounds.high });
    }
    await this.run(ids, childBounds, bucket);
  }

  private async descendInto(leaf: Page, index: number): Promise<void> {
    const bucket = decodeBucketValue(leaf.value(index), this.pager.highWater);
    if (!bucket.ok) this.fault(leaf, `${printName(leaf.key(index))}: ${bucket.error}`);
    else if (typeof bucket.value.root === 'number')
      await this.run([bucket.value.root], [unbounded], printName(leaf.key(index)));
    else if (hasBucket(bucket.value.root))
      this.fault(leaf, `${printName(leaf.key(index))} is inline but holds a bucket`);
  }

  private checkBounds(page: Page, { low, high }: Bounds): void {
    if (page.count === 0) return;
    if (low !== null && compareBytes(page.key(0), low) < 0) this.fault(page, 'its first key is below its parent’s');
    if (high !== null && compareBytes(page.key(page.count - 1), high) >= 0) {
      this.fault(page, 'its last key is not below the next page’s first');
    }
  }

  private fault(page: Page, found: string): void {
    this.walker.fault(new CorruptDatabaseError(this.pager.path, page.id, found));
  }
}

function hasBucket(page: Page): boolean {
  for (let i = 0; i < page.count; i++) if (page.isBucket(i)) return true;
  return false;
}

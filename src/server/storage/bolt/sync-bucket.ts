/** Reading a bucket at once: one key, and all keys from one on. */
import { decodeBucketValue, printName, type StoredBucket } from './bucket-value.ts';
import { CorruptDatabaseError } from './errors.ts';
import { childIndexFor, indexOf, lowerBound } from './items.ts';
import type { Page } from './page.ts';
import type { SyncPager } from './sync-pager.ts';

const noBytes = new Uint8Array(0);

export interface NamedBucket extends StoredBucket {
  /** As people read it. */
  readonly name: string;
}

/** The value of a key, or null if there is none, or a bucket. A view of a page that must not be changed. */
export function getNow(pager: SyncPager, bucket: NamedBucket, key: Uint8Array): Uint8Array | null {
  const leaf = leafFor(pager, bucket, key);
  const index = indexOf(leaf, key);
  return index < 0 || leaf.isBucket(index) ? null : leaf.value(index);
}

/** The bucket in the root of all buckets under that name; null if there is none. */
export function bucketNow(pager: SyncPager, name: Uint8Array): NamedBucket | null {
  const leaf = leafFor(pager, { root: pager.meta.root, sequence: 0n, name: 'the list of buckets' }, name);
  const index = indexOf(leaf, name);
  if (index < 0 || !leaf.isBucket(index)) return null;
  const decoded = decodeBucketValue(leaf.value(index), pager.highWater);
  if (!decoded.ok) throw new CorruptDatabaseError(pager.path, null, `${printName(name)}: ${decoded.error}`);
  return { ...decoded.value, name: printName(name) };
}

function leafFor(pager: SyncPager, bucket: NamedBucket, key: Uint8Array): Page {
  let page = rootOf(pager, bucket);
  while (!page.isLeaf) page = pager.load(page.childPage(childIndexFor(page, key)), bucket.name);
  return page;
}

function rootOf(pager: SyncPager, { root, name }: NamedBucket): Page {
  return typeof root === 'number' ? pager.load(root, name) : root;
}

/** The most that a cursor reads at once: some thousand records, a fraction of a millisecond. */
const windowBytesMax = 256 * 1024;
/** A longer scan would be held up by looking for single pages that are cached. */
const shortScanPages = 16;

interface Level {
  readonly page: Page;
  index: number;
}

/**
 * Walks a bucket in ascending order, from the first key that is not before `from`. The further it goes the more it reads ahead, past
 * the cache. To be used until the pager moves.
 */
export class SyncCursor {
  /** The page where it stands; see BackendCursor. */
  bytes: Uint8Array = noBytes;
  keyStart = 0;
  valueStart = 0;
  valueEnd = 0;
  private readonly pager: SyncPager;
  private readonly bucketName: string;
  /** Branches from the root down, each with the child where the walk is. */
  private readonly branches: Level[] = [];
  private leaf: Page;
  private index: number;
  /** Leaves that were read at once, in order, and the next of them. */
  private ahead: readonly Page[] = [];
  private aheadAt = 0;
  private window = 1;

  constructor(pager: SyncPager, bucket: NamedBucket, from: Uint8Array) {
    this.pager = pager;
    this.bucketName = bucket.name;
    const leaf = this.descend(rootOf(pager, bucket), (page) => childIndexFor(page, from));
    this.leaf = leaf;
    this.index = lowerBound(leaf, from) - 1;
  }

  /** False after the last. Throws a CorruptDatabaseError or the operating system's error. */
  next(): boolean {
    const moved = this.advance();
    const { leaf, index } = this;
    this.bytes = moved ? leaf.bytes : noBytes;
    this.keyStart = moved ? leaf.keyStart(index) : 0;
    this.valueStart = moved ? this.keyStart + leaf.keySize(index) : 0;
    this.valueEnd = moved ? this.valueStart + leaf.valueSize(index) : 0;
    return moved;
  }

  private advance(): boolean {
    this.index++;
    while (this.index >= this.leaf.count) {
      const leaf = this.nextLeaf();
      if (leaf === null) {
        this.index = this.leaf.count;
        return false;
      }
      this.leaf = leaf;
      this.index = 0;
    }
    return true;
  }

  /** Views of pages that must not be changed. Empty if the cursor stands on no pair. */
  get key(): Uint8Array {
    return this.bytes.subarray(this.keyStart, this.valueStart);
  }

  get value(): Uint8Array {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  private descend(from: Page, indexIn: (branch: Page) => number): Page {
    let page = from;
    while (!page.isLeaf) {
      const index = indexIn(page);
      this.branches.push({ page, index });
      page = this.pager.load(page.childPage(index), this.bucketName);
    }
    return page;
  }

  private nextLeaf(): Page | null {
    const parent = this.branches.at(-1);
    if (parent === undefined) return null;
    parent.index++;
    if (parent.index < parent.page.count) return this.leafAhead(parent);
    // Up to the first branch that has another child, and down again on its left side.
    let level: Level | undefined = parent;
    while (level !== undefined && level.index >= level.page.count) {
      this.branches.pop();
      level = this.branches.at(-1);
      if (level !== undefined) level.index++;
    }
    if (level === undefined) return null;
    return this.descend(this.pager.load(level.page.childPage(level.index), this.bucketName), () => 0);
  }

  /** The leaf below the last branch where it stands now, and those behind it with the same read. */
  private leafAhead({ page, index }: Level): Page {
    const id = page.childPage(index);
    const known = this.ahead[this.aheadAt];
    if (known?.id === id) {
      this.aheadAt++;
      return known;
    }
    const cached = this.window <= shortScanPages ? this.pager.cached(id) : null;
    if (cached !== null) return cached;
    const windowMax = Math.max(1, Math.floor(windowBytesMax / this.pager.pageSize));
    this.window = Math.min(this.window * 2, windowMax);
    const ids: number[] = [];
    for (let i = index; i < page.count && ids.length < this.window; i++) ids.push(page.childPage(i));
    const run = this.pager.readRun(ids, 0, windowBytesMax, this.bucketName);
    this.ahead = run;
    this.aheadAt = 1;
    return run[0] ?? this.pager.load(id, this.bucketName);
  }
}

/**
 * A bucket in a write transaction. Puts and deletes are noted, and applied to the tree when the bucket is next read or committed:
 * only then may pages have to be loaded, so that noting is synchronous and cheap.
 */
import { applyEdits } from './apply-edits.ts';
import { balanceTree } from './balance.ts';
import { decodeBucketValue, encodeBucketValue, encodeInlineBucket, fitsInline, printName } from './bucket-value.ts';
import { writeU64 } from './bytes.ts';
import { Cursor } from './cursor.ts';
import { Edits } from './edits.ts';
import { BoltUsageError, CorruptDatabaseError } from './errors.ts';
import type { Child, Items } from './items.ts';
import { Node, type Span } from './node.ts';
import { bucketFlag, Page } from './page.ts';
import type { PageWriter } from './page-writer.ts';
import type { Pager } from './pager.ts';
import { findItem, type Item, type KeyRange, scanTree, type Tree, type Visit } from './tree.ts';
import { walkTree } from './walk.ts';

/** bbolt's limits, in bytes. */
export const keyBytesMax = 32_768;
const valueBytesMax = 2 ** 31 - 2;

/** How full a page is made when a node is split, for keys that come in any order; 0.9 suits keys that only ascend. */
const defaultFillPercent = 0.5;
const fillPercentMin = 0.1;
const fillPercentMax = 1;

const noBytes = new Uint8Array(0);

/** What the buckets of a transaction share. */
export interface WriteContext {
  readonly pager: Pager;
  /** Pages that the transaction does not need any more. */
  readonly discarded: Span[];
  /** Throws unless the transaction is open and its commit has not begun. */
  assertOpen(): void;
}

export class WriteBucket implements Tree {
  readonly pager: Pager;
  private readonly context: WriteContext;
  private top: Child | Page;
  private sequenceNumber: bigint;
  /** Differs from what is stored, or will once the edits are applied. */
  private changed: boolean;
  /** Creating and deleting buckets settles at once, so that edits of a name are all of one kind. */
  private edits = new Edits();
  /** Resolves when the edits so far that are not in `edits` any more are applied. */
  private settled: Promise<void> = Promise.resolve();
  /** Buckets in this one that were opened, by name in latin1. */
  private readonly opened = new Map<string, WriteBucket>();
  private fill = defaultFillPercent;
  /** Where the root's page goes in the parent's leaf, once it is known; null for an inline bucket. */
  private storedValue: Buffer | null = null;

  /** A bucket as it is stored, or a new one: an empty leaf. */
  constructor(context: WriteContext, root: Child | Page, sequence: bigint) {
    this.context = context;
    this.pager = context.pager;
    this.top = root;
    this.sequenceNumber = sequence;
    this.changed = root instanceof Node;
  }

  /** Of the pages that this transaction splits; in [0.1, 1], else the nearest. */
  set fillPercent(value: number) {
    this.fill = Math.min(fillPercentMax, Math.max(fillPercentMin, value));
  }

  get sequence(): bigint {
    return this.sequenceNumber;
  }

  set sequence(value: bigint) {
    this.context.assertOpen();
    this.sequenceNumber = value;
    this.changed = true;
  }

  /**
   * Sets the value of a key. Both are kept as they are until the transaction is over: the caller must not change them. If the key is
   * a bucket's name, the next read or the commit rejects.
   */
  put(key: Uint8Array, value: Uint8Array): void {
    this.context.assertOpen();
    assertKey(key);
    if (value.length > valueBytesMax)
      throw new BoltUsageError(`a value of ${value.length} bytes is above ${valueBytesMax}`);
    this.edits.add(key, value, 0);
  }

  /** Removes a key, if it is there. As with `put`, the key must not change, nor be a bucket's name. */
  delete(key: Uint8Array): void {
    this.context.assertOpen();
    assertKey(key);
    this.edits.add(key, null, 0);
  }

  /** Resolves to the value, or null if there is none, or a bucket. Sees what was put before. */
  async get(key: Uint8Array): Promise<Uint8Array | null> {
    const item = await findItem(this, key);
    return item === null || item.isBucket ? null : item.value;
  }

  /** A cursor over the items as they are now; the bucket must not be changed while it is in use. */
  cursor(): Cursor {
    return new Cursor(this);
  }

  /** Visits a range of items in order. What the visitor puts or deletes comes into effect after the scan. */
  scan(range: KeyRange, visit: Visit): Promise<void> {
    return scanTree(this, range, visit);
  }

  /** Resolves to null if there is no bucket in this one under that name. */
  async bucket(name: Uint8Array): Promise<WriteBucket | null> {
    const known = this.opened.get(nameKey(name));
    if (known !== undefined) return known;
    const item = await findItem(this, name);
    if (item === null || !item.isBucket) return null;
    return this.open(name, item);
  }

  /** Rejects if the name is taken, by a bucket or a value. */
  async createBucket(name: Uint8Array): Promise<WriteBucket> {
    this.context.assertOpen();
    assertKey(name);
    const existing = await findItem(this, name);
    if (existing !== null)
      throw new BoltUsageError(`${printName(name)} exists${existing.isBucket ? '' : ', as a value'}`);
    const root = Node.emptyLeaf();
    const own = Uint8Array.from(name);
    this.edits.add(own, encodeInlineBucket(root, 0n), bucketFlag);
    await this.settle();
    return this.adopt(own, new WriteBucket(this.context, root, 0n));
  }

  async createBucketIfMissing(name: Uint8Array): Promise<WriteBucket> {
    return (await this.bucket(name)) ?? (await this.createBucket(name));
  }

  /** Removes a bucket and all that is in it. Rejects if there is none. What was opened of it must not be used any more. */
  async deleteBucket(name: Uint8Array): Promise<void> {
    const bucket = await this.bucket(name);
    if (bucket === null) throw new BoltUsageError(`${printName(name)} does not exist`);
    await bucket.discard();
    this.opened.delete(nameKey(name));
    this.edits.add(Uint8Array.from(name), null, bucketFlag);
    await this.settle();
  }

  async root(): Promise<Items> {
    this.context.assertOpen();
    await this.settle();
    return typeof this.top === 'number' ? this.pager.load(this.top) : this.top;
  }

  load(child: Child): Items | Promise<Items> {
    this.context.assertOpen();
    return typeof child === 'number' ? this.pager.load(child) : child;
  }

  /**
   * First half of a commit, which may load pages: applies the edits here and in all buckets below, and joins nodes that became small.
   * Resolves to whether anything changed.
   */
  async prepare(): Promise<boolean> {
    for (const [name, bucket] of this.opened) {
      if (await bucket.prepare()) this.edits.add(Buffer.from(name, 'latin1'), bucket.storable(), bucketFlag);
    }
    await this.settle();
    if (!this.changed) return false;
    if (this.top instanceof Page) this.top = Node.fromPage(this.top);
    if (this.top instanceof Node) {
      this.top = await balanceTree(this.top, {
        pageSize: this.pager.pageSize,
        fillPercent: this.fill,
        load: (page) => this.pager.load(page),
        discard: this.discardSpan,
      });
    }
    return true;
  }

  /** Second half: writes what changed, buckets below first. Returns the root's page. */
  write(writer: PageWriter): number {
    for (const bucket of this.opened.values()) if (bucket.storedValue !== null) bucket.write(writer);
    if (this.top instanceof Node) this.top = writer.writeTree(this.top, this.fill);
    if (this.storedValue !== null && typeof this.top === 'number') writeU64(this.storedValue, 0, this.top);
    return typeof this.top === 'number' ? this.top : 0;
  }

  /** The bucket as its parent's leaf is to hold it: whole if it is small, else with the root's page to be filled in by `write`. */
  private storable(): Buffer {
    if (this.top instanceof Node && fitsInline(this.top, this.pager.pageSize)) {
      this.discardSpan(this.top.origin);
      return encodeInlineBucket(this.top, this.sequenceNumber);
    }
    this.storedValue = encodeBucketValue(typeof this.top === 'number' ? this.top : 0, this.sequenceNumber);
    return this.storedValue;
  }

  private open(name: Uint8Array, item: Item): WriteBucket {
    const decoded = decodeBucketValue(item.value, this.pager.highWater);
    if (!decoded.ok) throw new CorruptDatabaseError(this.pager.path, null, `${printName(name)}: ${decoded.error}`);
    const { root, sequence } = decoded.value;
    // Someone else may have opened it while this one waited for its page.
    const known = this.opened.get(nameKey(name));
    return known ?? this.adopt(name, new WriteBucket(this.context, root, sequence));
  }

  private adopt(name: Uint8Array, bucket: WriteBucket): WriteBucket {
    this.opened.set(nameKey(name), bucket);
    return bucket;
  }

  /** Applies what was noted. Reads that follow each other do so in turn. */
  private settle(): Promise<void> {
    if (this.edits.count === 0) return this.settled;
    const { edits } = this;
    this.edits = new Edits();
    edits.sort();
    this.settled = this.settled.then(async () => {
      const root = await this.changeableRoot();
      if (!(await applyEdits(this.pager, root, edits))) return;
      this.top = root;
      this.changed = true;
    });
    return this.settled;
  }

  private async changeableRoot(): Promise<Node> {
    const { top } = this;
    if (top instanceof Node) return top;
    return Node.fromPage(top instanceof Page ? top : await this.pager.load(top));
  }

  /** Gives up all pages of this bucket and of those in it. */
  private async discard(): Promise<void> {
    this.context.assertOpen();
    // What was opened differs from what is on disk, and is found through a changed leaf only.
    for (const name of this.opened.keys()) this.edits.add(Buffer.from(name, 'latin1'), noBytes, bucketFlag);
    await this.settle();
    await this.discardTree(this.top);
  }

  private async discardTree(top: Child | Page): Promise<void> {
    if (typeof top === 'number') {
      await walkTree(this.pager, top, {
        visit: (page) => {
          this.discardSpan({ page: page.id, pages: page.span });
          return true;
        },
        fault: (error) => {
          throw error;
        },
      });
      return;
    }
    if (top instanceof Node) this.discardSpan(top.origin);
    for (let i = 0; i < top.count; i++) {
      if (!top.isLeaf) await this.discardTree(top.child(i));
      else if (top.isBucket(i)) await (await this.bucket(top.key(i)))?.discard();
    }
  }

  private readonly discardSpan = (span: Span | null): void => {
    if (span !== null) this.context.discarded.push(span);
  };
}

function assertKey(key: Uint8Array): void {
  if (key.length === 0) throw new BoltUsageError('a key has at least one byte');
  if (key.length > keyBytesMax) throw new BoltUsageError(`a key of ${key.length} bytes is above ${keyBytesMax}`);
}

function nameKey(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}

/** A view of the database as one commit left it, for as long as the transaction is open, whatever is written meanwhile. */
import { invariant } from '../../../base/assert.ts';
import { decodeBucketValue, printName, type StoredBucket } from './bucket-value.ts';
import { Cursor } from './cursor.ts';
import { BoltUsageError, CorruptDatabaseError } from './errors.ts';
import type { Child, Items } from './items.ts';
import type { Meta } from './meta.ts';
import type { Pager } from './pager.ts';
import { findItem, type KeyRange, scanTree, type Tree, type Visit } from './tree.ts';

export class ReadTx {
  readonly meta: Meta;
  /** Holds the top-level buckets, as a bucket holds the buckets in it. */
  readonly root: ReadBucket;
  private readonly onClose: () => void;
  private open = true;

  constructor(pager: Pager, meta: Meta, onClose: () => void) {
    this.meta = meta;
    this.onClose = onClose;
    const assertOpen = () => {
      if (!this.open) throw new BoltUsageError('the transaction is closed');
    };
    this.root = new ReadBucket(pager, { root: meta.root, sequence: meta.rootSequence }, assertOpen);
  }

  /** Resolves to null if there is no such bucket. */
  bucket(name: Uint8Array): Promise<ReadBucket | null> {
    return this.root.bucket(name);
  }

  /** Lets the pages that only this transaction sees be used again. What it gave out must not be asked for more. Idempotent. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.onClose();
  }
}

/** All bytes that a bucket gives out are views: they must not be changed, and keep the page that they are on in memory. */
export class ReadBucket implements Tree {
  readonly pager: Pager;
  readonly sequence: bigint;
  private readonly stored: StoredBucket;
  private readonly assertOpen: () => void;

  constructor(pager: Pager, stored: StoredBucket, assertOpen: () => void) {
    this.pager = pager;
    this.stored = stored;
    this.sequence = stored.sequence;
    this.assertOpen = assertOpen;
  }

  /** Resolves to the value, or null if there is none, or a bucket. */
  async get(key: Uint8Array): Promise<Uint8Array | null> {
    const item = await findItem(this, key);
    return item === null || item.isBucket ? null : item.value;
  }

  /** Resolves to null if there is no bucket in this one under that name. */
  async bucket(name: Uint8Array): Promise<ReadBucket | null> {
    const item = await findItem(this, name);
    if (item === null || !item.isBucket) return null;
    const decoded = decodeBucketValue(item.value, this.pager.highWater);
    if (!decoded.ok) throw new CorruptDatabaseError(this.pager.path, null, `${printName(name)}: ${decoded.error}`);
    return new ReadBucket(this.pager, decoded.value, this.assertOpen);
  }

  cursor(): Cursor {
    return new Cursor(this);
  }

  /** Visits a range of items in order, many at a turn. */
  scan(range: KeyRange, visit: Visit): Promise<void> {
    return scanTree(this, range, visit);
  }

  root(): Items | Promise<Items> {
    this.assertOpen();
    const { root } = this.stored;
    return typeof root === 'number' ? this.pager.load(root) : root;
  }

  load(child: Child): Items | Promise<Items> {
    this.assertOpen();
    invariant(typeof child === 'number', 'a read transaction sees pages only');
    return this.pager.load(child);
  }
}

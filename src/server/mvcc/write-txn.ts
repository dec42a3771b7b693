/** A write transaction: all its changes get the revision after the current one, and become visible to others when it ends. */
import { invariant } from '../../base/assert.ts';
import type { Result } from '../../base/result.ts';
import { sizeKeyValueFields, writeKeyValueFields } from '../../proto/mvccpb.ts';
import type { Change, RangeOptions, RangeResult, RevisionError, WriteTarget } from './store-types.ts';

const noBytes = new Uint8Array(0);

export interface DeleteResult {
  readonly deleted: number;
  /** The revision of the transaction if it has changed anything by now, else the one it began at. */
  readonly revision: number;
}

/** One object per store, used again for each transaction. */
export class WriteTxn {
  readonly #store: WriteTarget;
  readonly #advance: (revision: number) => void;
  #isOpen = false;
  #beginRevision = 0;
  #changeCount = 0;
  #ranges = 0;
  #puts = 0;
  #putBytes = 0;
  #deletes = 0;

  constructor(store: WriteTarget, advance: (revision: number) => void) {
    this.#store = store;
    this.#advance = advance;
  }

  /** Called by the store. */
  begin(revision: number): void {
    invariant(!this.#isOpen, 'one write transaction at a time');
    this.#isOpen = true;
    this.#beginRevision = revision;
    this.#changeCount = 0;
    this.#ranges = 0;
    this.#puts = 0;
    this.#putBytes = 0;
    this.#deletes = 0;
  }

  get hasChanges(): boolean {
    return this.#changeCount > 0;
  }

  /** The revision that its reads see: the next one as soon as anything was changed. */
  get revision(): number {
    return this.#changeCount > 0 ? this.#beginRevision + 1 : this.#beginRevision;
  }

  /** Reads; sees the transaction's own writes. */
  range(options: RangeOptions): Result<RangeResult, RevisionError> {
    this.#ranges++;
    return this.#store.rangeAt(options, this.revision);
  }

  /** Sets a key. The bytes are copied. Returns the revision. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): number {
    invariant(this.#isOpen, 'a put is part of a transaction');
    const { index, log, leases } = this.#store;
    const main = this.#beginRevision + 1;
    const sub = this.#changeCount++;
    index.put(key, main, sub, lease !== 0n);
    const { created, version } = index;
    const writer = log.append(main, sub, false, sizeKeyValueFields(key, created, main, version, value, lease));
    writeKeyValueFields(writer, key, created, main, version, value, lease);
    this.#puts++;
    this.#putBytes += key.length + value.length;
    if (lease !== 0n || index.hadLease) leases.keyLeaseChanged(key, lease);
    return main;
  }

  /** Deletes all keys of a range that exist now. */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array): DeleteResult {
    invariant(this.#isOpen, 'a deletion is part of a transaction');
    const { index, log, leases } = this.#store;
    const main = this.#beginRevision + 1;
    const deleted = index.deleteRange(key, rangeEnd, main, (found, leased) => {
      const sub = this.#changeCount++;
      const writer = log.append(main, sub, true, sizeKeyValueFields(found, 0, 0, 0, noBytes, 0n));
      writeKeyValueFields(writer, found, 0, 0, 0, noBytes, 0n);
      if (leased) leases.keyLeaseChanged(found, 0n);
      return sub;
    });
    this.#deletes++;
    return { deleted, revision: this.revision };
  }

  /** Its changes so far, in their order. May be called after `end`, until the next transaction begins. */
  changes(): Change[] {
    return this.#changeCount === 0 ? [] : this.#store.changesAt(this.#beginRevision + 1);
  }

  /** Makes the changes visible. Returns the store's revision. */
  end(): number {
    invariant(this.#isOpen, 'a transaction ends once');
    this.#isOpen = false;
    const { totals } = this.#store;
    if (this.#ranges + this.#puts + this.#deletes > 1) totals.txns++;
    totals.ranges += this.#ranges;
    totals.puts += this.#puts;
    totals.putBytes += this.#putBytes;
    totals.deletes += this.#deletes;
    const revision = this.revision;
    if (this.#changeCount > 0) this.#advance(revision);
    return revision;
  }
}

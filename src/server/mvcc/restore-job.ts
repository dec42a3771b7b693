/**
 * Makes the index anew from the records of a database, which is what a start spends its time on: about a million records a second.
 * Hot path, benchmark: bench/data-dir.ts. Views of keys and values would take more time than all else, so places in pages are passed on.
 */
import { KeyValueHead } from '../../proto/mvccpb.ts';
import type { Backend, BackendCursor } from '../storage/backend/backend.ts';
import type { KeyIndex } from './key-index.ts';
import { bucketKeyBytes, isTombstoneKey, mainOf, subOf, writeBucketKey } from './revision.ts';
import { RowMemo } from './row-memo.ts';
import type { LeaseBook } from './store-types.ts';

/** About ten milliseconds. */
const recordsPerStep = 8192;

export class RestoreJob {
  /** The revision of the newest record seen; 1 before the first. */
  revision = 1;
  readonly #backend: Backend;
  readonly #index: KeyIndex;
  readonly #leases: LeaseBook;
  readonly #from = new Uint8Array(bucketKeyBytes);
  readonly #record = new KeyValueHead();
  readonly #memo = new RowMemo();
  readonly #key = new KeyCopy();

  constructor(backend: Backend, index: KeyIndex, leases: LeaseBook) {
    this.#backend = backend;
    this.#index = index;
    this.#leases = leases;
  }

  /** Reads some records; true once there are no more. */
  step(): boolean {
    const cursor = this.#backend.seek('key', this.#from);
    for (let left = recordsPerStep; left > 0; left--) {
      if (!cursor.next()) return true;
      this.#restore(cursor);
      // Carries on after the last record, whose sub is the only thing that can be larger in the next.
      if (left === 1) writeBucketKey(this.#from, mainOf(cursor.key), subOf(cursor.key) + 1, false);
    }
    return false;
  }

  #restore({ bytes, keyStart, valueStart, valueEnd }: BackendCursor): void {
    const main = mainOf(bytes, keyStart);
    const sub = subOf(bytes, keyStart);
    this.revision = main;
    const record = this.#record;
    record.read(bytes, valueStart, valueEnd);
    const row = this.#rowOf(bytes, record.keyStart, record.keyEnd);
    const { lease } = record;
    if (isTombstoneKey(bytes, keyStart, valueStart)) this.#index.restoreTombstone(row, main, sub);
    else this.#index.restorePut(row, main, sub, record.createRevision, record.version, lease !== 0n);
    if (lease !== 0n || this.#index.hadLease)
      this.#leases.keyLeaseChanged(bytes.subarray(record.keyStart, record.keyEnd), lease);
  }

  #rowOf(bytes: Uint8Array, start: number, end: number): number {
    const known = this.#memo.find(bytes, start, end);
    if (known !== 0) return known;
    const key = this.#key.of(bytes, start, end);
    const row = this.#index.restoreRow(key);
    this.#memo.add(key, row);
    return row;
  }
}

/** Longer keys are rare enough to make a view of each. */
const copiedBytesMax = 512;

/** The key that is being restored as an array of its own length, one for all keys of that length. */
class KeyCopy {
  readonly #byLength: Uint8Array[] = [];

  /** Valid until the next call. */
  of(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = end - start;
    if (length > copiedBytesMax) return bytes.subarray(start, end);
    let copy = this.#byLength[length];
    if (copy === undefined) {
      copy = new Uint8Array(length);
      this.#byLength[length] = copy;
    }
    for (let i = 0; i < length; i++) copy[i] = bytes[start + i] as number;
    return copy;
  }
}

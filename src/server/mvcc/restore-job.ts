/**
 * Makes the index anew from the records of a database, which is what a start spends its time on: about a million keys in two seconds.
 * Hot path, benchmark: bench/mvcc.ts.
 */
import { decodeKeyValue, keyOf } from '../../proto/mvccpb.ts';
import type { Backend } from '../storage/backend/backend.ts';
import type { KeyIndex } from './key-index.ts';
import { bucketKeyBytes, isTombstoneKey, mainOf, subOf, writeBucketKey } from './revision.ts';
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
      this.#restore(cursor.key, cursor.value);
      // Carries on after the last record, whose sub is the only thing that can be larger in the next.
      if (left === 1) writeBucketKey(this.#from, mainOf(cursor.key), subOf(cursor.key) + 1, false);
    }
    return false;
  }

  #restore(bucketKey: Uint8Array, record: Uint8Array): void {
    const main = mainOf(bucketKey);
    const sub = subOf(bucketKey);
    this.revision = main;
    if (isTombstoneKey(bucketKey)) {
      const key = keyOf(record);
      this.#index.restoreTombstone(key, main, sub);
      this.#leases.keyLeaseChanged(key, 0n);
      return;
    }
    const { key, createRevision: created, version, lease } = decodeKeyValue(record);
    this.#index.restorePut(key, { main, sub, created, version, leased: lease !== 0n });
    if (lease !== 0n || this.#index.hadLease) this.#leases.keyLeaseChanged(key, lease);
  }
}

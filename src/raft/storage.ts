/** What the Raft core needs of stable storage, and the implementation that keeps the log in memory. */
import { invariant } from '../base/assert.ts';
import { err, ok, type Result } from '../base/result.ts';
import {
  type ConfState,
  type Entry,
  emptyConfState,
  emptyHardState,
  type HardState,
  type Snapshot,
} from '../proto/raftpb.ts';
import { EntryList } from './entry-list.ts';

/**
 * compacted: the index is gone, a snapshot covers it. unavailable: the index is beyond the log.
 * snapshotOutOfDate: a newer snapshot is there. snapshotTemporarilyUnavailable: ask again later.
 */
export type StorageError = 'compacted' | 'unavailable' | 'snapshotOutOfDate' | 'snapshotTemporarilyUnavailable';

/**
 * The stable part of the log. The core only reads it; the driver writes what a Ready asks for. All methods answer at once:
 * what lies on disk only is no longer part of the log.
 */
export interface RaftStorage {
  /** What was stored last: read once, when a node starts. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries in [from, to): as many as fit `bytesMax` encoded bytes, but at least one. The array is the caller's to keep; the
   * entries are shared and never change. `to` is at most lastIndex + 1. Fails with `compacted` or `unavailable`.
   */
  entries(from: number, to: number, bytesMax: number): Result<Entry[], StorageError>;
  /** The term of an entry in [firstIndex - 1, lastIndex]. Fails with `compacted` or `unavailable`. */
  term(index: number): Result<number, StorageError>;
  /** The first index that `entries` can return. */
  firstIndex(): number;
  lastIndex(): number;
  /** The newest snapshot, or `snapshotTemporarilyUnavailable` while one is being made. */
  snapshot(): Result<Snapshot, StorageError>;
}

/**
 * The log in memory, as a member holds it beside its WAL. Appending, reading a term and compacting cost time in proportion to
 * the entries concerned, not to the log.
 */
export class MemoryStorage implements RaftStorage {
  private hardState: HardState = emptyHardState;
  private newest: Snapshot = { data: null, metadata: { confState: emptyConfState, index: 0, term: 0 } };
  private readonly log = new EntryList(1);
  /** The term of the entry before the first, kept for matching. */
  private termBeforeFirst = 0;

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.hardState, confState: this.newest.metadata.confState };
  }

  entries(from: number, to: number, bytesMax: number): Result<Entry[], StorageError> {
    if (from < this.log.start) return err('compacted');
    invariant(to <= this.log.end, `entries' hi(${to}) is out of bound lastindex(${this.lastIndex()})`);
    if (this.log.length === 0) return err('unavailable');
    return ok(this.log.sliceLimited(from, to, bytesMax));
  }

  term(index: number): Result<number, StorageError> {
    if (index < this.log.start - 1) return err('compacted');
    if (index >= this.log.end) return err('unavailable');
    return ok(index === this.log.start - 1 ? this.termBeforeFirst : this.log.at(index).term);
  }

  firstIndex(): number {
    return this.log.start;
  }

  lastIndex(): number {
    return this.log.end - 1;
  }

  snapshot(): Result<Snapshot, StorageError> {
    return ok(this.newest);
  }

  setHardState(state: HardState): void {
    this.hardState = state;
  }

  /**
   * Adds entries, replacing what stood at their indexes and after. Entries that are already compacted are passed over. There
   * must be no gap before the first.
   */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const skip = Math.max(this.log.start - first.index, 0);
    if (skip >= entries.length) return;
    const from = first.index + skip;
    invariant(from <= this.log.end, `missing log entry [last: ${this.lastIndex()}, append at: ${from}]`);
    if (from < this.log.end) this.log.truncateFrom(from);
    this.log.append(entries, skip);
  }

  /** Replaces the whole log by a snapshot; `snapshotOutOfDate` if it is not newer than the last one. */
  applySnapshot(snapshot: Snapshot): Result<void, StorageError> {
    if (snapshot.metadata.index <= this.newest.metadata.index) return err('snapshotOutOfDate');
    this.newest = snapshot;
    this.termBeforeFirst = snapshot.metadata.term;
    this.log.reset(snapshot.metadata.index + 1);
    return ok(undefined);
  }

  /**
   * Records that `data` holds everything through `index`, which must not be beyond the log. A null `confState` keeps that of
   * the last snapshot. The log stays as it is until `compact`.
   */
  createSnapshot(index: number, confState: ConfState | null, data: Uint8Array | null): Result<Snapshot, StorageError> {
    if (index <= this.newest.metadata.index) return err('snapshotOutOfDate');
    const term = this.term(index);
    if (!term.ok) return term;
    const metadata = { confState: confState ?? this.newest.metadata.confState, index, term: term.value };
    this.newest = { data, metadata };
    return ok(this.newest);
  }

  /** Drops the entries through `index`, which must not be beyond the log; `compacted` if they are gone already. */
  compact(index: number): Result<void, StorageError> {
    if (index < this.log.start) return err('compacted');
    invariant(index < this.log.end, `compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    this.termBeforeFirst = this.log.at(index).term;
    this.log.dropBelow(index + 1);
    return ok(undefined);
  }
}

/**
 * The replicated log: the stable part in storage, the unstable tail behind it, and how far it is committed and applied.
 *
 * Invariants: applied <= applying <= committed <= lastIndex.
 */
import { invariant } from '../base/assert.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Entry, Snapshot } from '../proto/raftpb.ts';
import { entriesSize } from './entry-list.ts';
import { UnstableLog } from './log-unstable.ts';
import type { RaftStorage, StorageError } from './storage.ts';
import type { EntryId, RaftLogger } from './types.ts';

export class RaftLog {
  readonly unstable: UnstableLog;
  private readonly storage: RaftStorage;
  private readonly logger: RaftLogger;
  /** The encoded bytes of committed entries that may be handed out and not yet applied; also the page size of scans. */
  private readonly applyingBytesMax: number;
  private applyingBytes = 0;
  /** The limit was reached: nothing more is handed out until something was applied. */
  private applyingPaused = false;
  /** Everything through here is stored on a quorum, as far as this node knows. */
  committed: number;
  /** Committed entries through here were handed out to be applied. */
  private applying: number;
  /** Entries through here were applied. */
  private appliedIndex: number;

  constructor(storage: RaftStorage, applyingBytesMax: number, logger: RaftLogger) {
    const beforeFirst = storage.firstIndex() - 1;
    this.storage = storage;
    this.applyingBytesMax = applyingBytesMax;
    this.logger = logger;
    this.unstable = new UnstableLog(storage.lastIndex() + 1, logger);
    this.committed = beforeFirst;
    this.applying = beforeFirst;
    this.appliedIndex = beforeFirst;
  }

  get applied(): number {
    return this.appliedIndex;
  }

  firstIndex(): number {
    return this.unstable.firstIndex() ?? this.storage.firstIndex();
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.storage.lastIndex();
  }

  lastId(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    invariant(term.ok, `the term of the last entry, ${index}, is known`);
    return { term: term.value, index };
  }

  /** The term of an entry; fails with `compacted` or `unavailable`. The one before the first index is known too. */
  term(index: number): Result<number, StorageError> {
    const unstable = this.unstable.term(index);
    if (unstable !== null) return ok(unstable);
    if (index + 1 < this.firstIndex()) return err('compacted');
    if (index > this.lastIndex()) return err('unavailable');
    return this.storage.term(index);
  }

  /** The term of an entry, or 0 if the log does not reach it. */
  termOrZero(index: number): number {
    const term = this.term(index);
    return term.ok ? term.value : 0;
  }

  matches(id: EntryId): boolean {
    const term = this.term(id.index);
    return term.ok && term.value === id.term;
  }

  /** Raft §5.4.1: a log is as good as ours if its last term is higher, or the same and it is as long. */
  isUpToDate(theirs: EntryId): boolean {
    const ours = this.lastId();
    return theirs.term > ours.term || (theirs.term === ours.term && theirs.index >= ours.index);
  }

  /**
   * Takes what a leader sent: if the logs match at `previous`, the entries that are new here are appended and `commit` is
   * adopted as far as they reach. Returns the index of the last entry sent, or null if the logs do not match.
   */
  acceptFromLeader(previous: EntryId, entries: readonly Entry[], commit: number): number | null {
    if (!this.matches(previous)) return null;
    const lastNew = previous.index + entries.length;
    const fresh = this.firstUnknown(entries);
    if (fresh < entries.length) {
      const index = previous.index + 1 + fresh;
      invariant(index > this.committed, `entry ${index} conflict with committed entry [committed(${this.committed})]`);
      this.append(entries, fresh);
    }
    this.commitTo(Math.min(commit, lastNew));
    return lastNew;
  }

  /** Appends `entries[from..]`, replacing what is there from their first index on, and returns the last index. */
  append(entries: readonly Entry[], from = 0): number {
    const first = entries[from];
    if (first === undefined) return this.lastIndex();
    const after = first.index - 1;
    invariant(after >= this.committed, `after(${after}) is out of range [committed(${this.committed})]`);
    this.unstable.append(entries, from);
    return this.lastIndex();
  }

  /**
   * The largest entry id here with index <= `index` and term <= `term`: no later entry can match a log whose entry at `index`
   * has `term`, because terms only grow along a log. Term 0 when that lies outside the log.
   */
  lastNotAfter(index: number, term: number): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (!ours.ok) return { term: 0, index: at };
      if (ours.value <= term) return { term: ours.value, index: at };
    }
    return { term: 0, index: 0 };
  }

  /** Entries from `index` to the end, at least one if there is any, then up to `bytesMax` encoded bytes. */
  entriesFrom(index: number, bytesMax: number): Result<Entry[], StorageError> {
    const last = this.lastIndex();
    return index > last ? ok([]) : this.slice(index, last + 1, bytesMax);
  }

  /** Marks entries as committed. They must be in the log: a node that lost acknowledged entries cannot go on. */
  commitTo(index: number): void {
    if (index <= this.committed) return;
    const last = this.lastIndex();
    invariant(
      index <= last,
      `tocommit(${index}) is out of range [lastIndex(${last})]. Was the raft log corrupted, truncated, or lost?`,
    );
    this.committed = index;
  }

  /** Commits through `index` if that advances and its entry is of `term` (Raft §5.4.2). */
  commitInTerm(index: number, term: number): boolean {
    if (index <= this.committed || !this.matches({ term, index })) return false;
    this.commitTo(index);
    return true;
  }

  /** True when committed entries can be handed out. `allowUnstable`: also such as are not on this node's disk yet. */
  hasNextCommitted(allowUnstable: boolean): boolean {
    return !this.applyingPaused && this.unstable.snapshot === null && this.applying < this.appliableTo(allowUnstable);
  }

  /** The next committed entries to apply, as many as the limit on bytes allows. */
  nextCommitted(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return [];
    const room = this.applyingBytesMax - this.applyingBytes;
    invariant(room > 0, 'handing out is paused when the limit is reached');
    const entries = this.slice(this.applying + 1, this.appliableTo(allowUnstable) + 1, room);
    invariant(entries.ok, 'committed entries are kept until they are applied');
    return entries.value;
  }

  /** `entries` were handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    invariant(last.index <= this.committed, `applying(${last.index}) is at most committed(${this.committed})`);
    this.applying = last.index;
    this.applyingBytes += entriesSize(entries);
    // A batch that was cut short is a full one, even if the entry that did not fit would have overshot the limit.
    this.applyingPaused = this.applyingBytes >= this.applyingBytesMax || last.index < this.appliableTo(allowUnstable);
  }

  /** Everything through `index` is applied; `bytes` of what was handed out are done. */
  appliedTo(index: number, bytes: number): void {
    invariant(
      index <= this.committed && index >= this.appliedIndex,
      `applied(${index}) is out of range [prevApplied(${this.appliedIndex}), committed(${this.committed})]`,
    );
    this.appliedIndex = index;
    this.applying = Math.max(this.applying, index);
    this.applyingBytes = Math.max(this.applyingBytes - bytes, 0);
    this.applyingPaused = this.applyingBytes >= this.applyingBytesMax;
  }

  /** Replaces the log by a snapshot, whose entries are all committed. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.logger.info(`log [${this.describe()}] starts to restore snapshot [index: ${index}, term: ${term}]`);
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  snapshot(): Result<Snapshot, StorageError> {
    return this.unstable.snapshot === null ? this.storage.snapshot() : ok(this.unstable.snapshot);
  }

  /** True if `found` holds for an entry that is committed but not applied. Reads a page at a time. */
  someUnapplied(found: (entry: Entry) => boolean): boolean {
    let from = this.appliedIndex + 1;
    while (from <= this.committed) {
      const page = this.slice(from, this.committed + 1, this.applyingBytesMax);
      invariant(page.ok && page.value.length > 0, 'committed entries are kept until they are applied');
      if (page.value.some(found)) return true;
      from += page.value.length;
    }
    return false;
  }

  /** The position of the first entry that the log does not have, or `entries.length`. */
  private firstUnknown(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry; // i < length
      if (this.matches(entry)) continue;
      if (entry.index <= this.lastIndex()) {
        this.logger.info(
          `found conflict at index ${entry.index} [existing term: ${this.termOrZero(entry.index)}, conflicting term: ${entry.term}]`,
        );
      }
      return i;
    }
    return entries.length;
  }

  private appliableTo(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** Entries in [from, to), across both parts, at least one and then up to `bytesMax` encoded bytes. */
  private slice(from: number, to: number, bytesMax: number): Result<Entry[], StorageError> {
    if (from < this.firstIndex()) return err('compacted');
    invariant(from <= to && to <= this.lastIndex() + 1, `[${from}, ${to}) is within the log`);
    if (from === to) return ok([]);
    const offset = this.unstable.offset;
    if (from >= offset) return ok(this.unstable.slice(from, to, bytesMax));
    const stableEnd = Math.min(to, offset);
    const stable = this.storage.entries(from, stableEnd, bytesMax);
    if (!stable.ok) {
      invariant(stable.error === 'compacted', `entries[${from}:${stableEnd}) is ${stable.error} in storage`);
      return stable;
    }
    if (to <= offset || stable.value.length < stableEnd - from) return stable;
    return ok(this.extend(stable.value, to, bytesMax));
  }

  /** Adds to stable entries that reach the offset those unstable ones before `to` that still fit. */
  private extend(stable: Entry[], to: number, bytesMax: number): Entry[] {
    const offset = this.unstable.offset;
    if (bytesMax === Number.POSITIVE_INFINITY) return stable.concat(this.unstable.slice(offset, to, bytesMax));
    const room = bytesMax - entriesSize(stable);
    if (room <= 0) return stable;
    const more = this.unstable.slice(offset, to, room);
    // A slice never is empty: a single entry may be too large.
    return more.length === 1 && entriesSize(more) > room ? stable : stable.concat(more);
  }

  private describe(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return (
      `committed=${this.committed}, applied=${this.appliedIndex}, applying=${this.applying}, ` +
      `unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`
    );
  }
}

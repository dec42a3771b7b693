/**
 * The tail of the log that is not known to be on disk: entries, or a snapshot that replaces everything before them.
 *
 *     stable storage │ entries being written │ entries not yet handed out
 *                    └ offset                └ offsetInProgress
 */
import { invariant } from '../base/assert.ts';
import type { Entry, Snapshot } from '../proto/raftpb.ts';
import { EntryList } from './entry-list.ts';
import type { EntryId, RaftLogger } from './types.ts';

/** Invariant: offset <= offsetInProgress <= end. */
export class UnstableLog {
  private readonly entries: EntryList;
  private readonly logger: RaftLogger;
  private pending: Snapshot | null = null;
  private pendingInProgress = false;
  private inProgress: number;

  /** An empty tail behind a stable log that ends before `offset`. */
  constructor(offset: number, logger: RaftLogger) {
    this.entries = new EntryList(offset);
    this.inProgress = offset;
    this.logger = logger;
  }

  /** The index of the first entry here; everything before is stable, or in the snapshot. */
  get offset(): number {
    return this.entries.start;
  }

  /** The first index that was not handed out for writing yet. */
  get offsetInProgress(): number {
    return this.inProgress;
  }

  get length(): number {
    return this.entries.length;
  }

  /** The snapshot that is to replace the log, handed out or not. */
  get snapshot(): Snapshot | null {
    return this.pending;
  }

  /** The first index of the log if a snapshot decides it, else null. */
  firstIndex(): number | null {
    return this.pending === null ? null : this.pending.metadata.index + 1;
  }

  /** The last index of the log if this part decides it, else null. */
  lastIndex(): number | null {
    if (this.entries.length > 0) return this.entries.end - 1;
    return this.pending === null ? null : this.pending.metadata.index;
  }

  /** The term at `index` if this part knows it, else null. */
  term(index: number): number | null {
    if (index >= this.entries.start) return index < this.entries.end ? this.entries.at(index).term : null;
    const snapshot = this.pending;
    return snapshot !== null && snapshot.metadata.index === index ? snapshot.metadata.term : null;
  }

  /** Entries in [from, to), at least one and then up to `bytesMax` encoded bytes. */
  slice(from: number, to: number, bytesMax: number): Entry[] {
    return this.entries.sliceLimited(from, to, bytesMax);
  }

  /** True when there are entries to hand out for writing. */
  get hasNext(): boolean {
    return this.inProgress < this.entries.end;
  }

  /** Entries to hand out for writing. */
  nextEntries(): Entry[] {
    return this.entries.slice(this.inProgress, this.entries.end);
  }

  /** The snapshot to hand out for writing, or null. */
  nextSnapshot(): Snapshot | null {
    return this.pendingInProgress ? null : this.pending;
  }

  /** Everything was handed out for writing. */
  acceptInProgress(): void {
    this.inProgress = this.entries.end;
    if (this.pending !== null) this.pendingInProgress = true;
  }

  /**
   * Entries through `id` are on disk. Ignored when the entry there is another one by now: a new leader replaced it while the
   * write was under way, and its successor is not on disk.
   */
  stableTo(id: EntryId): void {
    const term = this.term(id.index);
    if (term === null) {
      this.logger.info(`entry at index ${id.index} missing from unstable log; ignoring`);
    } else if (id.index < this.entries.start) {
      this.logger.info(`entry at index ${id.index} matched unstable snapshot; ignoring`);
    } else if (term !== id.term) {
      this.logger.info(
        `entry at (index,term)=(${id.index},${id.term}) mismatched with entry at (${id.index},${term}) in unstable log; ignoring`,
      );
    } else {
      this.entries.dropBelow(id.index + 1);
      this.inProgress = Math.max(this.inProgress, this.entries.start);
    }
  }

  /** The snapshot at `index` is on disk. */
  stableSnapshotTo(index: number): void {
    if (this.pending === null || this.pending.metadata.index !== index) return;
    this.pending = null;
    this.pendingInProgress = false;
  }

  /** Replaces everything by a snapshot. */
  restore(snapshot: Snapshot): void {
    this.entries.reset(snapshot.metadata.index + 1);
    this.inProgress = this.entries.start;
    this.pending = snapshot;
    this.pendingInProgress = false;
  }

  /** Adds `entries[from..]`, dropping what conflicts with them. There must be no gap before the first. */
  append(entries: readonly Entry[], from = 0): void {
    const first = entries[from];
    invariant(first !== undefined, 'there is something to append');
    const index = first.index;
    if (index !== this.entries.end) {
      if (index <= this.entries.start) this.replaceFrom(index);
      else this.truncateFrom(index);
    }
    this.entries.append(entries, from);
  }

  private replaceFrom(index: number): void {
    this.logger.info(`replace the unstable entries from index ${index}`);
    this.entries.reset(index);
    this.inProgress = index;
  }

  private truncateFrom(index: number): void {
    this.logger.info(`truncate the unstable entries before index ${index}`);
    this.entries.truncateFrom(index);
    this.inProgress = Math.min(this.inProgress, index);
  }
}

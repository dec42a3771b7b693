/**
 * What a leader knows about one node's log, and how it sends to it.
 *
 *               reject, unreachable                      needs a snapshot
 *   replicate ───────────────────────▶ probe ─────────────────────────────▶ snapshot
 *       ▲            accepted            │  ▲      done, failed                │
 *       └────────────────────────────────┘  └─────────────────────────────────┘
 *
 * All transitions are here; the leader only reports what happened.
 */
import { invariant } from '../../base/assert.ts';
import type { Inflights } from './inflights.ts';

/**
 * probe: the follower's last index is unknown; one message at a time, one per heartbeat.
 * replicate: entries are pipelined, `next` runs ahead of `match`.
 * snapshot: a snapshot was sent; nothing else is until it is settled.
 */
export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

/** The parts of a Progress that status shows. */
export interface ProgressView {
  readonly id: bigint;
  readonly state: ProgressState;
  readonly match: number;
  readonly next: number;
  readonly isLearner: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  readonly recentActive: boolean;
  readonly inflightCount: number;
  readonly inflightsFull: boolean;
}

/** How a rejected append was understood. `lostLog`: the follower rejected what it had acknowledged before. */
export type RejectOutcome = 'stale' | 'decreased' | 'lostLog';

/** Invariant: 0 <= match < next. In state snapshot, next = pendingSnapshot + 1. */
export class Progress implements ProgressView {
  readonly id: bigint;
  isLearner: boolean;
  /** Everything from the leader's log through here is known to be on the node's disk. */
  match = 0;
  /** The next entry to send. Entries in (match, next) are in flight. */
  next: number;
  state: ProgressState = 'StateProbe';
  /** The index of the snapshot on its way; 0 when none is. */
  pendingSnapshot = 0;
  /** Heard from since the last check of the quorum. Always true for the leader itself. */
  recentActive = false;
  /** Rejections in a row of what the node had acknowledged; see `onRejected`. */
  lostLogRejects = 0;
  private readonly inflights: Inflights;
  /** No append until the next heartbeat response: one probe is out, or the window is full. */
  private flowPaused = false;
  /** The highest commit index in flight; regresses when messages are presumed lost. */
  private sentCommit = 0;

  constructor(id: bigint, next: number, isLearner: boolean, inflights: Inflights) {
    invariant(next >= 1, 'match < next');
    this.id = id;
    this.next = next;
    this.isLearner = isLearner;
    this.inflights = inflights;
  }

  get paused(): boolean {
    return this.state === 'StateSnapshot' || this.flowPaused;
  }

  get inflightCount(): number {
    return this.inflights.count;
  }

  get inflightsFull(): boolean {
    return this.inflights.full;
  }

  /** Forgets everything, as a term begins: a new leader knows nothing about the others' logs. */
  reset(next: number): void {
    this.enter('StateProbe');
    this.match = 0;
    this.next = next;
    this.recentActive = false;
    this.sentCommit = 0;
    this.lostLogRejects = 0;
  }

  /** Goes back to finding out where the logs meet; after a snapshot, from behind it. */
  becomeProbe(): void {
    const from = this.state === 'StateSnapshot' ? Math.max(this.match, this.pendingSnapshot) : this.match;
    this.enter('StateProbe');
    this.next = from + 1;
    this.regressSentCommit();
  }

  becomeReplicate(): void {
    this.enter('StateReplicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.enter('StateSnapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** The snapshot's transport is done: probe behind it, or, if it was not delivered, where the logs are known to match. */
  becomeProbeAfterSnapshot(delivered: boolean): void {
    if (!delivered) this.pendingSnapshot = 0;
    this.becomeProbe();
  }

  /** An append with `entries` entries (maybe none) of `bytes` payload was sent. */
  sentEntries(entries: number, bytes: number): void {
    invariant(this.state !== 'StateSnapshot', 'no append is sent while a snapshot is pending');
    if (this.state === 'StateProbe') {
      if (entries > 0) this.flowPaused = true;
      return;
    }
    if (entries > 0) {
      this.next += entries;
      this.inflights.add(this.next - 1, bytes);
    }
    this.flowPaused = this.inflights.full;
  }

  noteCommitSent(commit: number): void {
    this.sentCommit = commit;
  }

  /** True when telling the node of `commit` now could advance it further than what is already in flight. */
  canAdvanceCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The node acknowledged the log through `index`. False when that is not news. */
  acknowledge(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    this.lostLogRejects = 0;
    return true;
  }

  /** Room for new messages after an acknowledgement. */
  freeInflights(index: number): void {
    this.inflights.freeThrough(index);
  }

  /** Nothing more goes out until the node answers, or a heartbeat comes back. */
  pauseFlow(): void {
    this.flowPaused = true;
  }

  /** A heartbeat came back: one more message may go out. */
  resumeFlow(): void {
    this.flowPaused = false;
  }

  /**
   * The node rejected an append whose previous entry was `rejected`; its log may match through `hint`.
   *
   * A node that rejects what it acknowledged earlier in the term has lost its log. Nothing can be sent below `match`, because
   * those entries count as replicated, so an answer would be rejected again at once: measured with etcd's leader, 24 000
   * useless messages a second. Here the flow pauses, and the heartbeat's response allows one more try.
   */
  onRejected(rejected: number, hint: number): RejectOutcome {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return 'stale';
      this.next = this.match + 1;
      this.regressSentCommit();
      return 'decreased';
    }
    if (rejected !== this.next - 1) return 'stale';
    if (rejected <= this.match) {
      this.lostLogRejects++;
      this.flowPaused = true;
      return 'lostLog';
    }
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.regressSentCommit();
    this.flowPaused = false;
    return 'decreased';
  }

  private enter(state: ProgressState): void {
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.clear();
  }

  private regressSentCommit(): void {
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }
}

/** One line, as etcd's status and debug logs show it. */
export function describeProgress(progress: ProgressView): string {
  let text = `${progress.state} match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) text += ' learner';
  if (progress.paused) text += ' paused';
  if (progress.pendingSnapshot > 0) text += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) text += ' inactive';
  if (progress.inflightCount > 0) text += ` inflight=${progress.inflightCount}`;
  if (progress.inflightCount > 0 && progress.inflightsFull) text += '[full]';
  return text;
}

/**
 * Applies what is committed (etcd server/etcdserver/server.go, applyAll): each entry changes the state, the state is marked with the last
 * one, and then everyone hears of it who waits for an index, or for the leader's first entry of its term.
 *
 * Hot path: one call per batch, and nothing allocated per entry beside what the entry itself asks for.
 */
import type { Clock } from '../../base/ports.ts';
import { type ConfChange, type ConfState, type Entry, entryType } from '../../proto/raftpb.ts';
import { Applier, type ApplierPorts } from '../apply/applier.ts';
import type { Logger } from '../log/logger.ts';
import { ApplyTimer } from './apply-timer.ts';
import type { ClusterChanges } from './cluster-changes.ts';
import type { ApplyMetrics } from './member-metrics.ts';
import type { MemberState } from './state.ts';

export interface CommittedEntriesPorts
  extends Pick<ApplierPorts, 'completed' | 'reconfigured' | 'clusterVersionChanged' | 'scheduleCompaction'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ApplyMetrics;
  readonly changes: ClusterChanges;
  isLeader(): boolean;
  raftTerm(): number;
  /** Tells Raft of a committed change of its members; it answers who they are now. */
  applyConfChange(change: ConfChange): ConfState;
  /** The empty entry was applied that opens the present term. */
  termOpened(): void;
  /** All entries through this index are applied and marked. */
  applied(index: number): void;
  /** This leader has applied an entry of its own term, the first time in that term. */
  committedInTerm(): void;
}

export class CommittedEntries {
  readonly applier: Applier;
  private state: MemberState;
  private readonly ports: CommittedEntriesPorts;
  private firstCommitTerm = 0;

  constructor(state: MemberState, ports: CommittedEntriesPorts) {
    this.state = state;
    this.ports = ports;
    const { changes } = ports;
    const timer = new ApplyTimer(ports.clock, ports.metrics);
    this.applier = new Applier(
      state,
      {
        begins: timer.begin,
        ends: timer.end,
        confChange: (change, isRefused) => this.confChange(change, isRefused),
        completed: ports.completed,
        membershipChanged: (change) => changes.membershipChanged(change),
        membershipRefused: (change, error) => changes.membershipRefused(change, error),
        reconfigured: ports.reconfigured,
        memberPublished: () => {},
        clusterVersionChanged: (version, previous) => {
          changes.versionChanged(version, previous);
          ports.clusterVersionChanged(version, previous);
        },
        unsupported: (type) =>
          ports.logger.warn('skipped a committed request that this version does not support yet', { request: type }),
        scheduleCompaction: ports.scheduleCompaction,
      },
      state.applied.index,
    );
  }

  /** Those that follow the last ones, in order. */
  apply(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    const { applier, state, ports } = this;
    for (const entry of entries) {
      applier.apply(entry);
      if (isOpening(entry) && entry.term === ports.raftTerm()) ports.termOpened();
    }
    if (last.index > state.applied.index) state.mark(last.index, last.term);
    else state.markAgain();
    ports.applied(last.index);
    const term = ports.raftTerm();
    if (this.firstCommitTerm < term && last.term === term && ports.isLeader()) {
      this.firstCommitTerm = term;
      ports.committedInTerm();
    }
  }

  /** Goes on with a state that came with a snapshot. */
  replace(state: MemberState): void {
    this.state = state;
    this.applier.replace(state, state.applied.index);
  }

  private confChange(change: ConfChange, isRefused: boolean): void {
    const confState = this.ports.applyConfChange(change);
    if (!isRefused) this.state.setConfState(confState);
  }
}

/** The empty entry that a new leader appends first. */
function isOpening({ type, data }: Entry): boolean {
  return type === entryType.normal && (data === null || data.length === 0);
}

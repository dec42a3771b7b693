/** A node's state as others may look at it. */
import type { Raft } from './raft.ts';
import type { Configuration } from './tracker/configuration.ts';
import type { ProgressView } from './tracker/progress.ts';
import type { RaftState } from './types.ts';

/** Cheap: no progress, no configuration. */
export interface BasicStatus {
  readonly id: bigint;
  readonly term: number;
  readonly vote: bigint;
  readonly commit: number;
  readonly lead: bigint;
  readonly raftState: RaftState;
  readonly applied: number;
  /** 0 when leadership is not being transferred. */
  readonly leadTransferee: bigint;
}

export interface Status extends BasicStatus {
  readonly configuration: Configuration;
  /** Copies, in ascending order of ids. Empty unless this node leads: nobody else knows. */
  readonly progress: ReadonlyMap<bigint, ProgressView>;
}

export function basicStatusOf(raft: Raft): BasicStatus {
  return {
    id: raft.id,
    term: raft.term,
    vote: raft.vote,
    commit: raft.log.committed,
    lead: raft.lead,
    raftState: raft.state,
    applied: raft.log.applied,
    leadTransferee: raft.leadTransferee,
  };
}

export function statusOf(raft: Raft): Status {
  const progress = new Map<bigint, ProgressView>();
  if (raft.state === 'StateLeader') for (const each of raft.tracker.all) progress.set(each.id, copyOf(each));
  return { ...basicStatusOf(raft), configuration: raft.tracker.configuration, progress };
}

function copyOf(progress: ProgressView): ProgressView {
  const { id, state, match, next, isLearner, paused, pendingSnapshot, recentActive } = progress;
  const { inflightCount, inflightsFull } = progress;
  return {
    id,
    state,
    match,
    next,
    isLearner,
    paused,
    pendingSnapshot,
    recentActive,
    inflightCount,
    inflightsFull,
  };
}

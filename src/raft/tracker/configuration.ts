/** The membership of a Raft group as a value: who votes, who learns, and whether a change is half way. */
import type { ConfState } from '../../proto/raftpb.ts';
import { formatJointVoters, type JointVoters, sortedIds } from '../quorum/joint.ts';
import { formatVoters } from '../quorum/majority.ts';

/**
 * All lists are sorted. Invariants: learners and voters (of both halves) are disjoint; `learnersNext` is a subset of the
 * outgoing voters, who become learners once the joint configuration is left; `learnersNext` and `autoLeave` are empty
 * and false unless there are outgoing voters.
 */
export interface Configuration {
  readonly voters: JointVoters;
  readonly learners: readonly bigint[];
  readonly learnersNext: readonly bigint[];
  /** Leave the joint configuration as soon as it is applied, without being asked. */
  readonly autoLeave: boolean;
}

export const emptyConfiguration: Configuration = {
  voters: { incoming: [], outgoing: [] },
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export function isJoint(configuration: Configuration): boolean {
  return configuration.voters.outgoing.length > 0;
}

/** `voters=(1 2)&&(1) learners=(3)`, as log lines show it. */
export function formatConfiguration(configuration: Configuration): string {
  let text = `voters=${formatJointVoters(configuration.voters)}`;
  if (configuration.learners.length > 0) text += ` learners=${formatVoters(configuration.learners)}`;
  if (configuration.learnersNext.length > 0) text += ` learners_next=${formatVoters(configuration.learnersNext)}`;
  if (configuration.autoLeave) text += ' autoleave';
  return text;
}

/** The form that snapshots carry. */
export function toConfState(configuration: Configuration): ConfState {
  return {
    voters: configuration.voters.incoming,
    votersOutgoing: configuration.voters.outgoing,
    learners: configuration.learners,
    learnersNext: configuration.learnersNext,
    autoLeave: configuration.autoLeave,
  };
}

/** True when both describe the same configuration, whatever the order of their ids. */
export function sameConfState(a: ConfState, b: ConfState): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  );
}

function sameIds(a: readonly bigint[], b: readonly bigint[]): boolean {
  return sortedIds(a).join() === sortedIds(b).join();
}

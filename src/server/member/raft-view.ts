/** How a member stands in Raft, for whoever watches it: metrics, the simulation, faults. */
import type { RawNode } from '../../raft/raw-node.ts';

export interface RaftView {
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  readonly term: number;
  /** 0n while no leader is known. */
  readonly leader: bigint;
  /** Of the last entry, durable or not. */
  readonly lastIndex: number;
  readonly committed: number;
}

const roles = {
  StateFollower: 'follower',
  StatePreCandidate: 'pre-candidate',
  StateCandidate: 'candidate',
  StateLeader: 'leader',
} as const;

export function raftView(node: RawNode): RaftView {
  const { raftState, term, lead: leader, commit: committed } = node.basicStatus();
  return { role: roles[raftState], term, leader, lastIndex: node.lastIndex(), committed };
}

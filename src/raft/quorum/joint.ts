/**
 * Joint quorums (Raft §6, Ongaro's thesis 4.3): while a configuration is joint, a decision needs a majority of the
 * incoming and of the outgoing voters.
 */
import { formatVoters, majorityVote, type VoteResult } from './majority.ts';

/** Two sets of voters. `outgoing` is empty unless the configuration is joint. Both are sorted and without duplicates. */
export interface JointVoters {
  readonly incoming: readonly bigint[];
  readonly outgoing: readonly bigint[];
}

/** Won when both halves are won, lost when either is lost. */
export function jointVote(voters: JointVoters, votes: ReadonlyMap<bigint, boolean>): VoteResult {
  return bothOutcomes(majorityVote(voters.incoming, votes), majorityVote(voters.outgoing, votes));
}

/** Combines the outcomes of the two halves. */
export function bothOutcomes(incoming: VoteResult, outgoing: VoteResult): VoteResult {
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}

/** Every voter of either half, sorted, each once. */
export function allVoters(voters: JointVoters): readonly bigint[] {
  if (voters.outgoing.length === 0) return voters.incoming;
  return sortedIds(new Set([...voters.incoming, ...voters.outgoing]));
}

/** `(1 2 3)`, or `(1 2 3)&&(2 3 4)` with the outgoing half second. */
export function formatJointVoters(voters: JointVoters): string {
  const incoming = formatVoters(voters.incoming);
  return voters.outgoing.length === 0 ? incoming : `${incoming}&&${formatVoters(voters.outgoing)}`;
}

/** Ids in ascending order. */
export function sortedIds(ids: Iterable<bigint>): bigint[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

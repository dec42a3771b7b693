/**
 * Majority quorums: which index, and which vote, more than half of a set of voters agrees on.
 *
 * An empty set agrees with everything (index ∞, vote won), so that a joint quorum with one empty half behaves like the other.
 */

/** `pending` means that votes not yet cast can still turn the outcome either way. */
export type VoteResult = 'pending' | 'lost' | 'won';

/**
 * The largest index that a majority has reached, given what each voter has acknowledged (0 for silent ones).
 * Sorts `acked` in place: it is scratch space of the caller, because this runs once for every append response.
 */
export function majorityIndex(acked: number[]): number {
  const size = acked.length;
  if (size === 0) return Number.POSITIVE_INFINITY;
  for (let i = 1; i < size; i++) {
    const value = acked[i] as number; // i < size
    let hole = i;
    while (hole > 0 && (acked[hole - 1] as number) > value) {
      acked[hole] = acked[hole - 1] as number; // hole - 1 >= 0
      hole--;
    }
    acked[hole] = value;
  }
  const quorum = Math.floor(size / 2) + 1;
  return acked[size - quorum] as number; // quorum is in [1, size]
}

/** Counts the votes of `voters`; votes of others are ignored, voters without an entry have not voted. */
export function majorityVote(voters: readonly bigint[], votes: ReadonlyMap<bigint, boolean>): VoteResult {
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  return majorityOutcome(voters.length, granted, missing);
}

/** The outcome for `size` voters of which `granted` said yes and `missing` said nothing. */
export function majorityOutcome(size: number, granted: number, missing: number): VoteResult {
  if (size === 0) return 'won';
  const quorum = Math.floor(size / 2) + 1;
  if (granted >= quorum) return 'won';
  return granted + missing >= quorum ? 'pending' : 'lost';
}

/** The voters as log lines show them, for instance `(1 2 3)`. Ids are decimal here, as in etcd. */
export function formatVoters(voters: readonly bigint[]): string {
  return `(${voters.join(' ')})`;
}

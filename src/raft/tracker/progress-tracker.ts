/**
 * The configuration together with the progress of everyone in it, and the votes of the current campaign.
 * Hot path: `committed` runs for every append response, so the progress of voters is kept in arrays beside the map.
 */
import { invariant } from '../../base/assert.ts';
import { bothOutcomes, jointVote } from '../quorum/joint.ts';
import { majorityIndex, majorityOutcome, type VoteResult } from '../quorum/majority.ts';
import { type Configuration, emptyConfiguration } from './configuration.ts';
import type { Progress } from './progress.ts';

/** How many voted how, and what that means. */
export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

export class ProgressTracker {
  private current: Configuration = emptyConfiguration;
  private progressById: ReadonlyMap<bigint, Progress> = new Map();
  private everyone: readonly Progress[] = [];
  private incoming: VoterHalf = voterHalf([]);
  private outgoing: VoterHalf = voterHalf([]);
  private readonly votes = new Map<bigint, boolean>();

  get configuration(): Configuration {
    return this.current;
  }

  /** Iterates in ascending order of ids. */
  get progress(): ReadonlyMap<bigint, Progress> {
    return this.progressById;
  }

  /** Everyone, in ascending order of ids. */
  get all(): readonly Progress[] {
    return this.everyone;
  }

  get(id: bigint): Progress | undefined {
    return this.progressById.get(id);
  }

  /** Replaces the configuration. `progress` holds exactly its members, in ascending order of ids. */
  switchTo(configuration: Configuration, progress: ReadonlyMap<bigint, Progress>): void {
    this.current = configuration;
    this.progressById = progress;
    this.everyone = [...progress.values()];
    this.incoming = voterHalf(select(progress, configuration.voters.incoming));
    this.outgoing = voterHalf(select(progress, configuration.voters.outgoing));
  }

  /** True when this configuration has exactly one voter, so that its vote alone decides. */
  get isSingleton(): boolean {
    return this.incoming.members.length === 1 && this.outgoing.members.length === 0;
  }

  /** The largest index that a quorum has acknowledged; Infinity without voters. */
  committed(): number {
    return Math.min(quorumMatch(this.incoming), quorumMatch(this.outgoing));
  }

  /** True when a quorum was heard from since `recentActive` was last cleared. */
  quorumActive(): boolean {
    return bothOutcomes(activity(this.incoming), activity(this.outgoing)) === 'won';
  }

  resetVotes(): void {
    this.votes.clear();
  }

  /** A node's first vote counts; it cannot change its mind. */
  recordVote(id: bigint, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted);
  }

  tally(): Tally {
    let granted = 0;
    let rejected = 0;
    for (const progress of this.everyone) {
      const vote = progress.isLearner ? undefined : this.votes.get(progress.id);
      if (vote === undefined) continue;
      if (vote) granted++;
      else rejected++;
    }
    return { granted, rejected, result: jointVote(this.current.voters, this.votes) };
  }
}

/** One half of the voters with scratch space for their acknowledged indexes. */
interface VoterHalf {
  readonly members: readonly Progress[];
  readonly acked: number[];
}

function voterHalf(members: readonly Progress[]): VoterHalf {
  return { members, acked: members.map(() => 0) };
}

function select(progress: ReadonlyMap<bigint, Progress>, ids: readonly bigint[]): Progress[] {
  return ids.map((id) => {
    const found = progress.get(id);
    invariant(found !== undefined, `no progress for ${id}`);
    return found;
  });
}

function quorumMatch(half: VoterHalf): number {
  const { members, acked } = half;
  for (let i = 0; i < members.length; i++) acked[i] = (members[i] as Progress).match; // i < length
  return majorityIndex(acked);
}

function activity(half: VoterHalf): VoteResult {
  let active = 0;
  for (const member of half.members) if (member.recentActive) active++;
  return majorityOutcome(half.members.length, active, 0);
}

/**
 * The state of one Raft node and its elementary transitions. What happens on which input is decided by step.ts and tick.ts.
 *
 * Mutable, single-threaded and free of I/O: the same inputs in the same order always give the same outputs.
 */
import { invariant } from '../base/assert.ts';
import { type Entry, type HardState, type Message, type MessageType, messageType } from '../proto/raftpb.ts';
import type { Membership, NewMemberDefaults } from './confchange.ts';
import { type Limits, limitsOf, type RaftConfig } from './config.ts';
import { messageTypeName } from './describe.ts';
import { RaftLog } from './log.ts';
import { ReadIndexQueue } from './read-index.ts';
import { ProgressTracker } from './tracker/progress-tracker.ts';
import { hex, none, type RaftLogger, type RaftState, type ReadState } from './types.ts';

const noEntries: readonly Entry[] = [];
const noResponses: readonly Message[] = [];

export class Raft {
  readonly config: RaftConfig;
  readonly limits: Limits;
  readonly id: bigint;
  readonly logger: RaftLogger;
  readonly log: RaftLog;
  readonly tracker = new ProgressTracker();

  term = 0;
  vote = none;
  lead = none;
  state: RaftState = 'StateFollower';

  /** Ticks since the last sign of a leader, or, for a leader, since the last check of its quorum. */
  electionElapsed = 0;
  /** Ticks since a leader's last heartbeat. */
  heartbeatElapsed = 0;
  /** Ticks after which this node campaigns: in [electionTick, 2 × electionTick), drawn anew in each state. */
  randomizedElectionTimeout = 0;

  /** Whom the leader hands over to; no proposals are taken meanwhile. */
  leadTransferee = none;
  /** No membership change is taken until this index is applied: one at a time (thesis 4.1). */
  pendingConfIndex = 0;
  /** An estimate, never too high, of the data bytes that the leader appended beyond what is applied. */
  uncommittedBytes = 0;

  readonly reads = new ReadIndexQueue();
  /** Read requests from before the leader's first commit in its term. At most `pendingReadsMax`. */
  postponedReads: Message[] = [];

  /** Outputs, until the next Ready takes them. */
  readStates: ReadState[] = [];
  messages: Message[] = [];
  /** Messages that promise what is not on disk yet: they may leave after the writes of the next Ready only. */
  messagesAfterAppend: Message[] = [];

  constructor(config: RaftConfig) {
    this.config = config;
    this.limits = limitsOf(config);
    this.id = config.id;
    this.logger = config.logger;
    this.log = new RaftLog(config.storage, this.limits.applyingBytesMax, config.logger);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Adopts what storage kept from an earlier run. */
  loadHardState(state: HardState): void {
    const first = this.log.committed;
    const last = this.log.lastIndex();
    invariant(
      state.commit >= first && state.commit <= last,
      `${hex(this.id)} state.commit ${state.commit} is out of range [${first}, ${last}]`,
    );
    this.log.committed = state.commit;
    this.term = state.term;
    this.vote = state.vote;
  }

  becomeFollower(term: number, lead: bigint): void {
    this.reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
    this.logger.info(`${hex(this.id)} became follower at term ${term}`);
  }

  /** Starts a term of its own, with its own vote. */
  becomeCandidate(): void {
    invariant(this.state !== 'StateLeader', 'invalid transition [leader -> candidate]');
    this.reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
    this.logger.info(`${hex(this.id)} became candidate at term ${this.term}`);
  }

  /** Asks for votes without starting a term: neither term nor vote change. */
  becomePreCandidate(): void {
    invariant(this.state !== 'StateLeader', 'invalid transition [leader -> pre-candidate]');
    this.tracker.resetVotes();
    this.lead = none;
    this.state = 'StatePreCandidate';
    this.logger.info(`${hex(this.id)} became pre-candidate at term ${this.term}`);
  }

  /** Takes the lead of the current term. The caller appends the empty entry that Raft §8 asks for. */
  becomeLeader(): void {
    invariant(this.state !== 'StateFollower', 'invalid transition [follower -> leader]');
    this.reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const self = this.tracker.get(this.id);
    invariant(self !== undefined, 'only a member can win an election');
    self.becomeReplicate();
    self.recentActive = true;
    // Somewhere in the log there may be a membership change that is not applied; scanning for it could take long.
    this.pendingConfIndex = this.log.lastIndex();
  }

  /** Forgets the leader without leaving the term: the next vote request may be granted. */
  forgetLeader(): void {
    this.lead = none;
  }

  /** Enters a term with a clean slate; the vote is kept if the term stays the same. */
  private reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = none;
    }
    this.lead = none;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTick, random } = this.config;
    this.randomizedElectionTimeout = electionTick + random.below(electionTick);
    this.leadTransferee = none;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    for (const progress of this.tracker.all) {
      progress.reset(last + 1);
      if (progress.id === this.id) progress.match = last;
    }
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.reads.clear();
    this.postponedReads = [];
  }

  /** True when this node may campaign: it votes, and has no snapshot to install first. */
  promotable(): boolean {
    const self = this.tracker.get(this.id);
    return self !== undefined && !self.isLearner && this.log.unstable.snapshot === null;
  }

  /** Advances the commit index to what a quorum has stored. True when it moved. Leaders only. */
  maybeCommit(): boolean {
    return this.log.commitInTerm(this.tracker.committed(), this.term);
  }

  /** True when the leader knows which entries are committed: only its own term's tell (Raft §8). */
  committedInTerm(): boolean {
    return this.log.termOrZero(this.log.committed) === this.term;
  }

  membership(): Membership {
    return { configuration: this.tracker.configuration, progress: this.tracker.progress };
  }

  newMemberDefaults(): NewMemberDefaults {
    const { inflightsMax, inflightBytesMax } = this.limits;
    return { lastIndex: this.log.lastIndex(), inflightsMax, inflightBytesMax };
  }

  /**
   * Queues a message from this node. It carries the current term unless `rest` names one (votes do), or `type` never has one.
   * Responses that promise durability are held back until this node's own writes are done.
   */
  send(type: MessageType, to: bigint, rest: Partial<Message> = {}): void {
    this.queue({
      type,
      to,
      from: this.id,
      term: rest.term ?? this.termFor(type),
      logTerm: rest.logTerm ?? 0,
      index: rest.index ?? 0,
      entries: rest.entries ?? noEntries,
      commit: rest.commit ?? 0,
      vote: none,
      snapshot: rest.snapshot ?? null,
      reject: rest.reject ?? false,
      rejectHint: rest.rejectHint ?? 0,
      context: rest.context ?? null,
      responses: noResponses,
    });
  }

  /** Queues a message that is somebody else's, for the leader. */
  forwardToLeader(message: Message): void {
    const from = message.from === none ? this.id : message.from;
    this.queue({ ...message, to: this.lead, from, term: this.termFor(message.type) });
  }

  private termFor(type: MessageType): number {
    return type === messageType.prop || type === messageType.readIndex ? 0 : this.term;
  }

  private queue(message: Message): void {
    const { type } = message;
    if (type === messageType.appResp || type === messageType.voteResp || type === messageType.preVoteResp) {
      this.messagesAfterAppend.push(message);
      return;
    }
    invariant(message.to !== this.id, `message should not be self-addressed when sending ${messageTypeName(type)}`);
    this.messages.push(message);
  }
}

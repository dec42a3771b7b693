/**
 * One Raft node, driven from outside: inputs are messages, ticks and proposals; the output is a Ready at a time.
 *
 * Shaped like etcd-io/raft's RawNode, whose transcripts are the tests of its behaviour. Not reentrant: call it from one place.
 */
import { invariant } from '../base/assert.ts';
import { err, type Result } from '../base/result.ts';
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  emptyHardState,
  encodeConfChange,
  encodeConfChangeV2,
  entryType,
  type Message,
  messageType,
  newMessage,
} from '../proto/raftpb.ts';
import { asConfChangeV2 } from './confchange.ts';
import type { RaftConfig } from './config.ts';
import { messageTypeCount } from './describe.ts';
import { startElection } from './elections.ts';
import { applyConfChange, restoreConfState } from './membership.ts';
import { allVoters } from './quorum/joint.ts';
import { Raft } from './raft.ts';
import { gatherReady, isReady, type Known, type Ready, responsesAfterWrite } from './ready.ts';
import { type BasicStatus, basicStatusOf, type Status, statusOf } from './status.ts';
import { step } from './step.ts';
import { tick } from './tick.ts';
import { hex, isLocalTarget, malformedMessage, none, peerNotFound, type RaftError, stepLocalMessage } from './types.ts';

/** A membership change in either form; only the older one is understood by etcd servers. */
export type AnyConfChange =
  | { readonly version: 1; readonly change: ConfChange }
  | { readonly version: 2; readonly change: ConfChangeV2 };

/** A first member of a new cluster; `context` goes along in its membership entry. */
export interface BootstrapPeer {
  readonly id: bigint;
  readonly context: Uint8Array | null;
}

export class RawNode {
  private readonly raft: Raft;
  private known: Known;
  /** Responses to deliver when the driver is done with the last Ready. */
  private onAdvance: readonly Message[] = [];

  /** Starts from what `config.storage` holds. Throws InvariantError on a configuration or storage that makes no sense. */
  constructor(config: RaftConfig) {
    const raft = new Raft(config);
    const { hardState, confState } = config.storage.initialState();
    const last = raft.log.lastId();
    restoreConfState(raft, confState);
    if (hardState.term !== 0 || hardState.vote !== none || hardState.commit !== 0) raft.loadHardState(hardState);
    if (config.applied > 0) raft.log.appliedTo(config.applied, 0);
    raft.becomeFollower(raft.term, none);
    const peers = allVoters(raft.tracker.configuration.voters).map(hex).join(',');
    raft.logger.info(
      `newRaft ${hex(raft.id)} [peers: [${peers}], term: ${raft.term}, commit: ${raft.log.committed}, ` +
        `applied: ${raft.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
    this.raft = raft;
    this.known = { softState: { lead: raft.lead, raftState: raft.state }, hardState: raft.hardState() };
  }

  /**
   * Sets up the first log of a new cluster: one membership entry for each peer, committed at term 1. All first members must
   * do the same with the same peers in the same order. Storage must be empty.
   */
  bootstrap(peers: readonly BootstrapPeer[]): void {
    const { raft } = this;
    invariant(peers.length > 0, 'must provide at least one peer to Bootstrap');
    invariant(raft.log.lastIndex() === 0, "can't bootstrap a nonempty Storage");
    this.known = { ...this.known, hardState: emptyHardState };
    raft.becomeFollower(1, none);
    const changes = peers.map(({ id, context }): ConfChange => ({ id: 0n, type: 0, nodeId: id, context }));
    const entries = changes.map((change, position): Entry => {
      return { type: entryType.confChange, term: 1, index: position + 1, data: encodeConfChange(change) };
    });
    raft.log.append(entries);
    raft.log.commitTo(entries.length);
    // At once, so that this node can campaign; applying the entries later changes nothing.
    for (const change of changes) applyConfChange(raft, asConfChangeV2({ ...change, context: null }));
  }

  /** One tick of the driver's clock passed. */
  tick(): void {
    tick(this.raft);
  }

  /**
   * Takes a message from a peer, or a response from this node's storage. On an error nothing was changed; `proposalDropped`
   * concerns a forwarded proposal, whose proposer will notice by itself.
   */
  step(message: Message): Result<void, RaftError> {
    const local = isLocalTarget(message.from);
    if (!isWellFormed(message)) return err(malformedMessage);
    if (!local && isLocalType[message.type]) return err(stepLocalMessage);
    if (!local && isResponseType[message.type] && this.raft.tracker.get(message.from) === undefined)
      return err(peerNotFound);
    return step(this.raft, message);
  }

  /** Campaigns now instead of at the election timeout. */
  campaign(): void {
    startElection(this.raft);
  }

  /** Proposes data to be appended to the log. Success is no promise: the entry may still be lost with a leader. */
  propose(data: Uint8Array): Result<void, RaftError> {
    return this.proposeEntries([data]);
  }

  /** Proposes many data at once, all of which are taken or none. They stay in order, and next to each other. */
  proposeEntries(data: readonly Uint8Array[]): Result<void, RaftError> {
    invariant(data.length > 0, 'there is something to propose');
    const entries: Entry[] = [];
    for (const each of data) entries.push({ type: entryType.normal, term: 0, index: 0, data: each });
    return this.stepOwn(newMessage(messageType.prop, this.raft.id, none, { entries }));
  }

  /** Proposes a membership change. The leader may turn it into an empty entry, if another change is under way. */
  proposeConfChange(proposal: AnyConfChange): Result<void, RaftError> {
    const entry: Entry =
      proposal.version === 1
        ? { type: entryType.confChange, term: 0, index: 0, data: encodeConfChange(proposal.change) }
        : { type: entryType.confChangeV2, term: 0, index: 0, data: encodeConfChangeV2(proposal.change) };
    return this.stepOwn(newMessage(messageType.prop, none, none, { entries: [entry] }));
  }

  /**
   * Takes on a membership change from a committed entry, while that is applied; a node id of 0 makes it a no-op. To be called
   * for each such entry. Returns the configuration to store with the next snapshot.
   */
  applyConfChange(applied: AnyConfChange): ConfState {
    return applyConfChange(this.raft, applied.version === 1 ? asConfChangeV2(applied.change) : applied.change);
  }

  /** True when `ready` would return work. Cheap. */
  hasReady(): boolean {
    return isReady(this.raft, this.known);
  }

  /** Takes all work that is due. Without asynchronous storage writes, `advance` must follow before the next call. */
  ready(): Ready {
    const { raft } = this;
    const ready = gatherReady(raft, this.known);
    if (ready.softState !== null || ready.hardState !== null) {
      const { softState, hardState } = this.known;
      this.known = { softState: ready.softState ?? softState, hardState: ready.hardState ?? hardState };
    }
    if (!raft.config.asyncStorageWrites) {
      invariant(this.onAdvance.length === 0, 'two accepted Ready structs without call to Advance');
      this.onAdvance = responsesAfterWrite(raft, ready);
    }
    raft.readStates = [];
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.log.unstable.acceptInProgress();
    raft.log.acceptApplying(ready.committedEntries, !raft.config.asyncStorageWrites);
    return ready;
  }

  /** The driver has stored and applied what the last Ready asked for. Not with asynchronous storage writes. */
  advance(): void {
    invariant(!this.raft.config.asyncStorageWrites, 'Advance must not be called when using AsyncStorageWrites');
    const responses = this.onAdvance;
    this.onAdvance = [];
    for (const response of responses) this.stepOwn(response);
  }

  /**
   * Asks for an index that a linearizable read has to wait for; it comes as a ReadState with the same `context`, or never:
   * without a leader, or if messages are lost. Contexts must be unique.
   */
  readIndex(context: Uint8Array): void {
    const entry: Entry = { type: entryType.normal, term: 0, index: 0, data: context };
    this.stepOwn(newMessage(messageType.readIndex, none, none, { entries: [entry] }));
  }

  /** Asks the leader, here or elsewhere, to hand over to a voter. */
  transferLeader(to: bigint): void {
    this.stepOwn(newMessage(messageType.transferLeader, to, none));
  }

  /** A follower forgets its leader, and with it the lease that makes it refuse votes. It follows again when it hears from it. */
  forgetLeader(): void {
    this.stepOwn(newMessage(messageType.forgetLeader, none, none));
  }

  /** The last message to a node could not be sent. */
  reportUnreachable(id: bigint): void {
    this.stepOwn(newMessage(messageType.unreachable, id, none));
  }

  /** A snapshot to a node was delivered, or failed. Must be called for each one, or the node gets nothing more. */
  reportSnapshot(id: bigint, delivered: boolean): void {
    this.stepOwn(newMessage(messageType.snapStatus, id, none, { reject: !delivered }));
  }

  status(): Status {
    return statusOf(this.raft);
  }

  basicStatus(): BasicStatus {
    return basicStatusOf(this.raft);
  }

  /** Of the last entry of the log, whether it is durable or not. */
  lastIndex(): number {
    return this.raft.log.lastIndex();
  }

  /** Replaces the random election timeout, in ticks, until the next change of state. For tests and simulations. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.raft.randomizedElectionTimeout = ticks;
  }

  private stepOwn(message: Message): Result<void, RaftError> {
    return step(this.raft, message);
  }
}

function typeSet(...types: readonly number[]): readonly boolean[] {
  return Array.from({ length: messageTypeCount }, (_, type) => types.includes(type));
}

/** What a node tells itself. */
const isLocalType = typeSet(
  messageType.hup,
  messageType.beat,
  messageType.unreachable,
  messageType.snapStatus,
  messageType.checkQuorum,
  messageType.storageAppend,
  messageType.storageAppendResp,
  messageType.storageApply,
  messageType.storageApplyResp,
);

/** What only members answer. */
const isResponseType = typeSet(
  messageType.appResp,
  messageType.voteResp,
  messageType.heartbeatResp,
  messageType.unreachable,
  messageType.readIndexResp,
  messageType.preVoteResp,
  messageType.storageAppendResp,
  messageType.storageApplyResp,
);

/** False for what no correct peer sends and what would break a belief further in. */
function isWellFormed({ type, entries, index }: Message): boolean {
  if (!(type >= 0 && type < messageTypeCount)) return false;
  if (type === messageType.prop) return entries.length > 0;
  if (type === messageType.readIndex) return entries.length === 1;
  if (type !== messageType.app) return true;
  return entries.every((entry, position) => entry.index === index + 1 + position);
}

/** A node of a random cluster: what it stored survives a crash, everything else does not. */
import type { Random } from '../../../src/base/ports.ts';
import type { Result } from '../../../src/base/result.ts';
import { Reader } from '../../../src/proto/codec.ts';
import {
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
  type Snapshot,
} from '../../../src/proto/raftpb.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { RawNode } from '../../../src/raft/raw-node.ts';
import type { Ready } from '../../../src/raft/ready.ts';
import { MemoryStorage, type StorageError } from '../../../src/raft/storage.ts';
import { isLocalTarget } from '../../../src/raft/types.ts';
import { recordingLogger } from './entries.ts';
import type { SafetyChecker } from './safety-checker.ts';

export type Features = Pick<
  RaftConfig,
  'asyncStorageWrites' | 'preVote' | 'checkQuorum' | 'stepDownOnRemoval' | 'maxSizePerMsg' | 'maxInflightMsgs'
>;

/** How many applied entries a node remembers to answer `lastApplied`. */
const lastAppliedMax = 60;

/** Snapshots are made when they are needed, of all that is applied: a newcomer refuses one from before it was a member. */
class SnapshottingStorage extends MemoryStorage {
  private readonly make: () => void;

  constructor(make: () => void) {
    super();
    this.make = make;
  }

  override snapshot(): Result<Snapshot, StorageError> {
    this.make();
    return super.snapshot();
  }

  /** The snapshot that was made last. */
  stored(): Snapshot {
    const newest = super.snapshot();
    if (!newest.ok) throw new Error(newest.error);
    return newest.value;
  }
}

export class ClusterNode {
  readonly id: bigint;
  readonly storage = new SnapshottingStorage(() => this.makeSnapshot());
  /** Crashes happen in the middle of work. */
  mayCrash = true;
  raw: RawNode;
  /** The data of the entries applied last. */
  lastApplied: string[] = [];
  private readonly features: Features;
  private readonly random: Random;
  private readonly checker: SafetyChecker;
  private appliedIndex = 0;
  private confState: ConfState;
  private appendWork: Message[] = [];
  private applyWork: Message[] = [];
  /** For each read under way, the index that must not be missed. */
  private readonly reads = new Map<string, number>();
  private readCount = 0;

  constructor(id: bigint, confState: ConfState, features: Features, random: Random, checker: SafetyChecker) {
    this.id = id;
    this.features = features;
    this.random = random;
    this.checker = checker;
    this.confState = confState;
    this.storage.applySnapshot({ data: null, metadata: { confState, index: 1, term: 1 } });
    this.raw = this.start();
  }

  /** Does one piece of work that is due, and returns what it sends. May crash half way through. */
  work(): readonly Message[] {
    if (this.appendWork.length > 0 && this.random.below(2) === 0) return this.storeNext();
    if (this.applyWork.length > 0 && this.random.below(2) === 0) return this.applyNext();
    if (!this.raw.hasReady()) return [...this.storeNext(), ...this.applyNext()];
    const ready = this.raw.ready();
    this.takeReads(ready);
    return this.features.asyncStorageWrites ? this.queueWrites(ready) : this.performAll(ready);
  }

  /** Loses everything that was not stored. */
  crash(): void {
    this.raw = this.start();
  }

  /** Replaces the older part of the log by a snapshot. */
  compact(): void {
    if (this.makeSnapshot())
      this.storage.compact(Math.max(this.appliedIndex - this.random.below(5), this.storage.firstIndex()));
  }

  /** False if there is nothing new, or if after a crash the snapshot would be ahead of the commit index that was stored. */
  private makeSnapshot(): boolean {
    if (this.appliedIndex > this.storage.initialState().hardState.commit) return false;
    return this.storage.createSnapshot(this.appliedIndex, this.confState, null).ok;
  }

  /** Starts a read that has to see everything through `index`. */
  read(index: number): void {
    const context = `${this.id}/${this.readCount++}`;
    this.reads.set(context, index);
    this.raw.readIndex(Buffer.from(context));
  }

  private start(): RawNode {
    this.appendWork = [];
    this.applyWork = [];
    this.reads.clear();
    const { index, confState } = this.storage.stored().metadata;
    this.appliedIndex = index;
    this.confState = confState;
    this.lastApplied = [];
    return new RawNode({
      ...this.features,
      id: this.id,
      electionTick: 5,
      heartbeatTick: 1,
      storage: this.storage,
      applied: this.appliedIndex,
      maxCommittedSizePerReady: 200,
      maxUncommittedEntriesSize: 0,
      maxInflightBytes: 0,
      readOnlyOption: 'safe',
      logger: recordingLogger(),
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      random: this.random,
    });
  }

  private performAll(ready: Ready): readonly Message[] {
    this.store(ready.hardState, ready.entries, ready.snapshot);
    if (this.mayCrash && this.random.below(60) === 0) {
      this.crash();
      return [];
    }
    this.apply(ready.committedEntries);
    this.raw.advance();
    return ready.messages;
  }

  private queueWrites(ready: Ready): readonly Message[] {
    const sent: Message[] = [];
    for (const message of ready.messages) {
      if (!isLocalTarget(message.to)) sent.push(message);
      else if (message.type === messageType.storageAppend) this.appendWork.push(message);
      else this.applyWork.push(message);
    }
    return sent;
  }

  private storeNext(): readonly Message[] {
    const work = this.appendWork.shift();
    if (work === undefined) return [];
    const { term, vote, commit } = work;
    this.store(term === 0 ? null : { term, vote, commit }, work.entries, work.snapshot);
    return this.deliverOwn(work.responses);
  }

  private applyNext(): readonly Message[] {
    const work = this.applyWork.shift();
    if (work === undefined) return [];
    this.apply(work.entries);
    return this.deliverOwn(work.responses);
  }

  private deliverOwn(responses: readonly Message[]): readonly Message[] {
    for (const response of responses) if (response.to === this.id) this.raw.step(response);
    return responses.filter((response) => response.to !== this.id);
  }

  private store(hardState: HardState | null, entries: readonly Entry[], snapshot: Snapshot | null): void {
    if (hardState !== null) this.storage.setHardState(hardState);
    if (snapshot !== null && this.storage.applySnapshot(snapshot).ok) {
      this.appliedIndex = snapshot.metadata.index;
      this.confState = snapshot.metadata.confState;
    }
    this.storage.append(entries);
  }

  private apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      // A snapshot may have overtaken entries that were handed out before it.
      if (entry.index <= this.appliedIndex) continue;
      this.checker.applied(this, entry, this.appliedIndex);
      this.appliedIndex = entry.index;
      this.applyEntry(entry);
    }
  }

  private applyEntry({ type, data }: Entry): void {
    const reader = new Reader(data ?? new Uint8Array(0));
    if (type === entryType.confChange)
      this.confState = this.raw.applyConfChange({ version: 1, change: decodeConfChange(reader) });
    else if (type === entryType.confChangeV2)
      this.confState = this.raw.applyConfChange({ version: 2, change: decodeConfChangeV2(reader) });
    else if (data !== null) this.lastApplied.push(Buffer.from(data).toString());
    if (this.lastApplied.length > lastAppliedMax) this.lastApplied.shift();
  }

  private takeReads(ready: Ready): void {
    for (const { index, requestContext } of ready.readStates) {
      const least = this.reads.get(Buffer.from(requestContext).toString());
      if (least !== undefined) this.checker.readAnswered(this, index, least);
    }
  }
}

/**
 * The loop between the Raft core and the world: it carries out every Ready, in the order that Raft demands.
 *
 * One pass per turn of the event loop (`schedule`), so that everything that arrived in one turn becomes one batch: one MsgProp, one
 * WAL append with one fdatasync, one write per peer. Storage writes are asynchronous: a leader sends MsgApp while its own disk syncs,
 * and the responses that need durability are stepped or sent when the WAL says so (etcd-io/raft, AsyncStorageWrites).
 */
import type { Result } from '../../base/result.ts';
import { type Entry, type HardState, type Message, messageType, type Snapshot } from '../../proto/raftpb.ts';
import type { RaftConfig } from '../../raft/config.ts';
import { RawNode } from '../../raft/raw-node.ts';
import type { MemoryStorage } from '../../raft/storage.ts';
import { localAppendThread, localApplyThread, type RaftError, type ReadState } from '../../raft/types.ts';

/** What the driver needs of the WAL. Saves are written, made durable and acknowledged in the order of the calls. */
export interface DriverWal {
  save(
    hardState: HardState | null,
    entries: readonly Entry[],
    mustSync: boolean,
    done: (error: Error | null) => void,
  ): void;
}

/** What the driver reports and asks for. Callbacks run inside a pass: they may call the driver, which then runs again. */
export interface DriverPorts {
  readonly wal: DriverWal;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  /** Runs the callback once, as soon as the code that runs now has returned. */
  soon(callback: () => void): void;
  /** Sends to other members; never blocks, may drop. */
  send(messages: readonly Message[]): void;
  /** False while the database is too far behind: what is committed waits for `resumeApplying`. */
  mayApply(): boolean;
  /** Applies committed entries, in order, each exactly once. */
  apply(entries: readonly Entry[]): void;
  /**
   * Makes a snapshot that the leader sent, and the hard state that goes with it, durable, and puts its database in the place of this
   * member's. Rejects if the disk fails.
   */
  install(snapshot: Snapshot, hardState: HardState | null): Promise<void>;
  readStates(states: readonly ReadState[]): void;
  leaderChanged(change: LeaderChange): void;
  /** The leader, the term or the role is another. */
  raftChanged?(): void;
  /** The disk failed: nothing may be acknowledged any more. */
  diskFailed(error: Error): void;
}

/** A leader was elected, changed or lost. Ids are 0n for none. */
export interface LeaderChange {
  readonly term: number;
  readonly previous: bigint;
  readonly leader: bigint;
}

/** Proposals in one MsgProp are cut at this many bytes, so that one message stays below the limits of its receivers. */
const proposalBatchBytesMax = 1024 * 1024;

export class RaftDriver {
  readonly node: RawNode;
  private readonly storage: MemoryStorage;
  private readonly ports: DriverPorts;
  private readonly localId: bigint;
  private leader = 0n;
  private term = 0;
  private savedState: HardState;
  /** A commit index that is not yet in the WAL: it needs no sync of its own, so it waits for a save that does, or a tick. */
  private lazyState: HardState | null = null;
  /** A snapshot is being put in place. */
  private installing = false;
  /** What was to be saved since. */
  private heldAppends: Message[] = [];
  private savesInFlight = 0;
  /** Responses that wait for the saves in flight, though they brought nothing to save. */
  private afterSaves: { readonly saves: number; readonly responses: readonly Message[] }[] = [];
  private savesDone = 0;
  private savesStarted = 0;
  private proposals: Uint8Array[] = [];
  /** Committed entries that wait for the database; Raft hands out no more than it allows to be under way. */
  private readonly heldApplies: Message[] = [];
  private scheduled = false;
  private wokenSoon = false;
  private stopped = false;

  constructor(config: RaftConfig, storage: MemoryStorage, restored: HardState, ports: DriverPorts) {
    this.node = new RawNode({ ...config, storage, asyncStorageWrites: true });
    this.storage = storage;
    this.ports = ports;
    this.localId = config.id;
    this.savedState = restored;
    this.term = restored.term;
  }

  get leaderId(): bigint {
    return this.leader;
  }

  get raftTerm(): number {
    return this.term;
  }

  /** Queues an entry's data for the next pass. It stays queued while there is no leader that could take it. */
  propose(data: Uint8Array): void {
    this.proposals.push(data);
    this.wake();
  }

  /** Hands an entry's data to Raft if this member leads at this moment: it is never passed on to another leader. False if it does not. */
  proposeAsLeader(data: Uint8Array): boolean {
    if (this.stopped || this.node.basicStatus().raftState !== 'StateLeader') return false;
    if (!this.node.proposeEntries([data]).ok) return false;
    this.wake();
    return true;
  }

  /** Takes back those of the proposals that were never handed to Raft, and tells which they are. */
  dropQueued(proposals: ReadonlySet<Uint8Array>): ReadonlySet<Uint8Array> {
    const dropped = new Set(this.proposals.filter((data) => proposals.has(data)));
    if (dropped.size > 0) this.proposals = this.proposals.filter((data) => !dropped.has(data));
    return dropped;
  }

  /** A message from another member. */
  step(message: Message): void {
    if (this.stopped) return;
    this.node.step(message);
    // Raft knows the members of a snapshot from now on: nothing older may be applied before it is met.
    if (message.type === messageType.snap) this.pass();
    else this.wake();
  }

  /** Advances Raft's time by one heartbeat interval. */
  tick(): void {
    if (this.stopped) return;
    this.flushLazyState();
    this.node.tick();
    this.wake();
  }

  /** Runs one thing against the core, then carries out what follows from it. */
  update(change: (node: RawNode) => void): void {
    if (this.stopped) return;
    change(this.node);
    this.wake();
  }

  /** Carries out what is ready now; used at start-up, where replay is synchronous. */
  runNow(): void {
    this.pass();
  }

  /** The database has caught up, at least a little. */
  resumeApplying(): void {
    if (this.heldApplies.length === 0 || this.stopped) return;
    while (this.heldApplies[0] !== undefined && this.ports.mayApply()) {
      this.applyNow(this.heldApplies.shift() as Message);
    }
    this.wake();
  }

  /** No pass runs after this, nothing is saved, sent or applied any more. */
  stop(): void {
    this.flushLazyState();
    this.stopped = true;
  }

  private wake(): void {
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    this.ports.schedule(this.scheduledPass);
  }

  /** After the disk: nothing more will arrive in this turn that could join the batch, and clients wait. */
  private wakeSoon(): void {
    if (this.wokenSoon || this.stopped) return;
    this.wokenSoon = true;
    this.ports.soon(this.soonPass);
  }

  private readonly soonPass = (): void => {
    this.wokenSoon = false;
    this.pass();
  };

  private readonly scheduledPass = (): void => {
    this.scheduled = false;
    this.pass();
  };

  private pass(): void {
    if (this.stopped) return;
    this.stepProposals();
    const outgoing: Message[] = [];
    while (!this.stopped && this.node.hasReady()) {
      const ready = this.node.ready();
      const changed = ready.softState !== null || (ready.hardState !== null && ready.hardState.term !== this.term);
      if (ready.hardState !== null) this.term = ready.hardState.term;
      if (ready.softState !== null) this.noteLeader(ready.softState.lead);
      if (changed) this.ports.raftChanged?.();
      if (ready.readStates.length > 0) this.ports.readStates(ready.readStates);
      let append: Message | null = null;
      let apply: Message | null = null;
      for (const message of ready.messages) {
        if (message.to === localAppendThread) append = message;
        else if (message.to === localApplyThread) apply = message;
        else outgoing.push(message);
      }
      // Sent before the disk is touched: the leader's own sync and its followers' overlap (Raft thesis §10.2.1).
      if (outgoing.length > 0) this.ports.send(outgoing.splice(0));
      if (append !== null) this.append(append);
      if (apply !== null) this.applyCommitted(apply);
    }
  }

  private stepProposals(): void {
    if (this.leader === 0n) return;
    let from = 0;
    while (from < this.proposals.length) {
      let bytes = 0;
      let to = from;
      while (to < this.proposals.length && (to === from || bytes < proposalBatchBytesMax)) {
        bytes += this.proposals[to]?.length ?? 0;
        to++;
      }
      const whole = from === 0 && to === this.proposals.length;
      const result: Result<void, RaftError> = this.node.proposeEntries(
        whole ? this.proposals : this.proposals.slice(from, to),
      );
      // During a transfer, as without a leader, they wait here: a later pass tries again, and their owner's time-out bounds it.
      if (!result.ok) break;
      from = to;
    }
    if (from > 0) this.proposals = from === this.proposals.length ? [] : this.proposals.slice(from);
  }

  private noteLeader(leader: bigint): void {
    if (leader === this.leader) return;
    const previous = this.leader;
    this.leader = leader;
    this.ports.leaderChanged({ term: this.term, previous, leader });
    if (leader !== 0n) this.wake();
  }

  private append(message: Message): void {
    if (this.installing) {
      this.heldAppends.push(message);
      return;
    }
    if (message.snapshot !== null) {
      this.install(message, message.snapshot);
      return;
    }
    const state = hardStateOf(message);
    const voted = state !== null && (state.term !== this.savedState.term || state.vote !== this.savedState.vote);
    if (message.entries.length === 0 && !voted) {
      if (state !== null) {
        this.savedState = state;
        this.lazyState = state;
      }
      this.deliverAfterSaves(message.responses.filter(isForMember));
      return;
    }
    if (state !== null) this.savedState = state;
    const toSave = state ?? this.lazyState;
    this.lazyState = null;
    const { entries, responses } = message;
    this.save(toSave, entries, true, responses);
  }

  /** Nothing is saved after it until it is in place, and Raft does not hear that it is stored before. */
  private install(message: Message, snapshot: Snapshot): void {
    const state = hardStateOf(message);
    if (state !== null) this.savedState = state;
    const toSave = state ?? this.lazyState;
    this.lazyState = null;
    this.installing = true;
    // The snapshot holds what they would do.
    for (const held of this.heldApplies.splice(0)) for (const response of held.responses) this.node.step(response);
    this.ports.install(snapshot, toSave).then(
      () => {
        if (this.stopped) return;
        this.installing = false;
        this.storage.applySnapshot(snapshot);
        if (toSave !== null) this.storage.setHardState(toSave);
        if (message.entries.length > 0) this.save(null, message.entries, true, message.responses);
        else this.deliver(message.responses);
        for (const held of this.heldAppends.splice(0)) this.append(held);
        this.wake();
      },
      (error: unknown) => {
        if (this.stopped) return;
        this.stopped = true;
        this.ports.diskFailed(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  /** Writes the commit index, as far as it is known, before anything that the WAL is given after this. */
  saveCommit(): void {
    this.flushLazyState();
  }

  private save(
    state: HardState | null,
    entries: readonly Entry[],
    mustSync: boolean,
    responses: readonly Message[],
  ): void {
    this.savesStarted++;
    this.savesInFlight++;
    this.ports.wal.save(state, entries, mustSync, (error) => {
      this.savesInFlight--;
      this.savesDone++;
      if (this.stopped) return;
      if (error !== null) {
        this.stopped = true;
        this.ports.diskFailed(error);
        return;
      }
      if (entries.length > 0) this.storage.append(entries);
      if (state !== null) this.storage.setHardState(state);
      this.deliver(responses);
      this.deliverWaiting();
      this.wakeSoon();
    });
  }

  private flushLazyState(): void {
    const state = this.lazyState;
    if (state === null || this.stopped) return;
    this.lazyState = null;
    this.save(state, [], false, []);
  }

  private deliverAfterSaves(responses: readonly Message[]): void {
    if (responses.length === 0) return;
    if (this.savesInFlight === 0) this.deliver(responses);
    else this.afterSaves.push({ saves: this.savesStarted, responses });
  }

  private deliverWaiting(): void {
    while (this.afterSaves.length > 0) {
      const next = this.afterSaves[0];
      if (next === undefined || next.saves > this.savesDone) return;
      this.afterSaves.shift();
      this.deliver(next.responses);
    }
  }

  /** Responses to this member are stepped; the others are votes and acknowledgements that had to wait for the disk. */
  private deliver(responses: readonly Message[]): void {
    let remote: Message[] | null = null;
    for (const response of responses) {
      if (response.to === this.localId) this.node.step(response);
      else {
        remote ??= [];
        remote.push(response);
      }
    }
    if (remote !== null) this.ports.send(remote);
  }

  private applyCommitted(message: Message): void {
    if (this.heldApplies.length > 0 || !this.ports.mayApply()) this.heldApplies.push(message);
    else this.applyNow(message);
  }

  private applyNow(message: Message): void {
    this.ports.apply(message.entries);
    for (const response of message.responses) this.node.step(response);
  }
}

/**
 * False for the acknowledgement that entries are stable. An append that saves nothing in an unchanged term repeats the one that belongs
 * to a save still under way, which brings its own.
 */
function isForMember(response: Message): boolean {
  return response.type !== messageType.storageAppendResp;
}

/** The hard state that a MsgStorageAppend carries, if it changed: all its fields are zero otherwise. */
function hardStateOf(message: Message): HardState | null {
  if (message.term === 0 && message.vote === 0n && message.commit === 0) return null;
  return { term: message.term, vote: message.vote, commit: message.commit };
}

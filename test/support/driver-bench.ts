/** A Raft driver whose disk, network and turns of the event loop are moved by hand. */
import { seededRandom } from '../../src/base/prng.ts';
import { Reader } from '../../src/proto/codec.ts';
import {
  confChangeType,
  decodeConfChange,
  type Entry,
  encodeConfChange,
  type HardState,
  type Message,
  type Snapshot,
} from '../../src/proto/raftpb.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { type LeaderChange, RaftDriver } from '../../src/server/member/driver.ts';

export interface Save {
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly done: (error: Error | null) => void;
}

/** `preVote`: whether it asks before it campaigns. */
export class DriverBench {
  readonly saves: Save[] = [];
  readonly sent: Message[] = [];
  readonly applied: Entry[] = [];
  readonly installs: {
    readonly snapshot: Snapshot;
    readonly hardState: HardState | null;
    readonly done: () => void;
    readonly fail: (error: Error) => void;
  }[] = [];

  readonly leaders: LeaderChange[] = [];
  readonly failures: Error[] = [];
  readonly driver: RaftDriver;
  /** Whether the database keeps up. */
  mayApply = true;
  private turns: (() => void)[] = [];

  constructor(id: bigint, voters: readonly bigint[], preVote = false) {
    const storage = new MemoryStorage();
    const entries = voters.map((nodeId, i): Entry => {
      const data = encodeConfChange({ id: 0n, type: confChangeType.addNode, nodeId, context: null });
      return { type: 1, term: 1, index: i + 1, data };
    });
    const hardState: HardState = { term: 1, vote: 0n, commit: voters.length };
    storage.append(entries);
    storage.setHardState(hardState);
    this.driver = new RaftDriver(
      {
        id,
        electionTick: 10,
        heartbeatTick: 1,
        storage,
        applied: 0,
        asyncStorageWrites: true,
        maxSizePerMsg: 1024 * 1024,
        maxCommittedSizePerReady: 0,
        maxUncommittedEntriesSize: 0,
        maxInflightMsgs: 512,
        maxInflightBytes: 0,
        checkQuorum: true,
        preVote,
        readOnlyOption: 'safe',
        logger: { debugEnabled: false, debug() {}, info() {}, warning() {}, error() {} },
        disableProposalForwarding: false,
        disableConfChangeValidation: false,
        stepDownOnRemoval: false,
        random: seededRandom(1),
      },
      storage,
      hardState,
      {
        wal: {
          save: (state, saved, mustSync, done) => this.saves.push({ hardState: state, entries: saved, mustSync, done }),
        },
        schedule: (callback) => this.turns.push(callback),
        soon: (callback) => this.turns.push(callback),
        send: (messages) => this.sent.push(...messages),
        mayApply: () => this.mayApply,
        apply: (committed) => {
          for (const entry of committed) {
            this.applied.push(entry);
            if (entry.type !== 1) continue;
            this.driver.node.applyConfChange({
              version: 1,
              change: decodeConfChange(new Reader(entry.data ?? Buffer.alloc(0))),
            });
          }
        },
        install: (snapshot, state) =>
          new Promise((done, fail) => this.installs.push({ snapshot, hardState: state, done, fail })),
        readStates() {},
        leaderChanged: (change) => this.leaders.push(change),
        diskFailed: (error) => this.failures.push(error),
      },
    );
    this.driver.runNow();
  }

  turn(): void {
    for (const callback of this.turns.splice(0)) callback();
  }

  /** The disk finishes the oldest save; everything that follows from it happens. */
  disk(error: Error | null = null): void {
    this.saves.shift()?.done(error);
    this.turn();
  }

  sentOf(type: number): Message[] {
    return this.sent.filter((message) => message.type === type);
  }
}

/** Makes the driver of a lone voter the leader. */
export function lead(bench: DriverBench): void {
  bench.driver.update((node) => node.campaign());
  bench.turn();
  while (bench.saves.length > 0) bench.disk();
}

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { Reader } from '../../../src/proto/codec.ts';
import {
  confChangeType,
  decodeConfChange,
  type Entry,
  encodeConfChange,
  type HardState,
  type Message,
  messageType,
  newMessage,
} from '../../../src/proto/raftpb.ts';
import { MemoryStorage } from '../../../src/raft/storage.ts';
import { type LeaderChange, RaftDriver } from '../../../src/server/member/driver.ts';

interface Save {
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly done: (error: Error | null) => void;
}

/** A driver whose disk, network and turns of the event loop are moved by hand. */
class Bench {
  readonly saves: Save[] = [];
  readonly sent: Message[] = [];
  readonly applied: Entry[] = [];
  readonly leaders: LeaderChange[] = [];
  readonly failures: Error[] = [];
  readonly driver: RaftDriver;
  private turns: (() => void)[] = [];

  constructor(id: bigint, voters: readonly bigint[]) {
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
        preVote: false,
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

function lead(bench: Bench): void {
  bench.driver.update((node) => node.campaign());
  bench.turn();
  while (bench.saves.length > 0) bench.disk();
}

describe('the driver', () => {
  it('replays the committed log before anything else', () => {
    expect(new Bench(1n, [1n, 2n, 3n]).applied.map((entry) => entry.index)).toEqual([1, 2, 3]);
  });

  it('makes one save and one batch of entries of all proposals of a turn', () => {
    const bench = new Bench(1n, [1n]);
    lead(bench);
    for (const text of ['a', 'b', 'c']) bench.driver.propose(Buffer.from(text));
    bench.turn();
    expect(bench.saves.map((save) => save.entries.length)).toEqual([3]);
  });

  it('applies nothing before its own save is durable', () => {
    const bench = new Bench(1n, [1n]);
    lead(bench);
    const before = bench.applied.length;
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    expect(bench.applied).toHaveLength(before);
    bench.disk();
    expect(bench.applied).toHaveLength(before + 1);
  });

  it('votes only once the vote is durable', () => {
    const bench = new Bench(2n, [1n, 2n, 3n]);
    bench.driver.step(newMessage(messageType.vote, 1n, 2n, { term: 2, logTerm: 1, index: 3 }));
    bench.turn();
    expect(bench.sentOf(messageType.voteResp)).toEqual([]);
    expect(bench.saves.map((save) => [save.mustSync, save.hardState?.vote])).toEqual([[true, 1n]]);
    bench.disk();
    expect(bench.sentOf(messageType.voteResp).map((message) => message.reject)).toEqual([false]);
  });

  it('acknowledges entries only once they are durable, and sends its own on while they are not', () => {
    const bench = new Bench(1n, [1n, 2n, 3n]);
    bench.driver.update((node) => node.campaign());
    bench.turn();
    bench.disk();
    bench.driver.step(newMessage(messageType.voteResp, 2n, 1n, { term: 2 }));
    bench.turn();
    // A leader: its empty entry is sent while its own disk still writes it.
    expect(bench.sentOf(messageType.app).map((message) => message.to)).toEqual([2n, 3n]);
    expect(bench.saves).toHaveLength(1);

    const follower = new Bench(3n, [1n, 2n, 3n]);
    const append = bench.sentOf(messageType.app).find((message) => message.to === 3n);
    if (append === undefined) throw new Error('nothing was sent to 3');
    follower.driver.step(append);
    follower.turn();
    expect(follower.sentOf(messageType.appResp)).toEqual([]);
    follower.disk();
    expect(follower.sentOf(messageType.appResp).map((message) => message.index)).toEqual([4]);
  });

  it('does not sync for a commit index alone, and writes it with the next tick', () => {
    const bench = new Bench(1n, [1n]);
    lead(bench);
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    bench.disk();
    expect(bench.saves).toEqual([]);
    bench.driver.tick();
    expect(bench.saves.map((save) => [save.mustSync, save.entries.length, save.hardState?.commit])).toEqual([
      [false, 0, 3],
    ]);
  });

  it('keeps proposals while there is no leader, and gives back those that are taken back', () => {
    const bench = new Bench(1n, [1n]);
    bench.driver.propose(Buffer.from('early'));
    bench.driver.propose(Buffer.from('late'));
    bench.turn();
    bench.driver.dropQueued((data) => Buffer.from(data).toString() === 'late');
    lead(bench);
    while (bench.saves.length > 0) bench.disk();
    expect(bench.applied.map((entry) => entry.data?.toString())).toContain('early');
    expect(bench.applied.map((entry) => entry.data?.toString())).not.toContain('late');
  });

  it('stops for good when the disk fails', () => {
    const bench = new Bench(1n, [1n]);
    lead(bench);
    const before = bench.applied.length;
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    bench.disk(new Error('EIO'));
    expect(bench.failures.map((error) => error.message)).toEqual(['EIO']);
    bench.driver.propose(Buffer.from('b'));
    bench.turn();
    expect(bench.saves).toEqual([]);
    expect(bench.applied).toHaveLength(before);
  });
});

import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/ports.ts';
import { seededRandom } from '../../../src/base/prng.ts';
import { messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { Membership } from '../../../src/server/cluster/membership.ts';
import { createLogger } from '../../../src/server/log/logger.ts';
import { Connections } from '../../../src/server/member/connections.ts';
import { Elections } from '../../../src/server/member/elections.ts';
import type { PeerTransport } from '../../../src/server/peer/transport.ts';
import { DriverBench } from '../../support/driver-bench.ts';

/** Member 2 of three, with a clock moved by hand. */
function bench(options: { readonly preVote: boolean }, ids: readonly bigint[] = [1n, 2n, 3n]) {
  const timers = new Map<() => void, number>();
  let nowMs = 0;
  const at = (delayMs: number, callback: () => void) => {
    timers.set(callback, nowMs + delayMs);
    return { cancel: () => timers.delete(callback) };
  };
  const every = (intervalMs: number, callback: () => void) => {
    const again = () => {
      timers.set(again, nowMs + intervalMs);
      callback();
    };
    return at(intervalMs, again);
  };
  const clock: Clock = { now: () => nowMs, monotonicMs: () => nowMs, after: at, every };
  const raft = new DriverBench(2n, ids, options.preVote);
  const members = ids.map((id) => ({
    id,
    name: `m${id}`,
    peerUrls: [`http://m${id}:1`],
    clientUrls: [],
    isLearner: false,
  }));
  const membership = new Membership({ clusterId: 9n, localId: 2n, members, removed: [], version: null });
  const config = { electionTimeoutMs: 1000, heartbeatIntervalMs: 100, initialElectionTickAdvance: true, ...options };
  const connections = new Connections(2n, membership);
  const active = new Set<bigint>();
  connections.transport = { activeSince: (id: bigint) => (active.has(id) ? 0 : null) } as PeerTransport;
  const elections = new Elections(2n, config, {
    clock,
    random: seededRandom(1),
    logger: createLogger({ level: 'error', format: 'json', sinks: [], nowUs: () => 0 }),
    driver: raft.driver,
    membership,
    connections,
  });
  return {
    raft,
    elections,
    active,
    passMs(ms: number) {
      raft.turn();
      nowMs += ms;
      for (const [callback, dueMs] of [...timers]) {
        if (dueMs > nowMs) continue;
        timers.delete(callback);
        callback();
      }
      raft.turn();
    },
    /** Member 1 leads at term 2. */
    follow() {
      raft.driver.step(newMessage(messageType.heartbeat, 1n, 2n, { term: 2 }));
      raft.turn();
      while (raft.saves.length > 0) raft.disk();
    },
  };
}

describe('the lowest id of a cluster that is being founded', () => {
  const founding = () => {
    const one = bench({ preVote: true }, [2n, 3n, 4n]);
    one.elections.start(false);
    return { ...one, asked: () => one.raft.sentOf(messageType.preVote).length > 0 };
  };

  it('campaigns as soon as all are connected', () => {
    const { active, passMs, asked } = founding();
    passMs(1_000);
    active.add(3n).add(4n);
    expect(asked()).toBe(false);
    passMs(5);
    expect(asked()).toBe(true);
  });

  it('waits a moment for the last one, so that it can be asked for its version', () => {
    const { active, passMs, asked } = founding();
    active.add(3n);
    for (let ms = 0; ms < 150; ms += 5) passMs(5);
    expect(asked()).toBe(false);
    passMs(5);
    expect(asked()).toBe(true);
  });
});

describe('when a peer is connected', () => {
  /** Member 1 led, and has stepped down for somebody who was not elected. */
  function leaderless(options: { readonly preVote: boolean }) {
    const one = bench(options);
    one.follow();
    one.elections.leaderChanged(1n);
    one.raft.driver.step(newMessage(messageType.vote, 3n, 2n, { term: 9, context: Buffer.from('CampaignTransfer') }));
    one.raft.turn();
    while (one.raft.saves.length > 0) one.raft.disk();
    expect(one.raft.driver.leaderId).toBe(0n);
    return one;
  }

  it('a member that has lost its leader campaigns as soon as that makes a quorum', () => {
    const { raft, elections, passMs, active } = leaderless({ preVote: true });
    elections.peerConnected();
    passMs(60);
    expect(raft.sentOf(messageType.preVote)).toEqual([]);
    active.add(1n);
    elections.peerConnected();
    passMs(60);
    expect(raft.sentOf(messageType.preVote).map((message) => message.to)).toEqual([1n, 3n]);
  });

  it('nothing happens in a member that has a leader, or has not had one yet, or without pre-vote', () => {
    const following = bench({ preVote: true });
    following.follow();
    following.elections.leaderChanged(1n);
    for (const one of [following, bench({ preVote: true }), leaderless({ preVote: false })]) {
      one.active.add(1n).add(3n);
      one.elections.peerConnected();
      one.passMs(60);
      expect([...one.raft.sentOf(messageType.preVote), ...one.raft.sentOf(messageType.vote)]).toEqual([]);
    }
  });
});

describe('when the process of a peer is gone', () => {
  it('a follower of it campaigns at once', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    passMs(60);
    expect(raft.sentOf(messageType.preVote).map((message) => message.to)).toEqual([1n, 3n]);
  });

  it('a follower whose campaign nobody answers tries again, some times, then waits as ever', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    const asked: number[] = [];
    for (let ms = 0; ms < 900; ms += 5) {
      passMs(5);
      asked.push(raft.sentOf(messageType.preVote).length / 2);
    }
    expect(asked.at(11)).toBe(1);
    expect(asked.at(-1)).toBe(4);
    expect(raft.driver.raftTerm).toBe(2);
  });

  it('a follower that heard of a new leader after its campaign leaves it at that', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    passMs(60);
    raft.driver.step(newMessage(messageType.heartbeat, 3n, 2n, { term: 3 }));
    raft.turn();
    while (raft.saves.length > 0) raft.disk();
    const before = raft.sentOf(messageType.preVote).length;
    passMs(900);
    expect(raft.sentOf(messageType.preVote)).toHaveLength(before);
    expect(raft.driver.leaderId).toBe(3n);
  });

  it('a follower that has given another its vote lets it win before it campaigns itself', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    raft.turn();
    raft.driver.step(newMessage(messageType.vote, 3n, 2n, { term: 3, index: 100, logTerm: 2 }));
    raft.turn();
    while (raft.saves.length > 0) raft.disk();
    expect(raft.driver.raftTerm).toBe(3);
    expect(raft.driver.leaderId).toBe(0n);
    passMs(60);
    expect(raft.sentOf(messageType.preVote)).toEqual([]);
    passMs(120); // the other has failed
    expect(raft.sentOf(messageType.preVote)).toHaveLength(2);
  });

  it('a follower whose own election is under way does not overthrow itself', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    passMs(60);
    raft.driver.step(newMessage(messageType.preVoteResp, 3n, 2n, { term: 3 }));
    raft.turn();
    while (raft.saves.length > 0) raft.disk();
    expect([raft.sentOf(messageType.vote).length, raft.sentOf(messageType.preVote).length]).toEqual([2, 2]);
    // The try is passed over; the votes may be lost, so there is another.
    passMs(120);
    expect(raft.sentOf(messageType.preVote)).toHaveLength(2);
    passMs(180);
    expect(raft.sentOf(messageType.preVote)).toHaveLength(4);
  });

  it('nothing happens if it did not lead', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(3n);
    passMs(60);
    expect(raft.driver.leaderId).toBe(1n);
    expect(raft.sentOf(messageType.preVote)).toEqual([]);
  });

  it('nothing happens without pre-vote, where a campaign would disturb the others', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: false });
    follow();
    elections.peerProcessGone(1n);
    passMs(60);
    expect(raft.driver.leaderId).toBe(1n);
    expect(raft.sentOf(messageType.vote)).toEqual([]);
  });

  it('a follower that heard of a new leader meanwhile stays with it', () => {
    const { raft, elections, passMs, follow } = bench({ preVote: true });
    follow();
    elections.peerProcessGone(1n);
    raft.turn();
    raft.driver.step(newMessage(messageType.heartbeat, 3n, 2n, { term: 3 }));
    raft.turn();
    while (raft.saves.length > 0) raft.disk();
    passMs(60);
    expect(raft.driver.leaderId).toBe(3n);
    expect(raft.sentOf(messageType.preVote)).toEqual([]);
  });
});

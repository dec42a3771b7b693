import { describe, expect, it } from 'vitest';
import { messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { Membership } from '../../../src/server/cluster/membership.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { Connections } from '../../../src/server/member/connections.ts';
import { LeadershipTransfer } from '../../../src/server/member/leadership-transfer.ts';
import type { PeerTransport } from '../../../src/server/peer/transport.ts';
import { DriverBench } from '../../support/driver-bench.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const [follower, learner] = [2n, 3n];

/** Member 1 with a voter and a learner. */
function bench() {
  const raft = new DriverBench(1n, [1n, follower]);
  const clock = new ManualClock();
  const members = [1n, follower, learner].map((id) => ({
    id,
    name: `m${id}`,
    peerUrls: [`http://m${id}:1`],
    clientUrls: [],
    isLearner: id === learner,
  }));
  const membership = new Membership({ clusterId: 9n, localId: 1n, members, removed: [], version: null });
  const connections = new Connections(1n, membership);
  const listeners = new Set<(leader: bigint) => void>();
  const transfers = new LeadershipTransfer(1n, 1_000, {
    clock,
    logger: silentLogger,
    driver: raft.driver,
    membership,
    connections,
    onLeader: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const settle = (): void => {
    raft.turn();
    while (raft.saves.length > 0) raft.disk();
  };
  return {
    transfers,
    clock,
    listeners,
    transferee: () => {
      settle();
      return raft.driver.node.basicStatus().leadTransferee;
    },
    lead() {
      raft.driver.update((node) => node.campaign());
      settle();
      raft.driver.step(newMessage(messageType.voteResp, follower, 1n, { term: 2 }));
      settle();
      expect(raft.driver.leaderId).toBe(1n);
    },
    connect() {
      connections.transport = { activeSince: (id: bigint) => (id === follower ? 0 : null) } as PeerTransport;
    },
    elected: (leader: bigint) => {
      for (const listener of [...listeners]) listener(leader);
    },
  };
}

describe('a leader that a client asks to move leadership', () => {
  it('answers when another leads', async () => {
    const { transfers, listeners, lead, transferee, elected } = bench();
    lead();
    const moving = transfers.moveLeader(follower);
    expect(transferee()).toBe(follower);
    elected(1n);
    expect(listeners.size).toBe(1);
    elected(follower);
    expect(await moving).toEqual({ ok: true, value: undefined });
    expect(listeners.size).toBe(0);
  });

  it('gives up after an election time-out', async () => {
    const { transfers, listeners, lead, clock } = bench();
    lead();
    const moving = transfers.moveLeader(follower);
    await clock.advance(1_000);
    expect(await moving).toEqual({ ok: false, error: rpcErrors.timeoutLeaderTransfer });
    expect(listeners.size).toBe(0);
  });

  it('gives it to voters only, and not to itself', async () => {
    const { transfers, lead, transferee } = bench();
    lead();
    expect(await transfers.moveLeader(learner)).toEqual({ ok: false, error: rpcErrors.badLeaderTransferee });
    expect(await transfers.moveLeader(1n)).toEqual({ ok: true, value: undefined });
    expect(transferee()).toBe(0n);
  });
});

it('a follower has no leadership to move', async () => {
  const { transfers, transferee } = bench();
  expect(await transfers.moveLeader(follower)).toEqual({ ok: false, error: rpcErrors.notLeader });
  await transfers.beforeStop();
  expect(transferee()).toBe(0n);
});

describe('a leader that stops', () => {
  it('hands over to a voter that is connected', async () => {
    const { transfers, lead, connect, transferee, elected } = bench();
    lead();
    connect();
    const moving = transfers.beforeStop();
    expect(transferee()).toBe(follower);
    elected(follower);
    await moving;
  });

  it('waits for nobody if no voter is connected', async () => {
    const { transfers, lead, transferee } = bench();
    lead();
    await transfers.beforeStop();
    expect(transferee()).toBe(0n);
  });
});

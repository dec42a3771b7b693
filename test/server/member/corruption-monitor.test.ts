import { beforeEach, describe, expect, it } from 'vitest';
import { err, ok } from '../../../src/base/result.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import type { KvHash } from '../../../src/server/member/api.ts';
import type { PeerHash } from '../../../src/server/member/corruption.ts';
import { CorruptionMonitor } from '../../../src/server/member/corruption-monitor.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const own: KvHash = { hash: 7, hashRevision: 20, compactRevision: 5, currentRevision: 20 };

let clock: ManualClock;
let leads: boolean;
let asked: number[];
let alarms: bigint[];
let lines: string[];
let peers: PeerHash[];
let compactions: { hash: number; hashRevision: number; compactRevision: number }[];

beforeEach(() => {
  clock = new ManualClock();
  leads = true;
  asked = [];
  alarms = [];
  lines = [];
  peers = [answer(2n), answer(3n)];
  compactions = [];
});

function answer(id: bigint, hash: Partial<KvHash> = {}): PeerHash {
  return { id, endpoints: [`http://m${id}`], answer: ok({ ...own, ...hash }) };
}

function start(settings: { periodMs?: number; compactHashPeriodMs?: number } = {}): CorruptionMonitor {
  const note = (message: string) => void lines.push(message);
  const monitor = new CorruptionMonitor(
    1n,
    { periodMs: 0, compactHashPeriodMs: 0, timeoutMs: 7_000, ...settings },
    {
      clock,
      logger: { ...silentLogger, info: note, warn: note, error: note },
      isLeader: () => leads,
      hashKv: (_revision, done) => done(ok(own)),
      linearizableRead: (done) => done(null),
      peerHashes: async (revision) => {
        asked.push(revision);
        return peers;
      },
      compactionHashes: () => compactions,
      raiseAlarm: (id) => alarms.push(id),
    },
  );
  monitor.start();
  return monitor;
}

describe('the periodic check', () => {
  it('is made by the leader only, and never without --corrupt-check-time', async () => {
    leads = false;
    start({ periodMs: 1_000 });
    leads = true;
    start();
    leads = false;
    await clock.advance(3_000);
    expect(asked).toEqual([]);
    leads = true;
    await clock.advance(1_000);
    expect(asked).toEqual([20]);
    expect(alarms).toEqual([]);
    expect(lines).toContain('finished peer corruption check');
  });

  it('raises the alarm for the first member that differs', async () => {
    peers = [answer(2n, { hash: 8 }), answer(3n, { currentRevision: 99 })];
    start({ periodMs: 1_000 });
    await clock.advance(1_000);
    expect(alarms).toEqual([2n]);
    expect(lines).toContain('same compact revision then hashes must match');
    expect(lines).toContain("revision from follower must be less than or equal to leader's");
  });
});

describe('the check of compactions', () => {
  it('goes back to the newest that all members have, and not beyond it again', async () => {
    compactions = [10, 15, 20].map((hashRevision) => ({ hash: 7, hashRevision, compactRevision: 5 }));
    const monitor = start({ compactHashPeriodMs: 1_000 });
    peers = [answer(2n), { id: 3n, endpoints: [], answer: err('compacted') }];
    await clock.advance(1_000);
    expect(asked).toEqual([20, 15, 10]);
    peers = [answer(2n), answer(3n)];
    await clock.advance(1_000);
    expect(asked.slice(3)).toEqual([20]);
    await clock.advance(1_000);
    expect(asked).toHaveLength(4);
    expect(alarms).toEqual([]);
    monitor.stop();
  });

  it('raises the alarm for all who differ from the majority', async () => {
    compactions = [{ hash: 7, hashRevision: 20, compactRevision: 5 }];
    peers = [answer(2n), answer(3n), answer(4n, { hash: 8 }), answer(5n, { hash: 9 })];
    start({ compactHashPeriodMs: 1_000 });
    await clock.advance(1_000);
    expect(alarms).toEqual([4n, 5n]);
  });

  it('raises it for member 0 where there is no majority', async () => {
    compactions = [{ hash: 7, hashRevision: 20, compactRevision: 5 }];
    peers = [answer(2n, { hash: 8 })];
    start({ compactHashPeriodMs: 1_000 });
    await clock.advance(1_000);
    expect(alarms).toEqual([0n]);
  });
});

describe('the initial check', () => {
  it('passes a member that can be compared with nobody', async () => {
    peers = [
      answer(2n, { hash: 8, compactRevision: 6 }),
      { id: 3n, endpoints: [], answer: err('future') },
      { id: 4n, endpoints: [], answer: err('failed') },
    ];
    expect(await start().checkInitially()).toEqual({ ok: true, value: undefined });
    expect(lines).toEqual([
      'starting initial corruption check',
      'found different compact revision values from remote peer',
      'cannot fetch hash from slow remote peer',
      'initial corruption checking passed; no corruption',
    ]);
  });

  it('stops a member that differs from a peer', async () => {
    peers = [answer(2n), answer(3n, { hash: 8 })];
    expect(await start().checkInitially()).toEqual(err('1 found data inconsistency with peers'));
  });

  it('stops a member that cannot hash its keys', async () => {
    const monitor = new CorruptionMonitor(
      1n,
      { periodMs: 0, compactHashPeriodMs: 0, timeoutMs: 1 },
      {
        clock,
        logger: silentLogger,
        isLeader: () => false,
        hashKv: (_revision, done) => done(err(rpcErrors.stopped)),
        linearizableRead: () => {},
        peerHashes: async () => [],
        compactionHashes: () => [],
        raiseAlarm: () => {},
      },
    );
    expect(await monitor.checkInitially()).toEqual(err('1 failed to fetch hash (etcdserver: server stopped)'));
  });
});

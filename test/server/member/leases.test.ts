import { describe, expect, it } from 'vitest';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { LeaseBench } from '../../support/lease-bench.ts';

const settle = () => new Promise((done) => setImmediate(done));

function benchWith(...ttls: readonly number[]): LeaseBench {
  const bench = new LeaseBench();
  for (const [i, ttl] of ttls.entries()) bench.lessor.grant(BigInt(i + 1), ttl);
  return bench;
}

describe('a lease on the leader', () => {
  it('has all of its time again when it is renewed, and is revoked by the log when that is over', async () => {
    const bench = benchWith(5);
    await bench.clock.advance(4_000);
    expect(bench.life(1n).outcome).toBe('1');
    expect(bench.renew(1n).outcome).toBe('5');
    expect(bench.life(1n).outcome).toBe('5');
    await bench.clock.advance(4_900);
    expect(bench.proposed).toEqual([]);
    await bench.clock.advance(600);
    expect(bench.proposed).toEqual(['revoke 1']);
    expect(bench.expired).toBe(0);
    bench.applyAll();
    expect(bench.expired).toBe(1);
    expect(bench.renew(1n).outcome).toBe('null');
    expect(bench.life(1n).outcome).toBe('null');
  });

  it('cannot be renewed once it has ended: whoever tries waits until it is gone', async () => {
    const bench = benchWith(5);
    await bench.clock.advance(5_500);
    const late = bench.renew(1n);
    expect(late.outcome).toBe('waits');
    bench.applyAll();
    expect(late.outcome).toBe('null');
  });

  it('goes on elsewhere if the leader changes while somebody waits for its end', async () => {
    const bench = benchWith(5);
    await bench.clock.advance(5_500);
    const late = bench.renew(1n);
    bench.remote.push({ type: 'failed' }, { type: 'found', value: 5 });
    bench.lead(2n);
    await bench.clock.advance(200);
    expect(late.outcome).toBe('5');
  });

  it('is not told of before this member has applied everything of the terms before', async () => {
    const bench = benchWith(5);
    bench.leader = 2n;
    bench.leases.leaderChanged();
    bench.leader = 1n;
    expect(bench.life(1n).outcome).toBe(rpcErrors.leaderChanged.message);
    const renewal = bench.renew(1n);
    await bench.clock.advance(100);
    expect(renewal.outcome).toBe('waits');
    bench.leases.termOpened();
    await bench.clock.advance(100);
    expect(renewal.outcome).toBe('5');
  });

  it('is waited for while committed entries are to be applied, but not for ever', async () => {
    const bench = benchWith(5);
    bench.committed = 7;
    const [applied, late] = [bench.renew(1n), bench.life(1n)];
    expect([applied.outcome, late.outcome]).toEqual(['waits', 'waits']);
    bench.appliedIndex = 7;
    bench.leases.applied(7);
    expect([applied.outcome, late.outcome]).toEqual(['5', '5']);
    bench.committed = 8;
    const never = bench.renew(1n);
    await bench.clock.advance(1_000);
    expect(never.outcome).toBe(rpcErrors.timeoutWaitAppliedIndex.message);
  });
});

describe('leases that have ended', () => {
  it('are revoked sixteen at a time, the next when one is done', async () => {
    const bench = benchWith(...Array(40).fill(5));
    await bench.clock.advance(5_500);
    expect(bench.proposed).toHaveLength(16);
    bench.applyAll();
    expect(bench.proposed).toHaveLength(16);
    bench.applyAll();
    bench.applyAll();
    expect([bench.expired, bench.lessor.all().length]).toEqual([40, 0]);
  });

  it('are tried again after the time of a request if that came to nothing', async () => {
    const bench = benchWith(5);
    await bench.clock.advance(5_500);
    bench.failAll();
    await bench.clock.advance(6_400);
    expect(bench.proposed).toEqual([]);
    await bench.clock.advance(200);
    expect(bench.proposed).toEqual(['revoke 1']);
  });

  it('are not revoked by a process that stood still and does not know that another one leads', async () => {
    const bench = benchWith(5);
    bench.quorum = rpcErrors.timeout;
    await bench.freeze(60_000);
    await bench.clock.advance(2_000);
    expect(bench.proposed).toEqual([]);
    expect(bench.renew(1n).outcome).toBe('waits');
    await settle();
    bench.quorum = null;
    await bench.clock.advance(1_000);
    expect(bench.proposed).toEqual(['revoke 1']);
  });

  it('stay when another member leads, which has given them more time', async () => {
    const bench = benchWith(...Array(40).fill(5));
    await bench.clock.advance(5_500);
    bench.lead(2n);
    bench.applyAll();
    await bench.clock.advance(20_000);
    expect([bench.proposed, bench.lessor.all().length]).toEqual([[], 24]);
    bench.lead(1n);
    expect(bench.life(40n).outcome).toBe('6');
    await bench.clock.advance(5_900);
    expect(bench.proposed).toEqual([]);
    await bench.clock.advance(600);
    expect(bench.proposed).toHaveLength(16);
  });
});

describe('a renewal that a leader has not confirmed', () => {
  it('fails if no quorum stands behind this member', async () => {
    const bench = benchWith(5);
    bench.quorum = rpcErrors.timeout;
    await bench.freeze(1_000);
    const renewal = bench.renew(1n);
    await settle();
    expect(renewal.outcome).toBe('not a primary lessor');
  });

  it('is asked of the leader, again until it answers', async () => {
    const bench = benchWith(5);
    bench.lead(2n);
    bench.remote.push({ type: 'failed' }, { type: 'failed' }, { type: 'notFound' });
    const renewal = bench.renew(9n);
    await bench.clock.advance(200);
    expect([renewal.outcome, bench.asked]).toEqual(['null', 3]);
  });

  it('fails after the time of a request: without a leader, or without its answer', async () => {
    const bench = benchWith(5);
    bench.lead(0n);
    const [renewal, life] = [bench.renew(1n), bench.life(1n)];
    await bench.clock.advance(6_900);
    expect([renewal.outcome, life.outcome]).toEqual(['waits', 'waits']);
    await bench.clock.advance(200);
    expect([renewal.outcome, life.outcome]).toEqual([rpcErrors.noLeader.message, rpcErrors.noLeader.message]);
    bench.lead(2n);
    const unheard = bench.renew(1n);
    await bench.clock.advance(7_100);
    expect(unheard.outcome).toBe(rpcErrors.timeout.message);
  });

  it('fails when this member stops', async () => {
    const bench = benchWith(5);
    bench.lead(2n);
    const renewal = bench.renew(1n);
    await settle();
    bench.leases.stop();
    await settle();
    expect(renewal.outcome).toBe(rpcErrors.stopped.message);
  });
});

describe('checkpoints', () => {
  const hour = 3_600;

  function longLived(): LeaseBench {
    const bench = new LeaseBench({ checkpoints: true });
    bench.lessor.grant(1n, hour);
    bench.lessor.grant(2n, 60);
    return bench;
  }

  it('are written every five minutes, and the next leader goes on from them', async () => {
    const bench = longLived();
    await bench.clock.advance(40_000);
    bench.renew(2n);
    await bench.clock.advance(260_500);
    bench.applyAll();
    expect(bench.lessor.find(1n)?.remainingTtl).toBe(hour - 300);
    bench.lead(2n);
    bench.lead(1n);
    expect(bench.life(1n).outcome).toBe(String(hour - 300 + 1));
  });

  it('are taken back before a renewal is acknowledged', async () => {
    const bench = longLived();
    bench.lessor.revoke(2n);
    await bench.clock.advance(300_500);
    expect(bench.proposed).toEqual([`checkpoint 1:${hour - 300}`]);
    bench.applyAll();
    const renewal = bench.renew(1n);
    expect([renewal.outcome, bench.proposed]).toEqual(['waits', ['checkpoint 1:0']]);
    bench.applyAll();
    expect(renewal.outcome).toBe(String(hour));
    bench.lead(2n);
    bench.lead(1n);
    expect(bench.life(1n).outcome).toBe(String(hour + 1));
  });

  it('that are on their way are taken back too, though nobody has seen them applied', async () => {
    const bench = longLived();
    bench.lessor.revoke(2n);
    await bench.clock.advance(300_500);
    const renewal = bench.renew(1n);
    expect(bench.proposed).toEqual([`checkpoint 1:${hour - 300}`, 'checkpoint 1:0']);
    bench.applyAll();
    expect([renewal.outcome, bench.lessor.find(1n)?.remainingTtl]).toEqual([String(hour), 0]);
  });

  it('of which nobody knows what became are taken back as well', async () => {
    const bench = longLived();
    bench.lessor.revoke(2n);
    await bench.clock.advance(300_500);
    bench.failAll();
    const renewal = bench.renew(1n);
    expect(bench.proposed).toEqual(['checkpoint 1:0']);
    bench.failAll();
    expect(renewal.outcome).toBe(rpcErrors.timeout.message);
  });

  it('are not made unless they are asked for', async () => {
    const bench = new LeaseBench();
    bench.lessor.grant(1n, hour);
    await bench.clock.advance(1_000_000);
    expect(bench.proposed).toEqual([]);
  });
});

it('ids for leases are positive, whatever the member’s own id is', () => {
  expect(new LeaseBench().leases.newId()).toBe((1n << 63n) - 1n);
});

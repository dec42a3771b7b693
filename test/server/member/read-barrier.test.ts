import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/ports.ts';
import type { RpcError } from '../../../src/server/grpc/status.ts';
import { ReadBarrier } from '../../../src/server/member/read-barrier.ts';

/** A barrier whose clock, turns and Raft are moved by hand. */
function bench() {
  const turns: (() => void)[] = [];
  const timers = new Set<() => void>();
  const asked: Uint8Array[] = [];
  let applied = 0;
  let nowMs = 0;
  let id = 0n;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    after: () => ({ cancel() {} }),
    every: (_interval, callback) => {
      timers.add(callback);
      return { cancel: () => timers.delete(callback) };
    },
  };
  const barrier = new ReadBarrier(
    {
      clock,
      requestReadIndex: (context) => asked.push(context),
      nextRequestId: () => ++id,
      appliedIndex: () => applied,
      schedule: (callback) => turns.push(callback),
      slowRound() {},
      failedRound() {},
    },
    7_000,
  );
  const results: (RpcError | null)[] = [];
  return {
    barrier,
    asked,
    results,
    read: () => barrier.wait((error) => results.push(error)),
    turn: () => {
      for (const callback of turns.splice(0)) callback();
    },
    apply: (index: number) => {
      applied = index;
      barrier.applied(index);
    },
    passMs: (ms: number) => {
      nowMs += ms;
      for (const timer of [...timers]) timer();
    },
    timers,
  };
}

describe('the read barrier', () => {
  it('shares one round between all reads of a turn', () => {
    const { asked, read, turn, barrier, results } = bench();
    read();
    read();
    turn();
    expect(asked).toHaveLength(1);
    barrier.confirmed(asked[0] ?? null, 0);
    expect(results).toEqual([null, null]);
  });

  it('never lets a read join a round that began before it', () => {
    const { asked, read, turn, barrier, results } = bench();
    read();
    turn();
    read();
    turn();
    expect(asked).toHaveLength(1);
    barrier.confirmed(asked[0] ?? null, 0);
    expect(results).toHaveLength(1);
    expect(asked).toHaveLength(2);
    barrier.confirmed(asked[1] ?? null, 0);
    expect(results).toHaveLength(2);
  });

  it('waits until the confirmed index is applied', () => {
    const { asked, read, turn, barrier, results, apply } = bench();
    read();
    turn();
    barrier.confirmed(asked[0] ?? null, 5);
    apply(4);
    expect(results).toEqual([]);
    apply(5);
    expect(results).toEqual([null]);
  });

  it('ignores answers to other rounds', () => {
    const { read, turn, barrier, results } = bench();
    read();
    turn();
    barrier.confirmed(Buffer.alloc(8, 9), 0);
    expect(results).toEqual([]);
  });

  it('asks again every 500 ms and gives up after its time-out', () => {
    const { asked, read, turn, results, passMs, timers } = bench();
    read();
    turn();
    passMs(500);
    expect(asked).toHaveLength(2);
    passMs(6_500);
    expect(results.map((error) => error?.message)).toEqual(['etcdserver: request timed out']);
    expect(timers.size).toBe(0);
  });

  it('fails the round under way when a new leader is elected', () => {
    const { read, turn, barrier, results } = bench();
    read();
    turn();
    barrier.leaderChanged();
    expect(results.map((error) => error?.message)).toEqual(['etcdserver: leader changed']);
  });

  it('answers everyone when it stops', () => {
    const { asked, read, turn, barrier, results } = bench();
    read();
    turn();
    barrier.confirmed(asked[0] ?? null, 3);
    read();
    turn();
    read();
    barrier.stop();
    expect(results.map((error) => error?.message)).toEqual(Array(3).fill('etcdserver: server stopped'));
  });
});

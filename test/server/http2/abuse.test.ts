import { describe, expect, it } from 'vitest';
import { Budget, PingStrikes } from '../../../src/server/http2/abuse.ts';

describe('a budget', () => {
  it('allows its burst and not one more', () => {
    const budget = new Budget(3, 1, 0);
    expect([1, 2, 3, 4].map(() => budget.take(1, 0))).toEqual([true, true, true, false]);
  });

  it('refills with time, up to its burst', () => {
    const budget = new Budget(2, 10, 0);
    budget.take(2, 0);
    expect(budget.take(1, 100)).toBe(true);
    expect(budget.take(2, 100_000)).toBe(true);
    expect(budget.take(1, 100_000)).toBe(false);
  });
});

describe('ping strikes', () => {
  const policy = { minTimeMs: 5000, permitWithoutStream: false };

  it('end a connection at the third ping that comes too early', () => {
    const strikes = new PingStrikes(policy);
    expect([0, 100, 200, 300].map((nowMs) => strikes.ping(1, nowMs))).toEqual([true, true, true, false]);
  });

  it('are not earned by pings at the permitted interval', () => {
    const strikes = new PingStrikes(policy);
    for (let i = 0; i < 20; i++) expect(strikes.ping(1, i * 5000)).toBe(true);
  });

  it('are earned without streams even at that interval, unless the policy permits it', () => {
    const strict = new PingStrikes(policy);
    expect([0, 1, 2, 3].map((i) => strict.ping(0, i * 6000)).at(-1)).toBe(false);
    const lenient = new PingStrikes({ ...policy, permitWithoutStream: true });
    expect([0, 1, 2, 3].map((i) => lenient.ping(0, i * 6000)).at(-1)).toBe(true);
  });

  it('are forgiven when data went out since the last ping', () => {
    const strikes = new PingStrikes(policy);
    for (let i = 0; i < 20; i++) {
      strikes.excuse();
      expect(strikes.ping(1, i)).toBe(true);
    }
  });
});

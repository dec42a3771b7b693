import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestartPolicy } from '../../src/supervisor/restart-policy.ts';
import { decideRestart, defaultRestart, maxRestartsMax } from '../../src/supervisor/restart-policy.ts';

const failed = { code: 1, signal: null };
const killed = { code: null, signal: 'SIGSEGV' };
const fine = { code: 0, signal: null };
const always: RestartPolicy = { ...defaultRestart, when: 'always' };

const policies: fc.Arbitrary<RestartPolicy> = fc.record({
  when: fc.constant('always' as const),
  initialMs: fc.nat(1_000),
  maxMs: fc.nat(60_000),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  maxRestarts: fc.nat(maxRestartsMax),
  windowMs: fc.nat(600_000),
});

describe('a restart policy', () => {
  it('restarts what it is for', () => {
    const decide = (when: RestartPolicy['when'], exit: typeof failed | typeof killed) =>
      decideRestart({ ...defaultRestart, when }, exit, [], 0).type;
    expect([decide('no', failed), decide('on-failure', failed), decide('always', failed)]).toEqual([
      'rest',
      'restart',
      'restart',
    ]);
    expect(decide('on-failure', killed)).toBe('restart');
    expect([decide('on-failure', fine), decide('always', fine)]).toEqual(['rest', 'restart']);
  });

  it('doubles the delay, and gives a process up that ends ten times within the window', () => {
    const delays: number[] = [];
    let recent: readonly number[] = [];
    for (;;) {
      const decision = decideRestart(always, failed, recent, 0);
      if (decision.type !== 'restart') {
        expect(decision.type).toBe('give-up');
        break;
      }
      delays.push(decision.delayMs);
      recent = decision.recent;
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
  });

  it('never waits longer than its maximum, and never shorter than the time before within a window', () => {
    fc.assert(
      fc.property(policies, fc.array(fc.nat(100_000), { maxLength: 40 }), (policy, gaps) => {
        let recent: readonly number[] = [];
        let nowMs = 0;
        let before = { delayMs: 0, count: 0 };
        for (const gap of gaps) {
          nowMs += gap;
          const decision = decideRestart(policy, failed, recent, nowMs);
          if (decision.type !== 'restart') continue;
          expect(decision.delayMs).toBeLessThanOrEqual(policy.maxMs);
          if (decision.recent.length > before.count) expect(decision.delayMs).toBeGreaterThanOrEqual(before.delayMs);
          before = { delayMs: decision.delayMs, count: decision.recent.length };
          recent = decision.recent;
        }
      }),
    );
  });

  it('restarts at most maxRestarts times in any window', () => {
    fc.assert(
      fc.property(policies, fc.array(fc.nat(50_000), { maxLength: 60 }), (policy, gaps) => {
        const restarts: number[] = [];
        let recent: readonly number[] = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const decision = decideRestart(policy, failed, recent, nowMs);
          if (decision.type !== 'restart') continue;
          restarts.push(nowMs);
          recent = decision.recent;
          const inWindow = restarts.filter((atMs) => atMs === nowMs || nowMs - atMs < policy.windowMs);
          if (policy.windowMs > 0) expect(inWindow.length).toBeLessThanOrEqual(policy.maxRestarts);
          expect(recent.length).toBeLessThanOrEqual(policy.maxRestarts);
        }
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointIntervalMs, PrimaryLessor, revocationsPerSecond } from '../../../src/server/lease/primary.ts';

const retryMs = 7_000;
const lease = (id: bigint, ttl: number, remainingTtl = 0) => ({ id, ttl, remainingTtl });

function primaryOver(...leases: ReturnType<typeof lease>[]): PrimaryLessor {
  const primary = new PrimaryLessor({ retryMs, checkpointIntervalMs: null });
  primary.promote(leases, 0, 0);
  return primary;
}

describe('the primary lessor', () => {
  it('hands out a lease when its time is over, and not before', () => {
    const primary = primaryOver();
    primary.granted(lease(1n, 5), 1_000);
    expect(primary.takeExpired(5_999, 10)).toEqual([]);
    expect(primary.isExpired(1n, 5_999)).toBe(false);
    expect(primary.takeExpired(6_000, 10)).toEqual([1n]);
    expect(primary.isExpired(1n, 6_000)).toBe(true);
  });

  it('hands an expired lease out again when nobody has revoked it for a while', () => {
    const primary = primaryOver(lease(1n, 5));
    expect(primary.takeExpired(5_000, 10)).toEqual([1n]);
    expect(primary.takeExpired(11_999, 10)).toEqual([]);
    expect(primary.takeExpired(12_000, 10)).toEqual([1n]);
    primary.revoked(1n);
    expect(primary.takeExpired(99_000, 10)).toEqual([]);
  });

  it('hands out the earliest first, and no more than asked for', () => {
    const primary = primaryOver(lease(1n, 9), lease(2n, 3), lease(3n, 6));
    expect(primary.byExpiry()).toEqual([2n, 3n, 1n]);
    expect(primary.takeExpired(20_000, 2)).toEqual([2n, 3n]);
    expect(primary.takeExpired(20_000, 2)).toEqual([1n]);
  });

  it('knows of no lease once it is demoted', () => {
    const primary = primaryOver(lease(1n, 5));
    primary.demote();
    primary.granted(lease(2n, 5), 0);
    expect([primary.isPrimary, primary.remainingMs(1n, 0), primary.remainingMs(2n, 0)]).toEqual([false, null, null]);
    expect(primary.takeExpired(99_000, 10)).toEqual([]);
  });

  it('gives each lease the extension on top when promoted, counted from the last checkpoint', () => {
    const primary = new PrimaryLessor({ retryMs, checkpointIntervalMs: null });
    primary.promote([lease(1n, 60), lease(2n, 600, 100)], 5_000, 1_000);
    expect(primary.remainingMs(1n, 5_000)).toBe(61_000);
    expect(primary.remainingMs(2n, 5_000)).toBe(101_000);
    primary.renew(2n, 6_000);
    expect(primary.remainingMs(2n, 6_000)).toBe(600_000);
  });

  it('spreads leases that would all end at once after a promotion, and delays none of fewer', () => {
    const crowd = (count: number) => Array.from({ length: count }, (_, i) => lease(BigInt(i + 1), 10));
    const few = primaryOver(...crowd(revocationsPerSecond - 1));
    expect(few.takeExpired(10_000, 10_000)).toHaveLength(revocationsPerSecond - 1);
    const many = primaryOver(...crowd(3_000));
    const perSecond: number[] = [];
    for (let second = 10; second < 14; second++) perSecond.push(many.takeExpired(second * 1_000 + 999, 10_000).length);
    expect(perSecond).toEqual([750, 749, 750, 750]);
  });
});

describe('checkpoints', () => {
  const withCheckpoints = () => new PrimaryLessor({ retryMs, checkpointIntervalMs });

  it('are due after the interval, for leases that live longer than it', () => {
    const primary = withCheckpoints();
    primary.promote([lease(1n, 300), lease(2n, 301), lease(3n, 9_000)], 0, 0);
    expect(primary.takeCheckpoints(checkpointIntervalMs - 1, 10)).toEqual([]);
    expect(primary.takeCheckpoints(checkpointIntervalMs + 500, 10)).toEqual([
      { id: 2n, remainingTtl: 1 },
      { id: 3n, remainingTtl: 8_700 },
    ]);
    expect(primary.hasCheckpoints(3 * checkpointIntervalMs)).toBe(false);
  });

  it('come again when the last was applied, as long as enough is left', () => {
    const primary = withCheckpoints();
    primary.promote([lease(1n, 601)], 0, 0);
    const [first] = primary.takeCheckpoints(checkpointIntervalMs, 10);
    expect(first).toEqual({ id: 1n, remainingTtl: 301 });
    primary.checkpointed(lease(1n, 601, 301), checkpointIntervalMs);
    expect(primary.takeCheckpoints(2 * checkpointIntervalMs, 10)).toEqual([{ id: 1n, remainingTtl: 1 }]);
    primary.checkpointed(lease(1n, 601, 1), 2 * checkpointIntervalMs);
    expect(primary.hasCheckpoints(9 * checkpointIntervalMs)).toBe(false);
  });

  it('wait another interval for a lease that was renewed just now', () => {
    const primary = withCheckpoints();
    primary.promote([lease(1n, 400)], 0, 0);
    primary.renew(1n, checkpointIntervalMs);
    expect(primary.takeCheckpoints(checkpointIntervalMs, 10)).toEqual([]);
    expect(primary.takeCheckpoints(2 * checkpointIntervalMs, 10)).toEqual([{ id: 1n, remainingTtl: 100 }]);
  });
});

type Step =
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'grant'; readonly id: bigint; readonly ttl: number }
  | { readonly type: 'renew' | 'revoke' | 'checkpoint'; readonly id: bigint }
  | { readonly type: 'promote' };

const id = fc.bigInt(1n, 6n);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('pass' as const), ms: fc.nat(4_000) }),
  fc.record({ type: fc.constant('grant' as const), id, ttl: fc.integer({ min: 2, max: 20 }) }),
  fc.record({ type: fc.constantFrom('renew' as const, 'revoke' as const, 'checkpoint' as const), id }),
  fc.record({ type: fc.constant('promote' as const) }),
);

describe('whatever happens', () => {
  it('no lease ends before its time to live after the last acknowledged renewal, and every one ends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let nowMs = 0;
        let primary = new PrimaryLessor({ retryMs, checkpointIntervalMs: 3_000 });
        primary.promote([], 0, 0);
        /** What the log says of each lease, and what was promised to its client. */
        const books = new Map<bigint, { ttl: number; remainingTtl: number; promisedMs: number }>();
        const look = (): void => {
          for (const expired of primary.takeExpired(nowMs, 100)) {
            const known = books.get(expired);
            expect(known).toBeDefined();
            expect(nowMs).toBeGreaterThanOrEqual(known?.promisedMs ?? Number.POSITIVE_INFINITY);
            primary.revoked(expired);
            books.delete(expired);
          }
        };
        for (const one of steps) {
          switch (one.type) {
            case 'pass':
              nowMs += one.ms;
              break;
            case 'grant':
              if (books.has(one.id)) break;
              books.set(one.id, { ttl: one.ttl, remainingTtl: 0, promisedMs: nowMs + one.ttl * 1_000 });
              primary.granted(lease(one.id, one.ttl), nowMs);
              break;
            case 'renew': {
              const known = books.get(one.id);
              if (known === undefined || primary.isExpired(one.id, nowMs)) break;
              // As the keeper does: what was written down is taken back first.
              known.remainingTtl = 0;
              primary.checkpointed({ id: one.id, ...known }, nowMs);
              primary.renew(one.id, nowMs);
              known.promisedMs = nowMs + known.ttl * 1_000;
              break;
            }
            case 'revoke':
              books.delete(one.id);
              primary.revoked(one.id);
              break;
            case 'checkpoint':
              for (const { id: due, remainingTtl } of primary.takeCheckpoints(nowMs, 10)) {
                const known = books.get(due);
                if (known === undefined) continue;
                known.remainingTtl = remainingTtl;
                primary.checkpointed({ id: due, ...known }, nowMs);
              }
              break;
            case 'promote': {
              // Another member, whose clock has another origin: only differences count.
              const before = new Map([...books.keys()].map((one) => [one, primary.remainingMs(one, nowMs) ?? 0]));
              primary = new PrimaryLessor({ retryMs, checkpointIntervalMs: 3_000 });
              primary.promote(
                [...books].map(([known, term]) => ({ id: known, ...term })),
                nowMs,
                1_000,
              );
              for (const [known, leftMs] of before)
                expect(primary.remainingMs(known, nowMs)).toBeGreaterThanOrEqual(leftMs);
              break;
            }
          }
          look();
        }
        nowMs += 60_000;
        look();
        expect(books.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

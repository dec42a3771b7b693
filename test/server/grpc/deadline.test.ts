import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadline, DeadlineWheel, type Expiring, tickMs } from '../../../src/server/grpc/deadline.ts';

class Member implements Expiring {
  readonly deadline: Deadline;
  expired = 0;
  after: () => void = () => {};

  constructor(expiresAtMs: number) {
    this.deadline = new Deadline(this, expiresAtMs);
  }

  onExpire(): void {
    this.expired++;
    this.after();
  }
}

describe('the deadline wheel', () => {
  it('expires every member once, when due and at most a tick late, unless it was removed', () => {
    const member = fc.record({ delay: fc.nat({ max: 20_000 }), removedAt: fc.option(fc.nat({ max: 20_000 })) });
    fc.assert(
      fc.property(fc.array(member, { maxLength: 20 }), fc.integer({ min: 7, max: 9000 }), (list, step) => {
        const wheel = new DeadlineWheel(12_345);
        const members = list.map(({ delay, removedAt }) => ({ member: new Member(12_345 + delay), delay, removedAt }));
        for (const { member } of members) wheel.add(member.deadline);
        for (let elapsed = 0; elapsed < 40_000; elapsed += step) {
          for (const { member, removedAt } of members) {
            if (removedAt !== null && removedAt <= elapsed) wheel.remove(member.deadline);
          }
          wheel.advance(12_345 + elapsed);
          for (const { member, delay, removedAt } of members) {
            // Plain comparisons: there are many, and each expect() costs.
            if (member.expired > 0 && delay > elapsed) throw new Error(`${delay} expired at ${elapsed}`);
            if (member.expired > 1) throw new Error(`${delay} expired twice`);
            if (member.expired === 0 && removedAt === null && elapsed - delay >= tickMs) {
              throw new Error(`${delay} has not expired at ${elapsed}`);
            }
          }
        }
        expect(wheel.count).toBe(members.filter(({ member }) => member.deadline.slot >= 0).length);
      }),
      { numRuns: 40 },
    );
  });

  it('lets an expiring member remove another and add a new one', () => {
    const wheel = new DeadlineWheel(0);
    const [first, second, third] = [new Member(15), new Member(15), new Member(30)];
    for (const member of [first, second]) {
      wheel.add(member.deadline);
      member.after = () => {
        for (const other of [first, second]) wheel.remove(other.deadline);
        if (third.deadline.slot < 0 && third.expired === 0) wheel.add(third.deadline);
      };
    }
    wheel.advance(20);
    expect(first.expired + second.expired).toBe(1);
    wheel.advance(40);
    expect(third.expired).toBe(1);
    expect(wheel.count).toBe(0);
  });
});

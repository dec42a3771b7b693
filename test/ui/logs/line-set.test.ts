import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllLines, LineSet } from '../../../src/ui/logs/line-set.ts';

/** Runs of lines that are in the set, or not: so that pages come out empty, full and mixed. */
const runs = fc.array(fc.record({ isMember: fc.boolean(), length: fc.oneof(fc.nat(40), fc.nat(3000)) }), {
  maxLength: 12,
});

describe('a set of lines', () => {
  it('answers as a list of booleans would', () => {
    fc.assert(
      fc.property(
        runs,
        fc.nat(5000),
        fc.boolean(),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
        (given, start, skips, asked) => {
          const set = new LineSet(start);
          const members: number[] = [];
          let end = start;
          for (const { isMember, length } of given) {
            if (skips && !isMember) set.skipTo(end + length);
            else for (let at = 0; at < length; at++) set.add(isMember);
            if (isMember) members.push(...Array.from({ length }, (_, at) => end + at));
            end += length;
          }
          expect(set.end).toBe(end);
          for (const share of [0, ...asked, 1]) {
            const line = start + Math.floor(share * (end - start));
            const rank = members.filter((one) => one < line).length;
            expect(set.rank(line)).toBe(rank);
            expect(set.next(line)).toBe(members[rank] ?? -1);
            expect(set.previous(line)).toBe(members[rank - 1] ?? -1);
            expect(set.has(line)).toBe(members[rank] === line);
          }
        },
      ),
    );
  });

  it('forgets the oldest pages, but counts on', () => {
    const set = new LineSet();
    for (let line = 0; line < 10_000; line++) set.add(line % 3 === 0);
    const before = [5000, 7777, 9999, 10_000].map((line) => set.rank(line));
    set.dropBefore(4500);
    expect([5000, 7777, 9999, 10_000].map((line) => set.rank(line))).toEqual(before);
    expect(set.next(5000)).toBe(5001);
    expect(set.previous(5000)).toBe(4998);
    for (let line = 10_000; line < 30_000; line++) set.add(line === 20_000);
    expect(set.next(10_000)).toBe(20_000);
    expect(set.rank(30_000)).toBe(3335);
    set.dropBefore(30_000);
    expect(set.rank(30_000)).toBe(3335);
    set.add(true);
    expect(set.next(0)).toBe(30_000);
  });

  it('of all lines has all', () => {
    let end = 3;
    const all = new AllLines(() => end);
    expect([all.next(2), all.next(3), all.previous(3), all.previous(0), all.rank(9)]).toEqual([2, -1, 2, -1, 3]);
    end = 10;
    expect([all.end, all.has(9), all.has(10)]).toEqual([10, true, false]);
  });
});

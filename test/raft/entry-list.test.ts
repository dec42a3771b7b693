import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sizeEntry } from '../../src/proto/raftpb.ts';
import { EntryList } from '../../src/raft/entry-list.ts';
import { entries } from './harness/entries.ts';

// Chunks hold 1024 entries: the sizes are chosen so that lists span several and cut them anywhere.
const operation = fc.oneof(
  fc.record({ type: fc.constant('append' as const), amount: fc.integer({ min: 0, max: 2500 }) }),
  fc.record({
    type: fc.constantFrom('truncate' as const, 'drop' as const),
    amount: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

describe('a list of consecutive entries', () => {
  test('holds what a plain array would, whatever is appended, truncated and dropped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.array(operation, { maxLength: 12 }), (start, operations) => {
        const list = new EntryList(start);
        let model = entries(0, 0, 1);
        let first = start;
        let term = 1;
        for (const { type, amount } of operations) {
          const end = first + model.length;
          const cut = first + Math.floor(model.length * amount);
          if (type === 'append') {
            const more = entries(end, end + amount, term++);
            list.append(more);
            model = model.concat(more);
          } else if (type === 'truncate') {
            list.truncateFrom(cut);
            model = model.slice(0, cut - first);
          } else {
            list.dropBelow(cut);
            model = model.slice(cut - first);
            first = cut;
          }
          expect([list.start, list.end, list.length]).toEqual([first, first + model.length, model.length]);
          expect(list.slice(first, list.end)).toEqual(model);
          const middle = first + Math.floor(model.length / 2);
          expect(list.slice(middle, list.end)).toEqual(model.slice(middle - first));
          if (model.length > 0) expect(list.at(middle)).toBe(model[middle - first]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('gives at least one entry and then as many as fit', () => {
    const list = new EntryList(5);
    list.append(entries(5, 9, 1));
    const size = sizeEntry(list.at(5));
    const counts = [0, size - 1, size, 2 * size - 1, 2 * size, 4 * size, Number.POSITIVE_INFINITY];
    expect(counts.map((bytes) => list.sliceLimited(5, 9, bytes).length)).toEqual([1, 1, 1, 1, 2, 4, 4]);
    expect(list.sliceLimited(6, 6, 100)).toEqual([]);
  });

  test('refuses gaps and what it does not hold', () => {
    const list = new EntryList(5);
    list.append(entries(5, 8, 1));
    expect(() => list.append(entries(9, 10, 1))).toThrow('follows');
    expect(() => list.at(4)).toThrow();
    expect(() => list.at(8)).toThrow();
    expect(() => list.slice(4, 6)).toThrow();
    expect(() => list.slice(6, 9)).toThrow();
  });

  test('does not change what it handed out before', () => {
    const list = new EntryList(1);
    list.append(entries(1, 4, 1));
    const before = list.slice(1, 4);
    list.truncateFrom(2);
    list.append(entries(2, 6, 2));
    list.dropBelow(3);
    expect(before).toEqual(entries(1, 4, 1));
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Inflights } from '../../src/raft/tracker/inflights.ts';

type Operation = { readonly add: number } | { readonly freeBack: number } | { readonly clear: true };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ freeBack: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 1, arbitrary: fc.constant<Operation>({ clear: true }) },
);

describe('the window of messages in flight', () => {
  test('counts like a plain list, whatever is added and freed', () => {
    const limits = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(limits, fc.array(operation, { maxLength: 200 }), ([countMax, bytesMax], operations) => {
        const window = new Inflights(countMax, bytesMax);
        let model: { index: number; bytes: number }[] = [];
        let last = 0;
        for (const each of operations) {
          if ('add' in each) {
            if (window.full) continue;
            last += 1 + (each.add % 3);
            window.add(last, each.add);
            model.push({ index: last, bytes: each.add });
          } else if ('freeBack' in each) {
            window.freeThrough(last - each.freeBack);
            model = model.filter(({ index }) => index > last - each.freeBack);
          } else {
            window.clear();
            model = [];
          }
          const bytes = model.reduce((sum, message) => sum + message.bytes, 0);
          expect(window.count).toBe(model.length);
          expect(window.full).toBe(model.length === countMax || bytes >= bytesMax);
        }
      }),
    );
  });

  test('is full at its limit of messages, and takes none beyond', () => {
    const window = new Inflights(2, Number.POSITIVE_INFINITY);
    window.add(1, 10);
    expect(window.full).toBe(false);
    window.add(2, 10);
    expect(window.full).toBe(true);
    expect(() => window.add(3, 10)).toThrow('Full');
    window.freeThrough(1);
    expect(window.full).toBe(false);
  });

  test('is full once its bytes reach the limit, which the last message may overshoot', () => {
    const window = new Inflights(10, 15);
    window.add(1, 14);
    expect(window.full).toBe(false);
    window.add(2, 100);
    expect(window.full).toBe(true);
  });
});

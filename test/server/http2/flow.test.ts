import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveWindow, sendable, windowMax } from '../../../src/server/http2/flow.ts';

describe('a receive window', () => {
  it('never grants more than its limit beyond what was consumed, and never loses a byte', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 400 })), { maxLength: 60 }),
        (limit, steps) => {
          const window = new ReceiveWindow(limit);
          let peer = limit;
          let unconsumed = 0;
          for (const [receives, amount] of steps) {
            if (receives) {
              expect(window.receive(amount)).toBe(amount <= peer);
              if (amount > peer) continue;
              peer -= amount;
              unconsumed += amount;
            } else {
              const bytes = Math.min(amount, unconsumed);
              unconsumed -= bytes;
              peer += window.consume(bytes);
            }
            expect(window.available).toBe(peer);
            expect(peer + window.unannounced + unconsumed).toBe(limit);
            // A peer that has used its window up is never left waiting once everything is consumed.
            if (unconsumed === 0) expect(peer).toBeGreaterThan(limit / 2 - 1);
          }
        },
      ),
    );
  });
});

describe('what may be sent', () => {
  it('is the least of all bounds and never negative', () => {
    const window = fc.integer({ min: -windowMax, max: windowMax });
    fc.assert(
      fc.property(fc.nat(), window, window, fc.nat(), (wanted, connection, stream, frame) => {
        const bytes = sendable(wanted, connection, stream, frame);
        expect(bytes).toBeGreaterThanOrEqual(0);
        if (bytes > 0) {
          expect(bytes).toBe(Math.min(wanted, connection, stream, frame));
        }
      }),
    );
  });

  it('is nothing while a stream window is negative', () => {
    expect(sendable(10, 100, -5, 16_384)).toBe(0);
  });
});

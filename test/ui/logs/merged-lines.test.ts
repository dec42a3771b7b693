import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSet } from '../../../src/ui/logs/line-set.ts';
import type { Lane, Place } from '../../../src/ui/logs/merged-lines.ts';
import { MergedLines } from '../../../src/ui/logs/merged-lines.ts';

/** Per process: the steps between its lines, which of them are shown, and how many the view was cleared of. */
const process = fc.record({
  lines: fc.array(fc.record({ step: fc.nat(3), isShown: fc.boolean() }), { maxLength: 30 }),
  dropped: fc.nat(4),
  floor: fc.nat(6),
});

interface Given {
  readonly lane: Lane;
  /** The lines that take part, in order. */
  readonly shown: readonly { readonly line: number; readonly orderMs: number }[];
}

function laneOf({ lines, dropped, floor }: typeof process extends fc.Arbitrary<infer T> ? T : never): Given {
  const set = new LineSet();
  const orders: number[] = [];
  let orderMs = 0;
  for (const { step, isShown } of lines) {
    orderMs += step;
    orders.push(orderMs);
    set.add(isShown);
  }
  const first = Math.min(dropped, lines.length);
  const lane: Lane = {
    floor,
    shown: set,
    lines: {
      first,
      orderOf: (line) => orders[line] ?? Number.NaN,
      lineAt: (ms) => {
        const at = orders.findIndex((order, line) => line >= first && order >= ms);
        return at < 0 ? orders.length : at;
      },
    },
  };
  const shown = orders
    .map((order, line) => ({ line, orderMs: order }))
    .filter(({ line }) => line >= first && line >= floor && set.has(line));
  return { lane, shown };
}

function naive(given: readonly Given[]): Place[] {
  return given
    .flatMap(({ shown }, lane) => shown.map(({ line, orderMs }) => ({ lane, line, orderMs })))
    .sort((a, b) => a.orderMs - b.orderMs || a.lane - b.lane || a.line - b.line)
    .map(({ lane, line }) => ({ lane, line }));
}

describe('the merged lines of processes', () => {
  it('are those of a plain sort, in both directions', () => {
    fc.assert(
      fc.property(fc.array(process, { maxLength: 5 }), (processes) => {
        const given = processes.map(laneOf);
        const merged = new MergedLines(given.map(({ lane }) => lane));
        const expected = naive(given);
        expect(merged.count).toBe(expected.length);
        const down = merged.atStart();
        expect(expected.map(() => down.next())).toEqual(expected);
        expect(down.next()).toBeNull();
        const up = merged.atEnd();
        expect(expected.map(() => up.previous())).toEqual(expected.toReversed());
        expect(up.previous()).toBeNull();
      }),
    );
  });

  it('can be entered at any line and any time, and gone through in any way from there', () => {
    fc.assert(
      fc.property(
        fc.array(process, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.array(fc.boolean(), { maxLength: 60 }),
        fc.nat(60),
        (processes, entry, moves, timeMs) => {
          const given = processes.map(laneOf);
          const merged = new MergedLines(given.map(({ lane }) => lane));
          const expected = naive(given);
          const place = expected[entry % Math.max(1, expected.length)];
          if (place === undefined) return;
          let at = entry % expected.length;
          const cursor = merged.at(place);
          for (const isDown of moves) {
            expect(merged.countBefore(cursor)).toBe(at);
            expect(isDown ? cursor.next() : cursor.previous()).toEqual(expected[isDown ? at : at - 1] ?? null);
            at = Math.min(expected.length, Math.max(0, at + (isDown ? 1 : -1)));
          }
          const before = given.flatMap(({ shown }) => shown).filter(({ orderMs }) => orderMs < timeMs).length;
          expect(merged.countBefore(merged.atTime(timeMs))).toBe(before);
        },
      ),
    );
  });

  it('go on behind lines that have gone under a cursor', () => {
    const set = new LineSet();
    for (let line = 0; line < 5; line++) set.add(true);
    const lines = { first: 0, orderOf: (line: number) => line, lineAt: (ms: number) => ms };
    const merged = new MergedLines([{ floor: 0, shown: set, lines }]);
    const cursor = merged.atStart();
    lines.first = 3;
    expect([cursor.next(), cursor.previous(), cursor.previous()]).toEqual([
      { lane: 0, line: 3 },
      { lane: 0, line: 3 },
      null,
    ]);
    expect(merged.at({ lane: 0, line: 1 }).next()).toEqual({ lane: 0, line: 3 });
  });
});

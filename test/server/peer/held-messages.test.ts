import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { type Direction, type HeldFate, HeldMessages } from '../../../src/server/peer/held-messages.ts';
import { heldMessagesMax } from '../../../src/server/peer/limits.ts';

const peers = [2n, 3n];

/** What became of numbered messages, in order. */
class Bench {
  readonly held = new HeldMessages();
  readonly went: number[] = [];
  readonly lost: { readonly message: number; readonly isTold: boolean }[] = [];

  hold(number: number, direction: Direction = 'outgoing', peer = 2n): boolean {
    const [from, to] = direction === 'outgoing' ? [1n, peer] : [peer, 1n];
    return this.held.hold({
      direction,
      message: newMessage(messageType.heartbeat, from, to, { commit: number }),
      proceed: () => this.went.push(number),
      lose: (isTold) => this.lost.push({ message: number, isTold }),
    });
  }
}

describe('held messages', () => {
  it('go on in the order of their link and direction, each once or never, however often they are looked at', () => {
    const fate = fc.constantFrom<HeldFate>('hold', 'proceed', 'lose', 'tell');
    const step = fc.oneof(
      fc.record({
        type: fc.constant('hold' as const),
        direction: fc.constantFrom<Direction>('outgoing', 'incoming'),
        peer: fc.constantFrom(...peers),
      }),
      fc.record({ type: fc.constant('review' as const), fates: fc.infiniteStream(fate) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench();
        const lineOf: string[] = [];
        for (const one of steps) {
          if (one.type === 'hold') {
            bench.hold(lineOf.length, one.direction, one.peer);
            lineOf.push(`${one.direction} ${one.peer}`);
          } else bench.held.review(() => one.fates.next().value ?? 'hold');
        }
        bench.held.review(() => 'proceed');
        const met = [...bench.went, ...bench.lost.map(({ message }) => message)];
        expect(met.sort((a, b) => a - b)).toEqual(lineOf.map((_, number) => number));
        const late = peers.map((peer) => bench.held.counters(peer)).reduce((sum, c) => sum + c.outLate + c.inLate, 0);
        expect(late).toBe(bench.went.length);
      }),
    );
  });

  it('of one line keep their order', () => {
    const bench = new Bench();
    for (let i = 0; i < 10; i++) bench.hold(i);
    bench.held.review(({ message }) => (message.commit % 2 === 0 ? 'hold' : 'proceed'));
    bench.hold(10);
    bench.held.review(() => 'proceed');
    expect(bench.went).toEqual([1, 3, 5, 7, 9, 0, 2, 4, 6, 8, 10]);
  });

  it('are no more than a stream takes, for each direction of each link', () => {
    const bench = new Bench();
    for (let i = 0; i < heldMessagesMax; i++) expect(bench.hold(i)).toBe(true);
    expect([bench.hold(-1), bench.hold(-2, 'incoming'), bench.hold(-3, 'outgoing', 3n)]).toEqual([false, true, true]);
    expect(bench.held.counters(2n)).toEqual({
      outHeld: heldMessagesMax,
      inHeld: 1,
      outLate: 0,
      inLate: 0,
      outOverflowed: 1,
      inOverflowed: 0,
    });
    bench.held.review(() => 'proceed');
    expect([bench.went.length, bench.hold(0)]).toEqual([heldMessagesMax + 2, true]);
  });

  it('are lost with notice or without, and with the peer that is forgotten', () => {
    const bench = new Bench();
    bench.hold(1);
    bench.held.review(() => 'tell');
    bench.hold(2);
    bench.held.review(() => 'lose');
    bench.hold(3, 'incoming');
    bench.held.forget(2n);
    expect(bench.lost).toEqual([
      { message: 1, isTold: true },
      { message: 2, isTold: false },
      { message: 3, isTold: false },
    ]);
    expect([bench.went, bench.held.counters(2n).inHeld]).toEqual([[], 0]);
  });
});

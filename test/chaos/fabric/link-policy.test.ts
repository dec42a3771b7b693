import { describe, expect, it } from 'vitest';
import type { CutMode } from '../../../src/base/admin-protocol.ts';
import type { ConnectionKind } from '../../../src/chaos/fabric/link-policy.ts';
import { connectOrder, orderFor, wholeLink } from '../../../src/chaos/fabric/link-policy.ts';
import type { LinkRule } from '../../../src/chaos/faults/link-backend.ts';

function rule(cut: CutMode | null, rest: Partial<LinkRule> = {}): LinkRule {
  return { ...wholeLink('a', 'b'), ...(cut !== null && { cut: true, mode: cut }), ...rest };
}

/** Which lanes of a connection of a to b are held, or `reset`. */
function effect(kind: ConnectionKind, up: CutMode | null, down: CutMode | null): string {
  const order = orderFor(kind, { up: rule(up), down: rule(down) });
  if (order.type === 'reset') return 'reset';
  const held = (['up', 'down'] as const).filter((direction) => order[direction].hold);
  return held.length === 0 ? 'whole' : held.join('+');
}

describe('the rules of a link', () => {
  it.each<[ConnectionKind, string, string, string]>([
    // On a stream messages come in the response: the dialer's direction is cut elsewhere.
    ['stream', 'whole', 'down', 'up+down'],
    ['post', 'up', 'whole', 'up+down'],
    ['other', 'whole', 'whole', 'up+down'],
    ['unknown', 'whole', 'whole', 'up+down'],
    ['opaque', 'up', 'down', 'up+down'],
  ])('hold on a connection of kind %s: from the dialer %s, to it %s, both %s', (kind, up, down, both) => {
    expect(effect(kind, null, null)).toBe('whole');
    expect(effect(kind, 'hold', null)).toBe(up);
    expect(effect(kind, null, 'hold')).toBe(down);
    expect(effect(kind, 'hold', 'hold')).toBe(both);
  });

  it.each<[ConnectionKind, string, string]>([
    ['stream', 'whole', 'reset'],
    ['post', 'reset', 'whole'],
    ['other', 'whole', 'whole'],
    ['unknown', 'whole', 'whole'],
    ['opaque', 'reset', 'reset'],
  ])('reset a connection of kind %s: from the dialer %s, to it %s', (kind, up, down) => {
    expect(effect(kind, 'reset', null)).toBe(up);
    expect(effect(kind, null, 'reset')).toBe(down);
    expect(effect(kind, 'reset', 'reset')).toBe('reset');
    expect(effect(kind, 'hold', 'reset')).toBe('reset');
  });

  it('delay every byte that goes that way, whatever it is for', () => {
    const late = { delayMs: 50, jitterMs: 20 };
    for (const kind of ['stream', 'post', 'other', 'unknown', 'opaque'] as const) {
      const order = orderFor(kind, { up: rule(null, late), down: rule(null) });
      expect(order).toEqual({
        type: 'carry',
        up: { hold: false, ...late },
        down: { hold: false, delayMs: 0, jitterMs: 0 },
      });
    }
  });

  it('stop new connections only when nothing at all may pass', () => {
    const orders = (['hold', 'reset', null] as const).flatMap((up) =>
      (['hold', 'reset', null] as const).map(
        (down) => `${up} ${down} ${connectOrder({ up: rule(up), down: rule(down) })}`,
      ),
    );
    expect(orders.filter((order) => !order.endsWith('connect'))).toEqual([
      'hold hold wait',
      'hold reset refuse',
      'reset hold refuse',
      'reset reset refuse',
    ]);
  });
});

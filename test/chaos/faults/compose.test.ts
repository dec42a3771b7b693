import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutModes } from '../../../src/base/admin-protocol.ts';
import { composeDisks, composeLinks } from '../../../src/chaos/faults/compose.ts';
import type { LinkRule } from '../../../src/chaos/faults/link-backend.ts';
import type { FaultEffect } from '../../../src/chaos/faults/plan.ts';

const names = ['a', 'b', 'c'];
const whole = { cut: false, mode: 'hold', delayMs: 0, jitterMs: 0, loss: 0 } as const;

const link = fc
  .record({ from: fc.constantFrom(...names), to: fc.constantFrom(...names) })
  .filter(({ from, to }) => from !== to);
const trait = fc.oneof(
  fc.record({ cut: fc.constant(true), mode: fc.constantFrom(...cutModes) }),
  fc.record({ delayMs: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ loss: fc.constantFrom(0.25, 0.5) }),
);
const types = fc.option(fc.subarray(['MsgApp', 'MsgVote'], { minLength: 1 }), { nil: undefined });
const linkFault: fc.Arbitrary<FaultEffect> = fc
  .tuple(fc.uniqueArray(link, { minLength: 1, selector: ({ from, to }) => from + to }), trait, types)
  .map(([links, what, messages]) => ({
    type: 'links',
    rules: links.map(
      (one): LinkRule => ({ ...one, ...whole, ...what, ...(messages !== undefined && { messages }) }) as LinkRule,
    ),
  }));
const diskFault: fc.Arbitrary<FaultEffect> = fc.record({
  type: fc.constant('disk' as const),
  name: fc.constantFrom(...names),
  rule: fc.record({ slowMs: fc.integer({ min: 0, max: 100 }), error: fc.constantFrom(null, 'EIO') }),
});
const faults = fc.array(fc.oneof(linkFault, diskFault), { maxLength: 8 });

/** What one message of a type meets on a link, by the faults one by one. */
function suffered(effects: readonly FaultEffect[], from: string, to: string, type: string) {
  const rules = effects
    .flatMap((effect) => (effect.type === 'links' ? effect.rules : []))
    .filter((rule) => rule.from === from && rule.to === to && (rule.messages?.includes(type) ?? true));
  return together(rules);
}

function together(rules: readonly LinkRule[]) {
  return {
    cut: rules.some(({ cut }) => cut),
    mode: rules.filter(({ cut }) => cut).reduce((worst, { mode }) => Math.max(worst, cutModes.indexOf(mode)), 0),
    delayMs: rules.reduce((sum, { delayMs }) => sum + delayMs, 0),
    passes: rules.reduce((share, { loss }) => share * (1 - loss), 1),
  };
}

describe('faults at the same time', () => {
  it('do to every message on every link what each of them does, and at most one rule of a link is about all types', () => {
    fc.assert(
      fc.property(faults, (effects) => {
        const composed = composeLinks(effects);
        for (const from of names) {
          for (const to of names) {
            const own = composed.filter((rule) => rule.from === from && rule.to === to);
            expect(own.filter(({ messages }) => messages === undefined).length).toBeLessThanOrEqual(1);
            for (const type of ['MsgApp', 'MsgVote', 'MsgHeartbeat']) {
              const met = together(own.filter(({ messages }) => messages?.includes(type) ?? true));
              expect(met).toEqual(suffered(effects, from, to, type));
            }
          }
        }
      }),
    );
  });

  it('leave, healed in any order, what the remaining ones do', () => {
    fc.assert(
      fc.property(faults, fc.infiniteStream(fc.nat()), (effects, choices) => {
        let active = [...effects];
        for (const choice of choices) {
          if (active.length === 0) break;
          active = active.filter((_, at) => at !== choice % active.length);
          const left = effects.filter((effect) => active.includes(effect));
          expect(composeLinks(active)).toEqual(composeLinks(left));
          expect(composeDisks(active)).toEqual(composeDisks(left));
        }
        expect(composeLinks([])).toEqual([]);
        expect(composeDisks([])).toEqual(new Map());
      }),
    );
  });

  it('slow a disk by the sum of them, and fail it if one does', () => {
    fc.assert(
      fc.property(faults, (effects) => {
        const disks = composeDisks(effects);
        for (const name of names) {
          const rules = effects.flatMap((effect) =>
            effect.type === 'disk' && effect.name === name ? [effect.rule] : [],
          );
          const expected = {
            slowMs: rules.reduce((sum, { slowMs }) => sum + slowMs, 0),
            error: rules.find(({ error }) => error !== null)?.error ?? null,
          };
          expect(disks.get(name)).toEqual(rules.length === 0 ? undefined : expected);
        }
      }),
    );
  });
});

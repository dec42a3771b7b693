/** Faults at the same time: what they make of each link and each disk together. Pure. */
import { cutModes } from '../../base/admin-protocol.ts';
import type { LinkRule } from './link-backend.ts';
import type { DiskRule, FaultEffect } from './plan.ts';

/**
 * The rules of all links: a link is cut if any fault says so, in the worst of their modes, delays add up, and a message has to escape every loss. Rules about some types
 * of messages stay by themselves. In an order that depends on nothing but the faults, each in its place.
 */
export function composeLinks(effects: readonly FaultEffect[]): readonly LinkRule[] {
  const merged = new Map<string, LinkRule>();
  for (const effect of effects) {
    if (effect.type !== 'links') continue;
    for (const rule of effect.rules) {
      const key = JSON.stringify([rule.from, rule.to, rule.messages === undefined ? null : [...rule.messages].sort()]);
      const before = merged.get(key);
      merged.set(key, before === undefined ? rule : together(before, rule));
    }
  }
  return [...merged.keys()].sort().flatMap((key) => merged.get(key) ?? []);
}

function together(a: LinkRule, b: LinkRule): LinkRule {
  const cuts = [a, b].filter((rule) => rule.cut);
  return {
    ...a,
    cut: cuts.length > 0,
    mode: cutModes.findLast((mode) => cuts.some((rule) => rule.mode === mode)) ?? 'hold',
    delayMs: a.delayMs + b.delayMs,
    jitterMs: a.jitterMs + b.jitterMs,
    // Exact where only one of them loses any.
    loss: a.loss + b.loss - a.loss * b.loss,
  };
}

/** What is wrong with each disk: delays add up, and the first error is the one. A disk without faults is not among them. */
export function composeDisks(effects: readonly FaultEffect[]): ReadonlyMap<string, DiskRule> {
  const disks = new Map<string, DiskRule>();
  for (const effect of effects) {
    if (effect.type !== 'disk') continue;
    const before = disks.get(effect.name) ?? { slowMs: 0, error: null };
    disks.set(effect.name, {
      slowMs: before.slowMs + effect.rule.slowMs,
      error: before.error ?? effect.rule.error,
    });
  }
  return disks;
}

import { describe, expect, it } from 'vitest';
import { parseFault } from '../../../src/chaos/faults/parse.ts';
import { remoteWords } from '../../../src/cli/syntax.ts';
import type { ActionBinding, Choice } from '../../../src/ui/view-model/actions.ts';
import { allChoices, leaderOf, leadersOf, wishOf } from '../../../src/ui/view-model/actions.ts';
import { calm, facts, leaderCutOff, leaderKilled, member, nothingRuns } from '../observations.ts';

const moments = [calm, leaderKilled, leaderCutOff];
const bindings: readonly ActionBinding[] = [
  'kill',
  'kill-leader',
  'pause',
  'partition',
  'delay',
  'loss',
  'disk',
  'move-leader',
  'heal',
  'heal-all',
  'undo',
  'stop',
  'restart',
];

/** All that keys and the palette can come to. */
function* everything(): Generator<Choice> {
  for (const observation of moments) {
    yield* allChoices(observation);
    for (const process of observation.processes) {
      for (const binding of bindings) {
        const wish = wishOf(binding, process, observation);
        if (wish.type === 'do') yield wish.choice;
        if (wish.type === 'choose') yield* wish.choices;
      }
    }
  }
}

describe('whatever can be done', () => {
  it('is a command line that the command understands', () => {
    for (const { action } of everything()) {
      const [verb, ...rest] = action.words;
      if (verb === 'fault') expect({ words: rest, ...parseFault(rest) }).toMatchObject({ ok: true });
      else {
        expect(verb).toBe('run');
        expect(remoteWords).toContain(rest[0]);
      }
    }
  });

  it('asks first only if it concerns all processes at once', () => {
    const asking = [...everything()].filter((one) => one.question !== null).map((one) => one.action.words.join(' '));
    expect([...new Set(asking)].sort()).toEqual(['run restart-all', 'run stop-all']);
  });

  it('has each command once in the palette', () => {
    for (const observation of moments) {
      const lines = allChoices(observation).map((one) => one.action.words.join(' '));
      expect(lines).toEqual([...new Set(lines)]);
    }
  });

  it('is little where nothing runs', () => {
    expect(allChoices(nothingRuns).map((one) => one.label)).not.toContain('Kill the leader');
  });
});

describe('the leader', () => {
  it('is the one of the highest term, if an old one has not heard yet', () => {
    const old = facts(0, { member: member(0, { role: 'leader', term: 3 }) });
    const fresh = facts(1, { member: member(1, { role: 'leader', term: 4 }) });
    expect(leaderOf({ processes: [old, fresh] })).toBe('etcd2');
    expect(leaderOf({ processes: [fresh, old] })).toBe('etcd2');
  });

  it('is one of each cluster', () => {
    const other = facts(1, { name: 'other', member: member(1, { role: 'leader', term: 9, clusterId: 'c2' }) });
    const first = facts(0, { member: member(0, { role: 'leader' }) });
    expect(leadersOf({ processes: [first, other] })).toEqual(['etcd1', 'other']);
  });

  it('is nobody who is down or paused', () => {
    const gone = facts(0, { state: 'paused', member: member(0, { role: 'leader' }) });
    expect(leaderOf({ processes: [gone, facts(1)] })).toBeNull();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dependencies, DependencyState } from '../../src/supervisor/dependency-order.ts';
import { decideStart, findCycles, withDependencies } from '../../src/supervisor/dependency-order.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const graphs: fc.Arbitrary<Dependencies> = fc
  .array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }), { minLength: 6, maxLength: 6 })
  .map((lists) => new Map(names.map((name, at) => [name, lists[at] ?? []])));

describe('dependencies', () => {
  it('find the circles among them, in the order of waiting', () => {
    const graph = new Map([
      ['web', ['api', 'db']],
      ['api', ['db', 'cache']],
      ['cache', ['api']],
      ['self', ['self']],
    ]);
    expect(findCycles(graph)).toEqual([['api', 'cache'], ['self']]);
    expect(findCycles(new Map([['web', ['db']]]))).toEqual([]);
  });

  it('include what dependencies depend on', () => {
    const graph = new Map([
      ['web', ['api']],
      ['api', ['db']],
      ['other', ['db']],
    ]);
    expect([...withDependencies(graph, ['web'])]).toEqual(['web', 'api', 'db']);
  });

  it('every circle that is found is one', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        for (const cycle of findCycles(graph)) {
          for (const [at, name] of cycle.entries()) {
            expect(graph.get(name)).toContain(cycle[(at + 1) % cycle.length]);
          }
        }
      }),
    );
  });

  it('without a circle start everything, nothing before what it waits for; with one they do not', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const ready: string[] = [];
        const stateOf = (name: string): DependencyState => (ready.includes(name) ? 'ready' : 'coming');
        for (;;) {
          const next = names.find(
            (name) => !ready.includes(name) && decideStart(graph.get(name) ?? [], stateOf).type === 'start',
          );
          if (next === undefined) break;
          for (const other of graph.get(next) ?? []) expect(ready).toContain(other);
          ready.push(next);
        }
        expect(ready.length === names.length).toBe(findCycles(graph).length === 0);
      }),
    );
  });

  it('that ended before they were ready are waited for no longer', () => {
    const states: Readonly<Record<string, DependencyState>> = { db: 'over', api: 'coming' };
    expect(decideStart(['api', 'db'], (name) => states[name] ?? 'ready')).toEqual({ type: 'never', because: ['db'] });
    expect(decideStart(['api'], (name) => states[name] ?? 'ready')).toEqual({ type: 'wait', for: ['api'] });
    expect(decideStart([], () => 'over')).toEqual({ type: 'start' });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Spec } from '../../src/supervisor/plan.ts';
import { planProcesses } from '../../src/supervisor/plan.ts';
import type { ProcessSpec } from '../../src/supervisor/process.ts';
import { keepPorts, planReload } from '../../src/supervisor/reload-plan.ts';
import { defaultRestart } from '../../src/supervisor/restart-policy.ts';

function process(name: string, changes: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name,
    command: `run ${name}`,
    cwd: '/',
    env: { B: '2', A: '1', C: undefined },
    graceMs: 10_000,
    entry: name,
    port: null,
    endpoint: null,
    adminSocket: null,
    greeting: [],
    ready: { type: 'started' },
    dependsOn: [],
    restart: defaultRestart,
    stopSignal: null,
    ...changes,
  };
}

/** The specs of a Procfile with these entries, in order. */
function plan(names: readonly string[]): readonly Spec[] {
  const entries = names.map((name, index) => ({ name, command: 'true', index, line: index + 1 }));
  const planned = planProcesses(entries, { formation: null, only: [], basePort: 5000, setPorts: true });
  return planned.ok ? planned.value : [];
}

describe('a reload', () => {
  it('touches nothing but what has changed', () => {
    const before = [process('same'), process('command'), process('env'), process('grace'), process('gone')];
    const after = [
      process('fresh'),
      process('grace', { graceMs: 1, restart: { ...defaultRestart, when: 'always' } }),
      process('env', { env: { A: '1', B: '3' } }),
      process('command', { command: 'other' }),
      process('same', { env: { A: '1', B: '2' }, greeting: ['Starting same'] }),
    ];
    expect(planReload(before, after)).toEqual({
      start: ['fresh'],
      stop: ['gone'],
      restart: ['env', 'command'],
      adjust: ['grace'],
      keep: ['same'],
    });
  });

  it('puts every process in one place, and does nothing the second time', () => {
    const specs = fc.uniqueArray(
      fc.record({ name: fc.constantFrom(...'abcdef'), command: fc.constantFrom('x', 'y') }),
      {
        selector: (one) => one.name,
      },
    );
    fc.assert(
      fc.property(specs, specs, (one, other) => {
        const [before, after] = [one, other].map((list) => list.map(({ name, command }) => process(name, { command })));
        const { start, stop, restart, adjust, keep } = planReload(before ?? [], after ?? []);
        expect([...start, ...restart, ...adjust, ...keep].sort()).toEqual(other.map(({ name }) => name).sort());
        expect([...stop, ...restart, ...adjust, ...keep].sort()).toEqual(one.map(({ name }) => name).sort());
        const again = planReload(after ?? [], after ?? []);
        expect(again.keep.length).toBe(other.length);
      }),
    );
  });

  it('leaves the ports of what runs alone, and gives new entries others', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 });
    fc.assert(
      fc.property(names, names, (before, after) => {
        const running = plan(before);
        const kept = keepPorts(running, plan(after));
        for (const spec of kept) {
          const old = running.find((one) => one.name === spec.name);
          if (old !== undefined) expect(spec.port).toBe(old.port);
          expect(spec.env['PORT']).toBe(String(spec.port));
        }
        expect(new Set(kept.map((spec) => spec.port)).size).toBe(kept.length);
      }),
    );
    expect(keepPorts(plan(['web', 'db']), plan(['new', 'web', 'db'])).map((spec) => spec.port)).toEqual([
      5200, 5000, 5100,
    ]);
    expect(keepPorts([], plan(['web'])).map((spec) => spec.port)).toEqual([5000]);
  });
});

/** What real etcds logged while they were killed, paused, cut off and told to hand over, told as events. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../../src/base/member-endpoint.ts';
import { err } from '../../../src/base/result.ts';
import type { RunEvent } from '../../../src/supervisor/observe/model.ts';
import { Observer } from '../../../src/supervisor/observe/observer.ts';
import type { ProcessSpec } from '../../../src/supervisor/process.ts';
import { defaultRestart } from '../../../src/supervisor/restart-policy.ts';

interface Step {
  readonly kind: 'started' | 'ended' | 'line';
  readonly name: string;
  readonly text: string;
}

function recorded(file: string): Step[] {
  const text = readFileSync(join(import.meta.dirname, '../../testdata/observe', file), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line): Step => {
    const [head = '', ...rest] = line.split(' ');
    const said = rest.join(' ');
    if (head === '+') return { kind: 'started', name: said, text: '' };
    return head === '-' ? { kind: 'ended', name: said, text: '' } : { kind: 'line', name: head, text: said };
  });
}

function specOf(name: string): ProcessSpec {
  return {
    ...{
      name,
      entry: name,
      command: 'etcd',
      cwd: '/',
      env: {},
      graceMs: 0,
      port: null,
      endpoint: plainEndpoint('http://x'),
      greeting: [],
    },
    ...{ adminSocket: null, ready: { type: 'started' }, dependsOn: [], restart: defaultRestart, stopSignal: null },
  };
}

function replay(steps: readonly Step[]): readonly RunEvent[] {
  const probe = {
    status: async () => err(''),
    health: async () => err(''),
    page: async () => err(''),
    close: () => {},
  };
  const observer = new Observer({ colourIndexOf: () => 0, openProbe: async () => probe });
  for (const { kind, name, text } of steps) {
    if (kind === 'started') observer.started(specOf(name), 1);
    else if (kind === 'ended') observer.exited(specOf(name), { code: null, signal: 'SIGKILL' });
    else observer.tap(name)(Buffer.from(`${text}\n`));
  }
  const { events } = observer.observation();
  observer.close();
  return events;
}

function told(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => {
    if (event.type === 'leader-changed') return [`${event.from ?? '-'} → ${event.to} in ${event.term}`];
    if (event.type === 'leader-lost') return [`${event.from} lost in ${event.term}`];
    return event.type === 'election' ? [`${event.member} wants ${event.term}`] : [];
  });
}

const recordings = [
  {
    file: 'etcd-3.6.5.txt',
    leaders: { 2: 'etcd1', 3: 'etcd3', 4: 'etcd2', 5: 'etcd1' },
    events: [
      ...['etcd1 wants 2', '- → etcd1 in 2'],
      ...['etcd3 wants 3', 'etcd1 lost in 2', 'etcd1 → etcd3 in 3'],
      ...['etcd2 wants 4', 'etcd3 lost in 3', 'etcd3 → etcd2 in 4'],
      ...['etcd1 wants 5', 'etcd2 lost in 4', 'etcd2 → etcd1 in 5'],
    ],
  },
  {
    file: 'etcd-3.4.23.txt',
    leaders: { 2: 'etcd1', 3: 'etcd3', 4: 'etcd1' },
    events: [
      ...['etcd1 wants 2', '- → etcd1 in 2'],
      ...['etcd1 lost in 2', 'etcd3 wants 3', 'etcd1 → etcd3 in 3'],
      ...['etcd3 lost in 3', 'etcd1 wants 4', 'etcd3 → etcd1 in 4'],
    ],
  },
] as const;

describe.each(recordings)('the recorded log of $file', ({ file, leaders, events }) => {
  const steps = recorded(file);

  it('is told as it was', () => {
    expect(told(replay(steps))).toEqual(events);
  });

  it('is told without going back, however late the lines of a member come', () => {
    const names = [...new Set(steps.map((step) => step.name))];
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (choices) => {
        const queues = names.map((name) => steps.filter((step) => step.name === name));
        // Who they are is known by their names; before that, events could only tell ids.
        const mixed = queues.flatMap((queue) => queue.splice(0, 2));
        for (const choice of choices) {
          const left = queues.filter((queue) => queue.length > 0);
          const next = left[choice % left.length]?.shift();
          if (next === undefined) break;
          mixed.push(next);
        }
        const changes = replay(mixed).flatMap((event) => (event.type === 'leader-changed' ? [event] : []));
        const truth = new Map(Object.entries(leaders).map(([term, leader]) => [Number(term), leader]));
        let [term, from]: [number, string | null] = [0, null];
        for (const change of changes) {
          expect([change.from, truth.get(change.term)]).toEqual([from, change.to]);
          expect(change.term).toBeGreaterThanOrEqual(term);
          [term, from] = [change.term, change.to];
        }
        expect(term).toBe(Math.max(...truth.keys()));
      }),
      { numRuns: 100 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { runEventRecord } from '../../../src/supervisor/ndjson-format.ts';
import { durationText, eventText } from '../../../src/supervisor/observe/event-text.ts';
import { leaderPeriods } from '../../../src/supervisor/observe/leader-periods.ts';
import { linksOf } from '../../../src/supervisor/observe/links.ts';
import type { FaultFacts, RunEvent } from '../../../src/supervisor/observe/model.ts';
import { sameFields, sharing } from '../../../src/supervisor/observe/sharing.ts';

const fault: FaultFacts = {
  id: 'f1',
  command: 'partition --isolate etcd1',
  text: 'etcd1 is cut off from etcd2',
  targets: ['etcd1'],
  links: [{ from: 'etcd1', to: 'etcd2' }],
  injectedMs: 5,
  bitMs: null,
};
const changed = (atMs: number, from: string | null, to: string, term: number, downtimeMs: number | null): RunEvent => ({
  type: 'leader-changed',
  atMs,
  cluster: 'c1',
  from,
  to,
  term,
  downtimeMs,
});

describe('eventText', () => {
  it('says every event in a sentence', () => {
    const events: RunEvent[] = [
      changed(0, null, 'etcd1', 2, null),
      changed(0, 'etcd1', 'etcd2', 3, 1_369),
      changed(0, 'etcd1', 'etcd2', 3, 0),
      changed(0, 'etcd1', 'etcd1', 4, 12.4),
      { type: 'leader-lost', atMs: 0, cluster: 'c1', from: 'etcd1', term: 2 },
      { type: 'election', atMs: 0, cluster: 'c1', member: 'etcd2', term: 3 },
      { type: 'fault-injected', atMs: 0, fault },
      { type: 'fault-effective', atMs: 0, id: 'f1', afterMs: 20 },
      { type: 'fault-healed', atMs: 0, id: 'f1', command: fault.command },
      { type: 'member-started', atMs: 0, name: 'etcd1', pid: 7 },
      { type: 'member-exited', atMs: 0, name: 'etcd1', code: 1, signal: null },
      { type: 'member-exited', atMs: 0, name: 'etcd1', code: null, signal: 'SIGKILL' },
    ];
    expect(events.map(eventText)).toEqual([
      'etcd1 leads in term 2',
      'etcd2 leads in term 3 in place of etcd1, after 1.37 s without a leader',
      'etcd2 leads in term 3 in place of etcd1, at once',
      'etcd1 leads again in term 4, after 12 ms without a leader',
      'etcd1 does not lead any more (term 2)',
      'etcd2 wants to lead in term 3',
      'fault f1: etcd1 is cut off from etcd2',
      'fault f1 shows after 20 ms',
      'fault f1 is healed',
      'etcd1 started as process 7',
      'etcd1 exited with code 1',
      'etcd1 was terminated by SIGKILL',
    ]);
    expect([999, 1_000, 75_400].map(durationText)).toEqual(['999 ms', '1 s', '75 s']);
  });
});

describe('runEventRecord', () => {
  it('is one line with the fields that the document names', () => {
    const line = runEventRecord(changed(1_000, 'etcd1', 'etcd2', 3, 40), 12.3456).toString();
    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toEqual({
      time: '1970-01-01T00:00:01.000Z',
      monotonicMs: 12.346,
      event: 'leader-changed',
      cluster: 'c1',
      from: 'etcd1',
      to: 'etcd2',
      term: 3,
      downtimeMs: 40,
      text: 'etcd2 leads in term 3 in place of etcd1, after 40 ms without a leader',
    });
    expect(JSON.parse(runEventRecord(changed(0, null, 'etcd1', 2, null), null).toString())).not.toHaveProperty(
      'monotonicMs',
    );
  });
});

describe('leaderPeriods', () => {
  it('tells who led from when to when, for each cluster', () => {
    const other: RunEvent = { ...changed(15, null, 'x', 9, null), cluster: 'c2' } as RunEvent;
    const periods = leaderPeriods([
      changed(10, null, 'a', 2, null),
      other,
      { type: 'leader-lost', atMs: 20, cluster: 'c1', from: 'a', term: 2 },
      changed(30, 'a', 'b', 3, 10),
      changed(40, 'b', 'c', 4, 0),
    ]);
    expect(periods.map(({ leader, fromMs, toMs, downtimeMs }) => [leader, fromMs, toMs, downtimeMs])).toEqual([
      ['a', 10, 20, null],
      ['x', 15, null, null],
      ['b', 30, 40, 10],
      ['c', 40, null, 0],
    ]);
  });
});

describe('linksOf', () => {
  it('has both directions between members of one cluster, with the faults upon them', () => {
    const end = (name: string, memberId: string | null, clusterId: string | null) => ({
      name,
      memberId,
      clusterId,
      links: new Map(),
    });
    const one = { ...end('etcd1', '1', 'c1'), links: new Map([['2', { up: true, rttMs: 0.5 }]]) };
    expect(linksOf([one, end('etcd2', '2', 'c1'), end('etcd3', '3', 'c2'), end('etcd4', null, null)], [fault])).toEqual(
      [
        { from: 'etcd1', to: 'etcd2', up: true, rttMs: 0.5, faults: ['f1'] },
        { from: 'etcd2', to: 'etcd1', up: null, rttMs: null, faults: [] },
      ],
    );
  });
});

describe('sharing', () => {
  it('keeps the same list for the same elements', () => {
    const [a, b] = [{ x: 1 }, { x: 1 }];
    const list = [a];
    expect(sharing(list, [a])).toBe(list);
    expect(sharing(list, [b])).not.toBe(list);
    expect(sameFields(a, b)).toBe(true);
    expect(sameFields<{ x: number }>(a, { x: 2 })).toBe(false);
  });
});

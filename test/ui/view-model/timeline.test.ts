import { describe, expect, it } from 'vitest';
import { lanesOf, namesIn } from '../../../src/ui/view-model/leadership.ts';
import type { Line } from '../../../src/ui/view-model/line.ts';
import { defaultZoom, eventSpans, timelineView, windowOf, zoomLevels } from '../../../src/ui/view-model/timeline.ts';
import { calm, healed, leaderCutOff, leaderKilled, startMs } from '../observations.ts';

const live = { zoom: defaultZoom, endMs: null };
const text = (line: Line) => line.map((one) => one.text).join('');
const view = (
  observation: typeof calm,
  window: { zoom: number; endMs: number | null },
  width: number,
  height: number,
) => timelineView(observation, window, { width, height }, 0).lines.map(text);

describe('lanes', () => {
  it('say who led from when to when', () => {
    const lanes = lanesOf(healed.events, namesIn(healed));
    expect(lanes.get('etcd1')?.leads).toEqual([{ fromMs: startMs + 850, toMs: startMs + 45_004 }]);
    expect(lanes.get('etcd2')?.leads).toEqual([{ fromMs: startMs + 45_062, toMs: startMs + 71_100 }]);
    expect(lanes.get('etcd3')?.leads).toEqual([{ fromMs: startMs + 71_230, toMs: Number.POSITIVE_INFINITY }]);
  });

  it('say who was down, and who was under a fault', () => {
    const lanes = lanesOf(healed.events, namesIn(healed));
    expect(lanes.get('etcd1')?.down).toEqual([{ fromMs: startMs + 45_004, toMs: startMs + 60_000 }]);
    expect(lanes.get('etcd2')?.faulted).toEqual([{ fromMs: startMs + 70_000, toMs: startMs + 85_000 }]);
  });

  it('show a fault upon the links of a member in its own lane alone', () => {
    const fault = leaderCutOff.faults[0];
    if (fault === undefined) throw new Error('the fault is missing');
    const all = { ...fault, targets: ['etcd1', 'etcd2', 'etcd3'] };
    const lanes = lanesOf([{ type: 'fault-injected', atMs: 5, fault: all }], namesIn(calm));
    expect([...lanes.keys()]).toEqual(['etcd2']);
  });

  it('join events that know a member by its id alone', () => {
    const [id = ''] = calm.processes.map((one) => one.member?.memberId ?? '');
    const events = [
      { type: 'leader-changed', atMs: 5, cluster: 'c', from: null, to: id, term: 2, downtimeMs: null },
    ] as const;
    expect(lanesOf(events, namesIn(calm)).get('etcd1')?.leads).toHaveLength(1);
  });
});

describe('the timeline', () => {
  it('has a lane for each member, marks, an axis, and what happened last', () => {
    const lines = view(leaderKilled, live, 70, 7);
    expect(lines[0]).toMatch(/^etcd1 +─*█+▓?×+$/);
    expect(lines[1]).toMatch(/^etcd2 +─+█+$/);
    expect(lines[3]?.trim()).toMatch(/★.*!/);
    expect(lines[4]).toMatch(/└11:59:55 .*now┘/);
    expect(lines[5]).toBe('12:00:45.062 ★ etcd2 leads in term 3, 58ms after etcd1');
  });

  it('has one lane for all where there is no room', () => {
    const lines = view(leaderCutOff, live, 60, 2);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^leads +1+2+3+$/);
    expect(lines[1]).toBe('12:01:11.230 ★ etcd3 leads in term 4, 1.2s after etcd2');
  });

  it('shows a leadership of a moment, however much of the run is on the screen', () => {
    const lines = view(healed, { zoom: zoomLevels.length - 1, endMs: null }, 30, 6);
    expect(lines[0]).toContain('█');
    expect(lines[1]).toMatch(/[█▓]/);
    expect(lines[2]).toContain('█');
  });

  it('scrolls back over the whole run, and not beyond it', () => {
    expect(windowOf({ zoom: 0, endMs: startMs }, healed)).toEqual({ fromMs: startMs, toMs: startMs + 10_000 });
    expect(windowOf({ zoom: 0, endMs: startMs + 1e9 }, healed).toMs).toBe(healed.atMs);
    expect(windowOf({ zoom: zoomLevels.length - 1, endMs: null }, healed)).toEqual({
      fromMs: startMs,
      toMs: healed.atMs,
    });
  });

  it('in the past tells what had happened until then', () => {
    const lines = view(healed, { zoom: 0, endMs: startMs + 46_000 }, 70, 8);
    expect(lines[5]).toMatch(/^12:00:45.062 ★ etcd2 leads/);
    expect(lines[4]).toMatch(/└12:00:36 .*12:00:46┘/);
  });

  it('where there is little room tells what changed, not how it came about', () => {
    expect(view(leaderCutOff, live, 80, 7).slice(5)).toEqual([
      '12:01:11.230 ★ etcd3 leads in term 4, 1.2s after etcd2',
      '12:01:10.000 ! f2 etcd2 is cut off from etcd1, etcd3',
    ]);
    expect(view(leaderCutOff, live, 80, 9).slice(5)).toEqual([
      '12:01:11.230 ★ etcd3 leads in term 4, 1.2s after etcd2',
      '12:01:11.180 ▲ etcd3 campaigns in term 4',
      '12:01:11.100 ∘ etcd2 leads no more (term 3)',
      '12:01:10.009 · f2 bites after 9.0ms',
    ]);
  });

  it('says that nobody leads, however little room there is', () => {
    const { events } = leaderKilled;
    const lost = events.findIndex((event) => event.type === 'leader-lost');
    const lines = view({ ...leaderKilled, events: events.slice(0, lost + 1) }, live, 80, 2);
    expect(lines[1]).toContain('∘ etcd1 leads no more (term 2)');
  });

  it.each([1, 2, 3, 4, 5, 6, 12, 40])('takes %i rows at most', (height) => {
    expect(view(healed, live, 80, height).length).toBeLessThanOrEqual(height);
  });
});

it('tells each kind of event as a sentence', () => {
  const sentences = healed.events.map((event) => text(eventSpans(event, (name) => name)));
  expect(sentences).toEqual([
    '↑ etcd1 started as process 4100',
    '↑ etcd2 started as process 4101',
    '↑ etcd3 started as process 4102',
    '▲ etcd1 campaigns in term 2',
    '★ etcd1 leads in term 2',
    '! f1 etcd1 is killed',
    '× etcd1 terminated by SIGKILL',
    '∘ etcd1 leads no more (term 2)',
    '+ f1 healed: kill etcd1',
    '▲ etcd2 campaigns in term 3',
    '★ etcd2 leads in term 3, 58ms after etcd1',
    '↑ etcd1 started as process 4200',
    '! f2 etcd2 is cut off from etcd1, etcd3',
    '· f2 bites after 9.0ms',
    '∘ etcd2 leads no more (term 3)',
    '▲ etcd3 campaigns in term 4',
    '★ etcd3 leads in term 4, 1.2s after etcd2',
    '+ f2 healed: partition --isolate etcd2',
  ]);
});

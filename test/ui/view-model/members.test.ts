import { describe, expect, it } from 'vitest';
import type { ProcessFacts } from '../../../src/supervisor/observe/model.ts';
import {
  ageText,
  bytesText,
  clockMsText,
  clockText,
  countText,
  durationText,
  latencyText,
  sparkline,
} from '../../../src/ui/view-model/format.ts';
import { fuzzyFilter, fuzzyScore } from '../../../src/ui/view-model/fuzzy.ts';
import type { Line } from '../../../src/ui/view-model/line.ts';
import { clip, lineWidth } from '../../../src/ui/view-model/line.ts';
import { linksView } from '../../../src/ui/view-model/links.ts';
import { membersView } from '../../../src/ui/view-model/members.ts';
import { reachOf, roleView } from '../../../src/ui/view-model/roles.ts';
import { calm, facts, leaderCutOff, leaderKilled, links, member } from '../observations.ts';

const text = (line: Line | null) => line?.map((one) => one.text).join('') ?? '';

describe('the table of members', () => {
  it('drops the least important columns first as it gets narrower', () => {
    const titles = (width: number) =>
      text(membersView(calm, 'etcd1', width, 9).header)
        .trim()
        .split(/\s+/);
    expect(titles(200)).toEqual(
      'NAME ROLE TERM INDEX APPLIED LAG COMMIT/S DB/IN USE SYNC99 HEALTH CPU RSS UP STARTS PID ENDPOINT VERSION'.split(
        ' ',
      ),
    );
    expect(titles(60)).toEqual(['NAME', 'ROLE', 'TERM', 'INDEX', 'LAG', 'COMMIT/S']);
    expect(titles(26)).toEqual(['NAME', 'ROLE', 'TERM']);
  });

  it.each([10, 20, 40, 60, 80, 120, 200])('at %i columns is no wider', (width) => {
    const { header, rows } = membersView(leaderCutOff, 'etcd2', width, 9);
    for (const row of [header ?? [], ...rows]) expect(lineWidth(row)).toBeLessThanOrEqual(width);
  });

  it('keeps its columns where they are as time goes by and figures grow', () => {
    const header = (changes: Partial<ProcessFacts>) => {
      const processes = calm.processes.map((one) => ({ ...one, ...changes }));
      return text(membersView({ ...calm, processes }, null, 200, 9).header);
    };
    const young = header({ startedMs: calm.atMs - 3_000, cpu: 0.01, rssBytes: 2 ** 20, pid: 7 });
    expect(header({ startedMs: calm.atMs - 86_000_000, cpu: 1.2, rssBytes: 2 ** 29, pid: 4_194_304 })).toBe(young);
  });

  it('shows the selected process whatever the height', () => {
    const many = { ...calm, processes: Array.from({ length: 50 }, (_, index) => facts(3, { name: `web.${index}` })) };
    const view = membersView(many, 'web.40', 80, 5);
    expect(view.rows).toHaveLength(4);
    expect(view.rows.map(text).join()).toContain('▸ web.40');
    expect(membersView(many, 'web.40', 80, 1).rows.map(text).join()).toContain('▸ web.40');
  });

  it('shows plain columns where nothing is an etcd', () => {
    const plain = { ...calm, processes: [facts(3)] };
    expect(
      text(membersView(plain, 'web', 200, 5).header)
        .trim()
        .split(/\s+/),
    ).toEqual('NAME ROLE CPU RSS UP STARTS PID ENDPOINT'.split(' '));
  });

  it('lets no control character of a name through', () => {
    const evil = { ...calm, processes: [facts(3, { name: 'a\x1b[2Jb' })] };
    expect(text(membersView(evil, null, 80, 5).rows[0] ?? [])).toContain('a·[2Jb');
  });
});

describe('a role', () => {
  const role = (changes: Partial<ProcessFacts>) => {
    const { badge, text } = roleView(facts(0, changes), 'whole');
    return `${badge} ${text}`;
  };
  it.each<[Partial<ProcessFacts>, string]>([
    [{ member: member(0, { role: 'leader' }) }, '★ leader'],
    [{ member: member(0, { role: 'follower' }) }, '● follower'],
    [{ member: member(0, { role: 'follower', leader: '0' }) }, '∘ no leader'],
    [{ member: member(0, { role: 'candidate' }) }, '▲ candidate'],
    [{ member: member(0, { role: 'pre-candidate' }) }, '△ pre-candidate'],
    [{ member: member(0, { role: 'learner' }) }, '◇ learner'],
    [{ member: member(0, { role: null }) }, '… starting'],
    [{ state: 'paused' }, '‖ paused'],
    [{ state: 'waiting' }, '… waiting'],
    [{ state: 'stopping' }, '▪ stopping'],
    [{ state: 'stopped', ended: null }, '○ not started'],
    [{ state: 'stopped', ended: 'exited with code 0' }, '○ down, exit 0'],
    [{ state: 'stopped', ended: 'exited with code 3' }, '✗ down, exit 3'],
    [{ state: 'stopped', ended: 'terminated by SIGKILL' }, '✗ down, SIGKILL'],
    [{ member: null, ready: false }, '● running, not ready'],
  ])('%#: %s', (changes, expected) => {
    expect(role(changes)).toBe(expected);
  });

  it.each<[Partial<ProcessFacts['member']>, string]>([
    [{ role: 'leader' }, '≠ cut off, leader'],
    [{ role: 'follower', leader: '0' }, '≠ cut off, no leader'],
    [{ role: 'pre-candidate' }, '≠ cut off, no leader'],
    [{ role: 'candidate' }, '≠ cut off, no leader'],
  ])('of who is cut off does not change with each try to lead: %j', (changes, expected) => {
    const { badge, text } = roleView(facts(0, { member: member(0, changes ?? {}) }), 'cut-off');
    expect(`${badge} ${text}`).toBe(expected);
  });

  it('says who is cut off, by the faults upon links', () => {
    expect(['etcd1', 'etcd2', 'etcd3'].map((name) => reachOf(name, leaderCutOff))).toEqual([
      'partly',
      'cut-off',
      'partly',
    ]);
    expect(reachOf('etcd1', calm)).toBe('whole');
    expect(reachOf('etcd1', leaderKilled)).toBe('whole');
  });
});

describe('links', () => {
  const size = { width: 80, height: 10 };
  it('show the round trip, and what is down', () => {
    const lines = linksView(leaderKilled, size).lines.map(text);
    expect(lines[1]).toMatch(/^etcd1 +· +✗ down +✗ down/);
    expect(lines[2]).toMatch(/^etcd2 +✗ down +· +● 1\.6ms/);
  });

  it('show the fault upon each direction, and when it bit', () => {
    const lines = linksView(leaderCutOff, size).lines.map(text);
    expect(lines[1]).toMatch(/≠ cut ≠f2/);
    expect(lines[4]).toBe('f2 etcd2 is cut off from etcd1, etcd3  10s, bit after 9.0ms');
  });

  it('say all of a fault in two rows where one is too narrow for it', () => {
    const lines = linksView(leaderCutOff, { width: 50, height: 7 }).lines.map(text);
    expect(lines.slice(4)).toEqual(['f2 etcd2 is cut off from etcd1, etcd3', '   10s, bit after 9.0ms']);
    expect(linksView(leaderCutOff, { width: 50, height: 5 }).lines).toHaveLength(5);
  });

  it('tell a delay and a loss from a cut', () => {
    const fault = leaderCutOff.faults[0];
    if (fault === undefined) throw new Error('the fault is missing');
    const faults = [
      { ...fault, id: 'f5', command: 'delay 100ms --member etcd1' },
      { ...fault, id: 'f6', command: 'loss 5% --member etcd1' },
    ];
    const one = links((from, to) => (from === 'etcd1' && to === 'etcd2' ? { faults: ['f5', 'f6'] } : {}));
    const lines = linksView({ ...calm, links: one, faults }, size).lines.map(text);
    expect(lines[1]).toMatch(/● 0\.5ms ~f5 %f6/);
    expect(lines[2]).not.toMatch(/f5/);
  });

  it('fit five members into 60 columns', () => {
    const five = {
      ...calm,
      processes: [0, 1, 2, 3, 4].map((index) => facts(0, { name: `member-${index}` })),
      links: [],
    };
    for (const line of linksView(five, { width: 60, height: 9 }).lines) expect(lineWidth(line)).toBeLessThanOrEqual(60);
  });
});

describe('numbers', () => {
  it('are short', () => {
    expect([0, 999, 1_024, 25_300_000, 3 * 2 ** 30].map(bytesText)).toEqual(['0B', '999B', '1.0K', '24M', '3.0G']);
    expect([0.04, 9.96, 58, 1_230].map(latencyText)).toEqual(['0.0ms', '10ms', '58ms', '1.2s']);
    expect([0, 61_000, 3_725_000, 180_000_000].map(durationText)).toEqual(['0s', '1m01s', '1h02m', '2d02h']);
    expect([59_000, 599_000, 754_000, 3_725_000, 50_000_000, 1e9].map(ageText)).toEqual([
      '59s',
      '9m59s',
      '12m',
      '1h02m',
      '13h',
      '11d',
    ]);
    expect([7, 9_999, 12_345, 4_500_000].map(countText)).toEqual(['7', '9999', '12k', '4.5M']);
  });

  it('say the time of day where the user is', () => {
    const ms = Date.UTC(2026, 10, 22, 23, 30, 5) + 78;
    expect(clockText(ms, 0)).toBe('23:30:05');
    expect(clockText(ms, 60)).toBe('00:30:05');
    expect(clockText(ms, -90)).toBe('22:00:05');
    expect(clockMsText(ms, 0)).toBe('23:30:05.078');
  });

  it('make a sparkline whose highest bar is the largest sample', () => {
    expect(sparkline([0, 10, 20, 40], 6)).toBe('  ▁▃▅█');
    expect(sparkline([0, 1, 0], 3)).toBe('▁▂▁');
    expect(sparkline([0, 0, 0], 2)).toBe('▁▁');
  });
});

describe('text', () => {
  it('is cut with an ellipsis within the columns', () => {
    expect(clip('abcdef', 4)).toBe('abc…');
    expect(clip('漢字漢字', 5)).toBe('漢字…');
    expect(clip('abc', 3)).toBe('abc');
    expect(clip('abc', 0)).toBe('');
  });

  it('is found by some of its letters, the best first', () => {
    expect(fuzzyScore('xyz', 'kill etcd1')).toBeNull();
    expect(fuzzyFilter('ke1', ['kill web', 'kill etcd1', 'keep'], (one) => one)).toEqual(['kill etcd1']);
    expect(fuzzyFilter('heal', ['the all', 'heal f1', 'h e a l'], (one) => one)[0]).toBe('heal f1');
    expect(fuzzyFilter('', ['b', 'a'], (one) => one)).toEqual(['b', 'a']);
  });
});

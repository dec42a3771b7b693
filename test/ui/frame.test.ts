/** Whole frames as text, compared with the files in test/testdata/ui; `UPDATE_GOLDEN=1` writes them anew. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Observation } from '../../src/supervisor/observe/model.ts';
import { Frame } from '../../src/ui/frame.tsx';
import type { Pane } from '../../src/ui/pane.ts';
import { plainText, visibleWidth } from '../../src/ui/terminal/ansi.ts';
import { themeNames } from '../../src/ui/theme.ts';
import type { UiState } from '../../src/ui/view-model/ui-state.ts';
import { initialState } from '../../src/ui/view-model/ui-state.ts';
import { keymap } from './keymap.ts';
import { calm, healed, leaderCutOff, leaderKilled, nothingRuns } from './observations.ts';

const said = [
  '12:00:00 etcd1 | ready to serve client requests',
  '12:00:00 etcd2 | ready to serve client requests',
  '12:00:00 etcd3 | ready to serve client requests',
  '12:00:31   web | GET /health 200',
];

/** Stands in for the log pane: shows the same lines at the bottom of any rectangle. */
const pane: Pane = {
  typing: false,
  rows: (width, height, theme) => {
    const shown = said.slice(-height).map((line) => theme.paint('dim', line.slice(0, width)));
    return [...new Array<string>(Math.max(0, height - shown.length)).fill(''), ...shown];
  },
  status: (_, theme) => theme.paint('good', 'all · following'),
  key: () => false,
  mouse: () => false,
  paste: () => false,
  tick: () => false,
  close: () => {},
};

const frame = new Frame({ keymap, pane, offsetMinutes: 0 });
afterAll(() => frame.close());

function draw(observation: Observation, size: string, changes: Partial<UiState> = {}): readonly string[] {
  const [width = 0, height = 0] = size.split('x').map(Number);
  const state = { ...initialState('dark'), selected: 'etcd1', ...changes };
  return frame.draw({ title: 'examples/Procfile', observation, state, size: { width, height } }).rows;
}

const update = (process.env['UPDATE_GOLDEN'] ?? '') !== '';

function expectGolden(name: string, rows: readonly string[]): void {
  const file = fileURLToPath(new URL(`../testdata/ui/${name}.txt`, import.meta.url));
  const text = `${rows.map((row) => plainText(row).trimEnd()).join('\n')}\n`;
  if (update || !existsSync(file)) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

const sizes = ['80x24', '60x15', '200x60'];
const moments: readonly (readonly [string, Observation])[] = [
  ['calm', calm],
  ['leader-killed', leaderKilled],
  ['leader-cut-off', leaderCutOff],
  ['healed', healed],
];

describe.each(sizes)('at %s', (size) => {
  it.each(moments)('the overview: %s', (name, observation) => {
    expectGolden(`overview-${name}-${size}`, draw(observation, size));
  });
});

describe('at 80x24', () => {
  it('the view of leadership', () => {
    expectGolden('leadership-80x24', draw(healed, '80x24', { view: 'leadership', focus: 'timeline' }));
  });

  it('the view of links', () => {
    expectGolden('links-80x24', draw(leaderCutOff, '80x24', { view: 'links', focus: 'links' }));
  });

  it('a menu, with the commands that it stands for', () => {
    const action = { words: ['fault', 'partition', '--isolate', 'etcd1'] };
    const choices = [
      { label: 'Isolate etcd1', action, question: null },
      { label: 'Heal all faults', action: { words: ['fault', 'heal', '--all'] }, question: null },
    ];
    const dialog = { type: 'menu', title: 'Partition', choices, index: 1 } as const;
    expectGolden('menu-80x24', draw(calm, '80x24', { dialog }));
  });

  it('the palette', () => {
    expectGolden('palette-80x24', draw(calm, '80x24', { dialog: { type: 'palette', query: 'isol', index: 1 } }));
  });

  it('help', () => {
    expectGolden('help-80x24', draw(calm, '80x24', { dialog: { type: 'help', scroll: 3 } }));
  });

  it('a question', () => {
    const action = { words: ['run', 'restart-all'] };
    const choice = { label: 'Restart all', action, question: 'Restart all 4 processes at once?' };
    expectGolden('question-80x24', draw(calm, '80x24', { dialog: { type: 'confirm', choice } }));
  });

  it('what was done, and the command to copy', () => {
    const lastAction = { words: ['fault', 'kill', 'leader'] };
    const notice = { level: 'done', text: 'etcd1 is killed' } as const;
    expectGolden('notice-80x24', draw(leaderKilled, '80x24', { lastAction, notice }));
  });
});

it.each(['1x1', '10x5', '20x8', '37x11', '61x16', '133x20', '300x100'])(
  'at %s no row is too wide, and none too many',
  (size) => {
    const [width = 0, height = 0] = size.split('x').map(Number);
    for (const [, observation] of [...moments, ['nothing', nothingRuns] as const]) {
      const rows = draw(observation, size, { dialog: { type: 'palette', query: '', index: 0 } });
      expect(rows).toHaveLength(height);
      for (const row of rows) expect(visibleWidth(row)).toBeLessThanOrEqual(width);
    }
  },
);

it('says the same in every theme, and without colours in mono', () => {
  const [first, ...others] = themeNames.map((theme) =>
    draw(leaderCutOff, '100x30', { theme }).map((row) => plainText(row).trimEnd()),
  );
  for (const other of others) expect(other).toEqual(first);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
  const colour = /\x1b\[[\d;]*(?:3[0-7]|38|48)[;m]/;
  for (const row of draw(leaderCutOff, '100x30', { theme: 'mono' })) expect(row).not.toMatch(colour);
});

it('shows all processes of a plain Procfile', () => {
  const web = calm.processes.slice(3);
  expectGolden('plain-80x24', draw({ ...calm, processes: web, links: [], events: [] }, '80x24', { selected: 'web' }));
});

/** Whole frames of the pane, over logs of a real three-member etcd 3.6.5 that lost its leader, and of a program that tries to spoil the screen. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { historyFile } from '../../../src/supervisor/history-files.ts';
import { LogPane } from '../../../src/ui/logs/log-pane.ts';
import { plainText, visibleWidth } from '../../../src/ui/terminal/ansi.ts';
import type { Theme } from '../../../src/ui/theme.ts';
import { themeOf } from '../../../src/ui/theme.ts';
import { keymap } from '../keymap.ts';

const testdata = new URL('../../testdata/log-pane/', import.meta.url).pathname;
const members = ['infra1', 'infra2', 'infra3'];
/** The logs are of 06:47 UTC; frames show local time, which is to be the same everywhere. */
const shift = new Date(2026, 10, 22, 6, 47, 0).getTime() - Date.UTC(2026, 10, 22, 6, 47, 0);

const web = [
  'listening on \x1b[1;32mhttp://127.0.0.1:8080\x1b[0m',
  '\x1b[2J\x1b[Hcleared\x07 the\x1b]0;title\x07 screen',
  'name\tsize\twide',
  '数据库\t3 MB\t已连接 é́',
  'progress 10 %\rprogress 55 %\rprogress 100 %',
  '',
];

let folder: string;
let pane: LogPane;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-frames-'));
  for (const name of members) {
    const lines = readFileSync(join(testdata, `${name}.log`), 'utf8')
      .trimEnd()
      .split('\n');
    write(
      name,
      lines.map((line) => [Date.parse(/"ts":"([^"]+)"/.exec(line)?.[1] ?? '') + shift, 'e', line] as const),
    );
  }
  const startMs = Date.UTC(2026, 10, 22, 6, 47, 50) + shift;
  write('web', [
    ...web.map((line, at) => [startMs + at * 1000, 'o', line] as const),
    [startMs + 7000, 'n', 'exited with code 1; starting it again in 1s'],
  ]);
  pane = new LogPane({
    folder,
    host: { changed: () => {}, copy: () => {}, say: () => {}, handOver: (run) => run() },
    keymap,
    processes: () => [...members, 'web'].map((name, colourIndex) => ({ name, colourIndex })),
    now: () => startMs + 8000,
    environment: {},
  });
});

afterEach(() => {
  pane.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, lines: readonly (readonly [number, string, string])[]): void {
  const records = lines.map(
    ([timeMs, stream, line]) => `#${Math.floor(timeMs)} ${stream} ${Buffer.byteLength(line) + 1}\n${line}\n`,
  );
  writeFileSync(historyFile(folder, name), records.join(''));
}

/** Writes the names of styles instead of escape sequences. */
const styleNames: Theme = { name: 'dark', paint: (style, text) => (style === 'text' ? text : `«${style}:${text}»`) };

function widthOf(row: string): number {
  return visibleWidth(row.replaceAll(/«[\w-]+:|»/g, ''));
}

/** What is done from one frame to the next; single characters are typed, other words are keys. */
const scenes: readonly (readonly [string, readonly string[]])[] = [
  ['follows all processes', []],
  ['a page up, which is paused', ['page-up']],
  ['wrapped', ['w']],
  ['warnings and worse', ['w', 'G', 'e', 'e']],
  ['errors alone', ['e']],
  ['a search as it is typed', ['e', '/', ...'became|elected']],
  ['the match nearest to the end', ['enter']],
  ['the one before, and that of one process', ['N', '.', '.', '.', 'N']],
  ['an invalid pattern', [',', ',', ',', 'escape', 'G', '/', ...'(leader']],
  ['a filter', ['escape', '&', ...'at term 3', 'enter']],
  ['a selection', ['escape', 'v', 'up', 'up']],
  ['a mark, and columns further to the right', ['escape', 'G', 'm', 'right', 'right']],
  ['choosing processes', ['left', 'left', 'b', '2', 'right']],
  ['as it was written', ['enter', 'j', 'g']],
];

async function frames(
  width: number,
  height: number,
  draw: (row: string) => string,
  theme = themeOf('mono'),
): Promise<string> {
  const shown: string[] = [];
  for (const [title, keys] of scenes) {
    for (const key of keys) {
      const text = [...key].length === 1 ? key : '';
      pane.key({ type: 'key', key: key === ' ' ? 'space' : key, text });
      // Keys follow each other no faster than frames.
      await settled();
      pane.rows(width, height, theme);
    }
    await settled();
    const rows = pane.rows(width, height, theme);
    const status = pane.status(width - 8, theme);
    expect(rows.length).toBeLessThanOrEqual(height);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(width);
    expect(widthOf(status)).toBeLessThanOrEqual(width - 8);
    shown.push(`== ${title} ==`, draw(status), ...rows.map((row) => draw(row).trimEnd()), '');
  }
  return shown.join('\n');
}

async function settled(): Promise<void> {
  pane.tick();
  while (pane.busy) await new Promise((resolve) => setImmediate(resolve));
  pane.tick();
}

describe('frames of the log pane', () => {
  it.each([
    [80, 24],
    [60, 15],
    [24, 4],
  ])('hold at %i columns and %i rows', async (width, height) => {
    await expect(await frames(width, height, plainText)).toMatchFileSnapshot(
      `${testdata}/frames-${width}x${height}.txt`,
    );
  });

  it('name a style for what stands out', async () => {
    const visible = (row: string) => row.replaceAll('\x1b', '␛');
    await expect(await frames(60, 8, visible, styleNames)).toMatchFileSnapshot(`${testdata}/frames-styles-60x8.txt`);
  });

  it('need but one column and one row', async () => {
    await settled();
    for (const [width, height] of [
      [1, 1],
      [2, 3],
      [9, 1],
      [200, 60],
    ] as const) {
      const rows = pane.rows(width, height, themeOf('dark'));
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) expect(visibleWidth(row)).toBeLessThanOrEqual(width);
      pane.key({ type: 'key', key: 'w', text: 'w' });
    }
  });
});

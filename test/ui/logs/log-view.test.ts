import { appendFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HistoryWriter } from '../../../src/supervisor/history.ts';
import { historyFile } from '../../../src/supervisor/history-files.ts';
import type { LevelFilter } from '../../../src/ui/logs/level.ts';
import { LogView } from '../../../src/ui/logs/log-view.ts';
import { parseQuery } from '../../../src/ui/logs/query.ts';
import type { LogProcess } from '../../../src/ui/logs/shown-lines.ts';
import { plainText } from '../../../src/ui/terminal/ansi.ts';
import { themeOf } from '../../../src/ui/theme.ts';
import { always, historyOf, plainLines, withFolder, withFolderAsync } from './history-fixture.ts';

const names = ['a', 'b', 'c'];
const theme = themeOf('mono');
const buffer = Buffer.alloc(4096);

/** A line of the naive model: all there are, in a list. */
interface Line {
  readonly lane: number;
  readonly number: number;
  readonly orderMs: number;
  readonly text: string;
  /** As it is written. */
  readonly raw: string;
  readonly isWarning: boolean;
}

type Move =
  | { readonly type: 'scroll'; readonly rows: number }
  | { readonly type: 'page'; readonly pages: number }
  | { readonly type: 'home' | 'follow' | 'pause' | 'clear' }
  | { readonly type: 'hide'; readonly lane: number }
  | { readonly type: 'level'; readonly level: LevelFilter }
  | { readonly type: 'filter'; readonly pattern: string }
  | { readonly type: 'time'; readonly ms: number }
  | { readonly type: 'match'; readonly direction: 1 | -1 }
  | { readonly type: 'append'; readonly lane: number; readonly ms: number; readonly warnings: readonly boolean[] };

const append = fc.record({
  type: fc.constant('append' as const),
  lane: fc.nat(2),
  ms: fc.nat(60),
  warnings: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
});
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: append },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('scroll' as const), rows: fc.integer({ min: -12, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('page' as const), pages: fc.constantFrom(-1, 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('home' as const, 'follow' as const, 'pause' as const, 'clear' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('hide' as const), lane: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('level' as const),
      level: fc.constantFrom('all' as const, 'warn' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('filter' as const), pattern: fc.constantFrom('', '[05]', 'c|a') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.nat(70) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('match' as const), direction: fc.constantFrom(1 as const, -1 as const) }),
  },
);

function queryOf(pattern: string) {
  const parsed = parseQuery(pattern, false);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** The view as a list and a place in it. */
class Model {
  readonly lines: Line[] = [];
  hidden = new Set<number>();
  level: LevelFilter = 'all';
  pattern = '';
  floors = [0, 0, 0];
  /** The first line on the screen; null: it follows. */
  top: Line | null = null;
  screen: readonly Line[] = [];

  readonly height: number;

  constructor(height: number) {
    this.height = height;
  }

  shown(): Line[] {
    return this.lines
      .filter(({ lane, isWarning, raw, number }) => {
        const passes = this.level === 'all' || isWarning;
        return (
          passes && !this.hidden.has(lane) && number >= (this.floors[lane] ?? 0) && new RegExp(this.pattern).test(raw)
        );
      })
      .sort(before);
  }

  draw(): readonly Line[] {
    const shown = this.shown();
    const last = Math.max(0, shown.length - this.height);
    if (this.top === null) this.screen = shown.slice(last);
    else {
      const { top } = this;
      const at = shown.findIndex((line) => before(line, top) >= 0);
      const first = Math.min(at < 0 ? shown.length : at, last);
      this.screen = shown.slice(first, first + this.height);
      this.top = this.screen[0] ?? this.top;
    }
    return this.screen;
  }

  pause(): void {
    this.top ??= this.screen[0] ?? null;
  }

  scroll(rows: number): void {
    if (rows === 0 || (this.top === null && rows > 0)) return;
    this.pause();
    if (this.top === null) return;
    const shown = this.shown();
    const { top } = this;
    const found = shown.findIndex((line) => before(line, top) >= 0);
    const at = found < 0 ? shown.length : found;
    if (rows < 0) this.top = shown[Math.max(0, at + rows)] ?? this.top;
    else if (shown.length > at) {
      const next = shown[at + rows];
      this.top = next === undefined || shown.length - (at + rows) < this.height ? null : next;
    }
  }
}

function before(a: Line, b: Line): number {
  return a.orderMs - b.orderMs || a.lane - b.lane || a.number - b.number;
}

describe('the view of the log', () => {
  it('shows what a list would, through any moves while lines come', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (moves, height) => {
        withFolder((folder) => {
          const view = new LogView();
          for (const name of names) {
            writeFileSync(historyFile(folder, name), '');
            view.lines.add({ history: historyOf(folder, name), colourIndex: 0 });
          }
          view.lines.search = queryOf('7');
          const model = new Model(height);
          const clocks = [0, 0, 0];
          const counts = [0, 0, 0];
          for (const one of moves) {
            apply(view, model, one, folder, clocks, counts);
            view.lines.refresh(buffer, always);
            view.lines.scan(buffer, always);
            expect(view.lines.isBehind).toBe(false);
            const rows = view.frame(60, height, theme, true).map(plainText);
            expect(rows.map((row) => row.trimEnd().split(' ').at(-1))).toEqual(model.draw().map(({ text }) => text));
            expect(view.isFollowing).toBe(model.top === null);
            const extent = view.extent();
            expect(extent.count).toBe(model.shown().length);
            const first = model.screen[0];
            if (first !== undefined) expect(extent.above).toBe(model.shown().indexOf(first));
          }
          for (const { history } of view.lines.processes) history.close();
        });
      }),
      { numRuns: 120 },
    );
  });

  it('wraps long lines, and scrolls by rows', () => {
    withFolder((folder) => {
      const view = viewOf(folder, { a: [[0, `${'0123456789'.repeat(8)}\nshort\n${'x'.repeat(30)}\n`]] });
      view.toggleWrap();
      const draw = (height: number) => view.frame(30, height, theme, true).map((row) => plainText(row).trimEnd());
      expect(draw(20)).toEqual([
        'a   01234567890123456789012345',
        '    67890123456789012345678901',
        '    23456789012345678901234567',
        '    89',
        'a   short',
        'a   xxxxxxxxxxxxxxxxxxxxxxxxxx',
        '    xxxx',
      ]);
      expect(draw(3)).toEqual(['a   short', 'a   xxxxxxxxxxxxxxxxxxxxxxxxxx', '    xxxx']);
      view.scroll(-2);
      expect(draw(3)).toEqual(['    23456789012345678901234567', '    89', 'a   short']);
      view.scroll(1);
      expect(draw(3)).toEqual(['    89', 'a   short', 'a   xxxxxxxxxxxxxxxxxxxxxxxxxx']);
      view.home();
      expect(draw(2)).toEqual(['a   01234567890123456789012345', '    67890123456789012345678901']);
    });
  });

  it('goes sideways through lines that are cut, wide characters whole', () => {
    withFolder((folder) => {
      const view = viewOf(folder, { a: [[0, `${'漢字'.repeat(20)}\n\ttab\n`]] });
      const draw = () => view.frame(26, 5, theme, true).map((row) => plainText(row).trimEnd());
      expect(draw()).toEqual(['a   漢字漢字漢字漢字漢字…', 'a           tab']);
      view.side(1);
      expect(draw()).toEqual(['a   …漢字漢字漢字漢字漢字…', 'a']);
      view.side(-5);
      expect(draw()[1]).toBe('a           tab');
    });
  });

  it('stays whole while the lines that it shows are thrown away', async () => {
    await withFolderAsync(async (folder) => {
      const writer = new HistoryWriter(folder, 'p', { fileBytes: 20_000, files: 2 });
      const view = new LogView();
      view.lines.add({ history: historyOf(folder, 'p'), colourIndex: 0 });
      view.lines.search = queryOf('[05] of');
      let line = 0;
      for (let at = 0; at < 400; at++) {
        const block = Array.from({ length: 10 }, () => `line ${line++} of it ${'z'.repeat(40)}\n`).join('');
        writer.append(at, 'o', Buffer.from(block));
        // Looks now and then, so that files come and go unseen.
        if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (at % 50 === 20) {
          refresh(view);
          view.frame(80, 5, theme, true);
          if (at === 120) {
            view.home();
            view.frame(80, 5, theme, true);
            view.select();
          }
          if (at > 200) view.toMatch(at % 100 === 20 ? 1 : -1);
          view.selectedText();
        }
      }
      await writer.close();
      refresh(view);
      refresh(view);
      view.home();
      const plain = plainLines(folder, 'p').map(({ bytes }) => bytes.toString());
      expect(view.extent().count).toBe(plain.length);
      expect(plainText(view.frame(80, 1, theme, true)[0] ?? '')).toContain(plain[0]);
      view.follow();
      expect(plainText(view.frame(80, 1, theme, true)[0] ?? '')).toContain(plain.at(-1));
      expect(view.matchNumber().count).toBe(plain.filter((text) => /[05] of/.test(text)).length);
      for (const { history } of view.lines.processes) history.close();
    });
  });

  it('counts lines that come while it stands still, and finds matches in turn', () => {
    withFolder((folder) => {
      const view = viewOf(folder, {
        a: [
          [1, 'one hit\n'],
          [3, 'two hit\n'],
        ],
        b: [
          [2, 'no\n'],
          [4, 'three hit\n'],
        ],
      });
      view.frame(80, 2, theme, true);
      view.lines.search = queryOf('hit');
      refresh(view);
      expect(view.toMatch(-1)).toEqual({ wrapped: false });
      expect(view.matchNumber()).toEqual({ number: 3, count: 3 });
      view.frame(80, 2, theme, true);
      appendRecord(folder, 'b', 9, 'x\ny hit\n');
      refresh(view);
      expect(view.newLines()).toBe(2);
      const numbers = [1, 1, 1, -1, -1].map((direction) => {
        view.toMatch(direction === 1 ? 1 : -1);
        view.frame(80, 2, theme, true);
        return view.matchNumber().number;
      });
      expect(numbers).toEqual([4, 1, 2, 1, 4]);
      view.lines.hidden = new Set(['a']);
      expect(view.matchNumber()).toEqual({ number: 2, count: 2 });
      view.follow();
      expect(view.newLines()).toBe(0);
    });
  });

  it('copies lines as they were written, in the order in which they are shown', () => {
    withFolder((folder) => {
      const view = viewOf(folder, {
        a: [
          [1, '{"level":"info","msg":"x"}\n'],
          [3, 'third\n'],
        ],
        b: [[2, '\x1b[31mred\n']],
      });
      const draw = () => view.frame(80, 10, theme, true);
      draw();
      view.select();
      expect(view.selectedText()).toEqual({ text: 'third', lines: 1, isCut: false });
      view.extend(-1);
      view.extend(-1);
      view.extend(-1);
      expect(view.selectedText()).toEqual({
        text: '{"level":"info","msg":"x"}\n\x1b[31mred\nthird',
        lines: 3,
        isCut: false,
      });
      expect(view.selectRow(1)).toBe(true);
      view.extendTo(2);
      expect(view.selectedText()?.text).toBe('\x1b[31mred\nthird');
      expect(view.selectRow(7)).toBe(false);
      expect(view.unselect()).toBe(true);
      expect(view.selectedText()).toBeNull();
    });
  });

  it('draws marks behind what came before, and finds them', () => {
    withFolder((folder) => {
      const view = viewOf(folder, {
        a: [
          [1, 'one\n'],
          [3, 'three\n'],
        ],
      });
      view.mark(2);
      view.mark(2.7);
      const draw = (height: number) =>
        view.frame(26, height, theme, true).map((row) => plainText(row).slice(0, 12).trim());
      const isMark = expect.stringContaining('── mark');
      expect(draw(9)).toEqual(['a   one', isMark, isMark, 'a   three']);
      draw(1);
      expect(view.jumpToMark(1)).toBe(false);
      expect(view.jumpToMark(-1)).toBe(true);
      expect(draw(1)).toEqual([expect.stringContaining('── mark')]);
      expect(view.jumpToMark(-1)).toBe(true);
      expect(view.jumpToMark(-1)).toBe(true);
      draw(1);
      expect(view.jumpToMark(-1)).toBe(false);
    });
  });
});

function apply(view: LogView, model: Model, one: Move, folder: string, clocks: number[], counts: number[]): void {
  switch (one.type) {
    case 'append': {
      const name = names[one.lane] ?? '';
      // The clock of a process may go back: its lines stay in order all the same.
      const orderMs = Math.max(clocks[one.lane] ?? 0, one.ms);
      clocks[one.lane] = orderMs;
      const first = counts[one.lane] ?? 0;
      counts[one.lane] = first + one.warnings.length;
      const texts = one.warnings.map((_warning, at) => `${name}${first + at}`);
      const raws = texts.map((text, at) => (one.warnings[at] === true ? `{"level":"warn","msg":"${text}"}` : text));
      appendRecord(folder, name, one.ms, `${raws.join('\n')}\n`);
      for (const [at, text] of texts.entries()) {
        const isWarning = one.warnings[at] === true;
        model.lines.push({ lane: one.lane, number: first + at, orderMs, text, raw: raws[at] ?? '', isWarning });
      }
      return;
    }
    case 'scroll':
      view.scroll(one.rows);
      model.scroll(one.rows);
      return;
    case 'page':
      view.page(one.pages);
      model.scroll(one.pages * Math.max(1, model.height - 1));
      return;
    case 'home':
      view.home();
      model.pause();
      model.top = model.shown()[0] ?? model.top;
      return;
    case 'follow':
      view.follow();
      model.top = null;
      return;
    case 'pause':
      view.pause();
      model.pause();
      return;
    case 'clear':
      view.lines.clear();
      model.floors = [...counts];
      return;
    case 'hide':
      view.lines.hidden = new Set([names[one.lane] ?? '']);
      model.hidden = new Set([one.lane]);
      return;
    case 'level':
      view.lines.level = one.level;
      model.level = one.level;
      return;
    case 'filter':
      view.lines.filter = one.pattern === '' ? null : queryOf(one.pattern);
      model.pattern = one.pattern;
      return;
    case 'time': {
      const place = model.shown().find(({ orderMs }) => orderMs >= one.ms);
      model.pause();
      expect(view.jumpToTime(one.ms)).toBe(place !== undefined);
      if (place !== undefined) model.top = place;
      return;
    }
    case 'match': {
      // Filters may have been changed since: matches are looked for among what is shown.
      view.lines.scan(buffer, always);
      const reached = view.toMatch(one.direction);
      const matches = model.shown().filter(({ raw }) => raw.includes('7'));
      expect(reached === null).toBe(matches.length === 0);
      expect(view.matchNumber().count).toBe(matches.length);
      if (reached === null) return;
      const current = matches[view.matchNumber().number - 1];
      expect(current).toBeDefined();
      model.pause();
      if (current === undefined || model.screen.includes(current)) return;
      const shown = model.shown();
      model.top = shown[Math.max(0, shown.indexOf(current) - Math.floor(model.height / 3))] ?? null;
      return;
    }
  }
}

function appendRecord(folder: string, name: string, timeMs: number, text: string): void {
  appendFileSync(historyFile(folder, name), `#${timeMs} o ${Buffer.byteLength(text)}\n${text}`);
}

function refresh(view: LogView): void {
  view.lines.refresh(buffer, always);
  view.lines.scan(buffer, always);
}

function viewOf(folder: string, histories: Readonly<Record<string, readonly (readonly [number, string])[]>>): LogView {
  const view = new LogView();
  for (const [at, [name, records]] of Object.entries(histories).entries()) {
    for (const [timeMs, text] of records) appendRecord(folder, name, timeMs, text);
    const process: LogProcess = { history: historyOf(folder, name), colourIndex: at };
    view.lines.add(process);
  }
  refresh(view);
  return view;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../../src/supervisor/display-width.ts';
import { levelOf } from '../../../src/ui/logs/level.ts';
import { lineSpans, shownText } from '../../../src/ui/logs/line-text.ts';
import { lineRows, nameColumns, paintRow } from '../../../src/ui/logs/row-view.ts';
import { columnsFrom, matchesIn, paintRange, styledLine, wrapped } from '../../../src/ui/logs/styled-line.ts';
import { plainText, visibleWidth } from '../../../src/ui/terminal/ansi.ts';
import { themeOf } from '../../../src/ui/theme.ts';

function level(line: string): string {
  const bytes = Buffer.from(`xx${line}yy`);
  return levelOf(bytes, 2, bytes.length - 2);
}

describe('the level of a line', () => {
  it('is what zap says', () => {
    const words = [
      'debug',
      'info',
      'warn',
      'error',
      'dpanic',
      'panic',
      'fatal',
      'WARN',
      'trace',
      'warning',
      'information',
    ];
    expect(words.map((word) => level(`{"level":"${word}","msg":"m"}`))).toEqual([
      'debug',
      'info',
      'warn',
      'error',
      'error',
      'error',
      'error',
      'warn',
      'unknown',
      'warn',
      'unknown',
    ]);
    expect(level('{"ts":"2026-11-22T06:47:40Z","level":"warn","msg":"m"}')).toBe('warn');
    expect(level('{"level":"warn')).toBe('unknown');
    expect(level('{"level":"')).toBe('unknown');
    expect(level('{"msg":"m"}')).toBe('info');
    expect(level(`{"pad":"${'x'.repeat(300)}","level":"error"}`)).toBe('info');
  });

  it('is what other logs of etcd say', () => {
    expect(level('2026-11-22T06:47:53.756204Z\twarn\tembed/config.go:1209\ttext')).toBe('warn');
    expect(level('2026-11-22 06:48:44.307393 I | etcdmain: text')).toBe('info');
    expect(level('2026-11-22 06:48:44.307393 E | etcdmain: text')).toBe('error');
    expect(level('2026-11-22 06:48:44.307393 C | etcdmain: text')).toBe('error');
    expect(level('raft2026/11/22 06:48:46 INFO: raft.node: text')).toBe('info');
    expect(level('raft2026/11/22 06:48:46 WARN: raft.node: text')).toBe('warn');
  });

  it('of any other line is info', () => {
    for (const line of [
      '',
      'error: no',
      '2',
      '2026',
      '2026-11-22',
      '2026-11-22 06:48:44.307393 I',
      'raft',
      '[]',
      '{',
    ]) {
      expect(level(line)).toBe('info');
    }
  });

  it('never depends on what stands around the line', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (line) => {
        const bytes = Buffer.from(line);
        expect(level(line)).toBe(levelOf(bytes, 0, bytes.length));
      }),
    );
  });
});

describe('the text of a line', () => {
  it('is the message and the fields of a zap line', () => {
    const line =
      '{"level":"warn","ts":"2026-11-22T06:47:44Z","logger":"raft","caller":"a.go:1","msg":"lost\\n\\u001b[2J","id":"8e9e","n":7,"list":["a",1],"text":"two words","error":"EOF"}';
    expect(shownText(line)).toBe('lost\\n\\u001b[2J id=8e9e n=7 list=["a",1] text="two words" error=EOF');
    expect(lineSpans(line, false).at(-1)).toMatchObject({ text: 'EOF', style: 'warn' });
    expect(lineSpans(line, true)).toEqual([{ text: line, style: 'text', sgr: '' }]);
  });

  it('keeps the colours of a process, and nothing else that it does to a terminal', () => {
    expect(lineSpans('a \x1b[1;32mgreen\x1b[44m both\x1b[0m off\x1b[0;31mred', false)).toEqual([
      { text: 'a ', style: 'text', sgr: '' },
      { text: 'green', style: 'text', sgr: '1;32' },
      { text: ' both', style: 'text', sgr: '1;32;44' },
      { text: ' off', style: 'text', sgr: '' },
      { text: 'red', style: 'text', sgr: '0;31' },
    ]);
    expect(shownText('\x1b[2J\x1b]0;title\x07\x9bA\u202eevil\x00')).toBe('\ufffdevil^@');
    expect(shownText('10 %\r20 %\r')).toBe('20 %');
  });

  it('has no control characters, whatever the line has', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(
        'a',
        '\x1b',
        '[',
        'm',
        '3',
        ';',
        ']',
        '\r',
        '\x07',
        '\0',
        '\t',
        '漢',
        '\ud800',
        '\u202e',
        '"',
        '{',
        '\\',
      ),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          nasty,
          nasty.map((text) => JSON.stringify({ level: 'info', msg: text, field: text })),
        ),
        (line) => {
          const text = styledLine(lineSpans(line, false)).text;
          // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is the point.
          expect(text).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e]|[\ud800-\udbff](?![\udc00-\udfff])/);
        },
      ),
    );
  });
});

describe('a line in rows', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '漢', '\t', 'é', '\u0301', '\u{1f600}', '-'),
    maxLength: 60,
  });

  it('loses nothing when it is wrapped, and no row is too wide', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 20 }), fc.integer({ min: 2, max: 20 }), (given, first, others) => {
        const line = styledLine(lineSpans(given, false));
        const rows = wrapped(line, first, others);
        expect(rows.map(({ from, to }) => line.text.slice(from, to)).join('')).toBe(line.text);
        for (const [at, { from, to }] of rows.entries()) {
          expect(displayWidth(line.text.slice(from, to))).toBeLessThanOrEqual(at === 0 ? first : others);
        }
      }),
    );
  });

  it('fits its columns however it is cut and moved', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 130 }), fc.nat(70), fc.boolean(), (given, width, offset, wrap) => {
        const nameWidth = nameColumns(['etcd1', '数据库'], width);
        const options = { width, wrap, raw: false, offset: wrap ? 0 : offset, nameWidth };
        const bytes = Buffer.from(given);
        const rows = lineRows(
          { timeMs: 0, name: '数据库', colourIndex: 1, stream: 'o', bytes, length: bytes.length },
          options,
        );
        for (const at of rows.ranges.keys()) {
          const row = paintRow(
            rows,
            at,
            options,
            { highlights: [], matches: true, selected: at === 0 },
            themeOf('dark'),
          );
          expect(visibleWidth(row)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  it('shows where a pattern matches, across colours', () => {
    const line = styledLine(lineSpans('ab\x1b[31mcd\x1b[0mef', false));
    const painted = paintRange(line, { from: 0, to: 6 }, matchesIn(line, /bc|f/u, 'match'), themeOf('dark'));
    const lit = (matched: string) => themeOf('dark').paint('match', matched);
    expect(painted).toBe(`a${lit('b')}${lit('c')}\x1b[31md\x1b[0me${lit('f')}`);
    expect(plainText(painted)).toBe('abcdef');
    expect(matchesIn(line, /x*/u, 'match')).toEqual([]);
    expect(columnsFrom(line, 2, 3)).toEqual({ to: 5, columns: 3 });
  });
});

import { appendFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyFile } from '../../../src/supervisor/history-files.ts';
import { LineScan } from '../../../src/ui/logs/line-scan.ts';
import { shownText } from '../../../src/ui/logs/line-text.ts';
import type { Query } from '../../../src/ui/logs/query.ts';
import { parseQuery } from '../../../src/ui/logs/query.ts';
import { always, historyOf, withFolder } from './history-fixture.ts';

function query(pattern: string, ignoreCase = false): Query {
  const parsed = parseQuery(pattern, ignoreCase);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const lines = fc.array(
  fc.constantFrom(
    'a plain line',
    'elected LEADER at term 7',
    'Kelvin K and ſ',
    '',
    'leader',
    '{"level":"info","msg":"elected leader","term":7}',
    '{"level":"warn","msg":"lost leader","term":8,"id":"a b"}',
    '{"level":"error","msg":"über","error":"no leader"}',
    'a.b[c]',
    '{"level":"info","msg":"escaped","\\u0074erm":7}',
    '#7 o 12',
    'xx'.repeat(150),
  ),
  { minLength: 1, maxLength: 400 },
);
const patterns = [
  'leader',
  'lead+er',
  'leade?r',
  '^leader$',
  'elected|lost',
  'term=7',
  'error=',
  '#7',
  'a\\.b\\[c\\]',
  'a.b',
  '\\d+$',
  'k',
  'LEADER',
  'id=',
  'S',
  'xx{3}',
  'nothing at all',
  '"level":"error"',
  '^$',
  'über',
];

describe('a scan', () => {
  it('finds what a plain test of every line finds, however the history grows', () => {
    fc.assert(
      fc.property(
        fc.array(lines, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...patterns),
        fc.boolean(),
        fc.constantFrom('all' as const, 'warn' as const),
        fc.integer({ min: 600, max: 20_000 }),
        (batches, pattern, ignoreCase, level, bufferBytes) => {
          withFolder((folder) => {
            const file = historyFile(folder, 'p');
            writeFileSync(file, '');
            const history = historyOf(folder, 'p');
            const buffer = Buffer.alloc(bufferBytes);
            const wanted = query(pattern, ignoreCase);
            const scan = new LineScan(history, history.atLevel(level), wanted);
            const all: string[] = [];
            for (const batch of batches) {
              const block = Buffer.from(`${batch.join('\n')}\n`);
              appendFileSync(file, Buffer.concat([Buffer.from(`#5 o ${block.length}\n`), block]));
              all.push(...batch);
              history.refresh(buffer, always);
              while (!scan.advance(buffer, () => false));
            }
            const regex = new RegExp(pattern, ignoreCase ? 'iu' : 'u');
            const expected = all.flatMap((text, line) => {
              const matches = regex.test(text) || (pattern.includes('=') && regex.test(shownText(text)));
              return matches && history.atLevel(level).has(line) ? [line] : [];
            });
            const found: number[] = [];
            for (let line = scan.found.next(0); line >= 0; line = scan.found.next(line + 1)) found.push(line);
            expect(found).toEqual(expected);
            expect(scan.left).toBe(0);
            history.close();
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('passes over what is gone before it was looked at', () => {
    withFolder((folder) => {
      writeFileSync(historyFile(folder, 'p'), '#1 o 4\nabc\n');
      const history = historyOf(folder, 'p');
      history.refresh(Buffer.alloc(1000), always);
      const scan = new LineScan(history, history.atLevel('all'), query('abc'));
      expect(scan.left).toBe(1);
      scan.advance(Buffer.alloc(1000), always);
      expect([scan.found.rank(1), scan.left]).toEqual([1, 0]);
      history.close();
    });
  });
});

describe('a query', () => {
  it('knows bytes that every matching line has', () => {
    const literal = (pattern: string, ignoreCase = false) => query(pattern, ignoreCase).literal?.toString() ?? null;
    expect(literal('leader')).toBe('leader');
    expect(literal('^leader$')).toBe('leader');
    expect(literal('a\\.b')).toBe('a.b');
    expect(literal('leade?r')).toBe('lead');
    expect(literal('lead*')).toBe('lea');
    expect(literal('lea{2}')).toBe('le');
    expect(literal('lea+d')).toBe('lea');
    expect(literal('ab|cd')).toBeNull();
    expect(literal('ab\\|cd')).toBe('ab|cd');
    expect(literal('(ab)?cd')).toBeNull();
    expect(literal('\\d+')).toBeNull();
    expect(literal('leader', true)).toBeNull();
    expect(literal('12:34 x', true)).toBe('12:34 ');
    expect(literal('a\ufffdbc')).toBeNull();
    expect(literal('term=7')).toBe('term');
    expect(literal('a b-c=')).toBe('b-c');
    expect(literal('a =')).toBeNull();
    expect(literal('terms?=7')).toBe('term');
    expect(literal('(term)=7')).toBeNull();
  });

  it('that is none says why', () => {
    expect(parseQuery('(', false)).toEqual({ ok: false, error: 'Unterminated group' });
    expect(parseQuery('a**', true)).toEqual({ ok: false, error: 'Nothing to repeat' });
    expect(parseQuery('x'.repeat(501), true).ok).toBe(false);
    expect(parseQuery('x'.repeat(500), true).ok).toBe(true);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProcfile } from '../../src/supervisor/procfile/parse.ts';
import { formatProblem } from '../../src/supervisor/procfile/problem.ts';

const cases = new URL('../testdata/procfile/', import.meta.url).pathname;

function parseCase(name: string) {
  const { entries, problems } = parseProcfile('Procfile', readFileSync(join(cases, name, 'Procfile'), 'utf8'));
  return { entries, problems: problems.map(formatProblem) };
}

describe('the Procfile grammar', () => {
  it('takes the entries that goreman takes, and warns of every line it drops', () => {
    const { entries, problems } = parseCase('02-grammar');
    expect(entries.map((entry) => [entry.index, entry.name, entry.command])).toEqual([
      [0, 'web', 'echo no space after colon'],
      [1, 'indented', 'echo indented name'],
      [2, 'name.dot', 'echo dotted'],
      [3, 'name-dash_2', 'echo dash'],
      [4, 'name with space', 'echo spaced'],
      [5, 'empty', ''],
      [6, 'empty2', ''],
      [7, 'UPPER', 'echo UPPER'],
      [8, 'tab', 'echo tab separated'],
      [9, 'trail', 'echo trailing blanks'],
      [10, 'quo', `echo "a: b" 'c # d' # shell comment`],
      [11, 'ünï', 'echo unicode name'],
      [12, 'cont', 'echo one \\'],
      [13, '8', 'echo digit name'],
      [14, 'last', 'echo no newline at end of file; sleep 1'],
    ]);
    expect(problems).toEqual([
      'Procfile:9:1: warning: ignored: no name before the `:` (an entry is `name: command`)',
      'Procfile:10:7: warning: empty has no command',
      'Procfile:11:8: warning: empty2 has no command',
      'Procfile:16:1: warning: ignored: no `:` after a name (an entry is `name: command`)',
      'Procfile:19:3: warning: ignored: no `:` after a name ' +
        '(a Procfile has no continuation lines: put the command on one line, or in a script)',
    ]);
  });

  it('keeps the first of two entries with one name, and their places', () => {
    const { entries, problems } = parseCase('03-dup');
    expect(entries.map((entry) => [entry.index, entry.name, entry.command])).toEqual([
      [0, 'a', 'echo first; sleep 1'],
      [2, 'b', 'echo b; sleep 1'],
    ]);
    expect(problems).toEqual([
      'Procfile:2:1: warning: ignored: there is an entry a at line 1 already (give each entry its own name)',
    ]);
  });

  it('reads every other Procfile of the collection without a word', () => {
    for (const name of readdirSync(cases).filter((one) => !['02-grammar', '03-dup', '14-missing'].includes(one))) {
      const { entries, problems } = parseCase(name);
      expect(problems, name).toEqual([]);
      expect(entries.length > 0, name).toBe(name !== '13-empty');
      expect(entries.map((entry) => entry.index).join(), name).toBe([...entries.keys()].join());
    }
  });

  it('ignores carriage returns and a byte order mark', () => {
    expect(parseCase('04-crlf').entries.map((entry) => entry.command)).toEqual([
      'echo crlf-a; sleep 1',
      'echo crlf-b; sleep 1',
    ]);
    expect(parseProcfile('f', '\ufeffweb: x\r\n').entries).toEqual([{ name: 'web', command: 'x', index: 0, line: 1 }]);
  });

  it('reports bytes that no shell could be given, with their column in characters', () => {
    const { problems } = parseProcfile('Procfile', 'ünï: a\0b\nx: \ufffd\ny\x1b[2J: z\n');
    expect(problems.map((problem) => [problem.line, problem.column, problem.severity, problem.code])).toEqual([
      [1, 7, 'error', 'nul'],
      [2, 4, 'error', 'encoding'],
      [3, 2, 'error', 'control'],
    ]);
  });

  it('never throws, and gives names that are unique and trimmed', () => {
    const piece = fc.oneof(fc.constantFrom(':', '#', '\n', '\r\n', ' ', '\t', 'a', 'b'), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { entries, problems } = parseProcfile('f', pieces.join(''));
        const names = entries.map((entry) => entry.name);
        expect(new Set(names).size).toBe(names.length);
        for (const { name, command } of entries) {
          expect(name).toBe(name.trim());
          expect(command).toBe(command.trim());
          expect(name.startsWith('#') || name === '').toBe(false);
        }
        for (const problem of problems) expect(problem.line > 0 && problem.column > 0).toBe(true);
      }),
    );
  });
});

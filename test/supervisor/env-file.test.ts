import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effective, mergeEnvFiles } from '../../src/supervisor/env-file/merge.ts';
import type { EnvRules } from '../../src/supervisor/env-file/parse.ts';
import { parseEnvFile } from '../../src/supervisor/env-file/parse.ts';
import { formatProblem } from '../../src/supervisor/procfile/problem.ts';

const cases = new URL('../testdata/procfile/', import.meta.url).pathname;

function readCase(name: string, rules: EnvRules) {
  const file = parseEnvFile('.env', readFileSync(`${cases}${name}/.env`, 'utf8'), rules);
  const values = effective(mergeEnvFiles([file], {}, rules));
  return { values, problems: file.problems.map(formatProblem) };
}

describe("an env file by goreman's rules", () => {
  it('gives the values that goreman gives', () => {
    expect(readCase('08b-env', 'goreman')).toEqual({
      problems: [],
      values: {
        A: 'plain value with spaces',
        B: 'double quoted\nnewline',
        C: 'single $HOME quoted',
        D: 'trailing',
        E: 'spaced',
        F: 'exported',
        G: 'plain value with spaces-expanded',
        H: '',
        J: 'yaml style',
        K: 'second',
        M: 'multi\nline',
        Z: 'file',
        HOMEX: '',
      },
    });
  });

  it('says which quote is open, where goreman drops the whole file', () => {
    expect(readCase('08-env', 'goreman').problems).toEqual(['.env:10:3: the quote of I is never closed (add a ")']);
  });

  it.each([
    ['web server', '.env:1:1: not an assignment (write KEY=value, or # before a comment)'],
    ['A="x" y', '.env:1:6: text after the closing quote of A (quote the whole value)'],
  ])('reports %j', (text, problem) => {
    expect(parseEnvFile('.env', text, 'goreman').problems.map(formatProblem)).toEqual([problem]);
  });

  it('expands what was set before, unless it is escaped', () => {
    const { assignments } = parseEnvFile('.env', `A=1\nB="$A \${A} \\$A"\nC='$A'\nD=$NO.\n`, 'goreman');
    expect(assignments.map((one) => one.value)).toEqual(['1', '1 1 $A', '$A', '.']);
  });

  it('never throws', () => {
    const piece = fc.oneof(fc.constantFrom('A', '=', ':', '"', "'", '\\', '\n', '#', '$', '{', '}', ' '), fc.string());
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom<EnvRules>('goreman', 'foreman'), (pieces, rules) => {
        parseEnvFile('f', pieces.join(''), rules);
      }),
    );
  });
});

describe("an env file by foreman's rules", () => {
  it('gives the values that foreman gives, and warns of what it drops', () => {
    const { values, problems } = readCase('08b-env', 'foreman');
    expect(values).toEqual({
      A: 'plain value with spaces',
      B: 'double quoted\nnewline',
      C: 'single $HOME quoted',
      D: 'trailing # comment',
      G: `\${A}-expanded`,
      H: '',
      HOMEX: '$HOME',
      K: 'second',
      M: '"multi',
      Z: 'file',
    });
    expect(problems.map((text) => text.split(':')[1])).toEqual(['5', '6', '10', '14']);
  });
});

describe('several env files', () => {
  const files = [parseEnvFile('a', 'X=a\nY=a\nX=a2', 'goreman'), parseEnvFile('b', 'X=b\nZ=b', 'goreman')];
  const winners = (rules: EnvRules) => effective(mergeEnvFiles(files, { Y: 'env' }, rules));

  it('rank behind the environment and by order for goreman', () => {
    expect(winners('goreman')).toEqual({ X: 'a2', Z: 'b' });
    expect(mergeEnvFiles(files, { Y: 'env' }, 'goreman').map((one) => one.shadowedBy)).toEqual([
      'a:3',
      'the environment',
      null,
      'a:3',
      null,
    ]);
  });

  it('win over the environment, the last first, for foreman', () => {
    expect(winners('foreman')).toEqual({ X: 'b', Y: 'a', Z: 'b' });
  });
});

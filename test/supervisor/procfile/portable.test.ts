/** The comparison with other tools, checked against what those tools did with the collected Procfiles. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effective, mergeEnvFiles } from '../../../src/supervisor/env-file/merge.ts';
import { parseEnvFile } from '../../../src/supervisor/env-file/parse.ts';
import { parseProcfile } from '../../../src/supervisor/procfile/parse.ts';
import type { Difference } from '../../../src/supervisor/procfile/portable.ts';
import { comparePortability } from '../../../src/supervisor/procfile/portable.ts';
import type { Tool } from '../../../src/supervisor/procfile/tools.ts';
import { tools } from '../../../src/supervisor/procfile/tools.ts';

const testdata = fileURLToPath(new URL('../../testdata', import.meta.url));

/** What one tool was seen to do with one Procfile. */
interface Seen {
  /** Of processes that started, sorted; one name may start twice. */
  readonly names?: readonly string[];
  /** Not all that would have started did so before the run was over. */
  readonly partial?: boolean;
  readonly ports?: Readonly<Record<string, number>>;
  /** Whose command was `exec` and a word that is no program. */
  readonly noProgram?: readonly string[];
  readonly refused?: boolean;
}

const goldens: Readonly<Record<string, Partial<Record<Tool, Seen>>>> = JSON.parse(
  readFileSync(join(testdata, 'procfile-tools.json'), 'utf8'),
);

function compareCase(name: string) {
  const folder = join(testdata, 'procfile', name);
  const env = existsSync(join(folder, '.env')) ? readFileSync(join(folder, '.env'), 'utf8') : '';
  const variables = effective(mergeEnvFiles([parseEnvFile('.env', env, 'goreman')], {}, 'goreman'));
  return compare(readFileSync(join(folder, 'Procfile'), 'utf8'), variables);
}

function compare(text: string, env: Readonly<Record<string, string>> = {}) {
  return comparePortability(text, { env, basePort: 5000 });
}

/** `line:column code tool,tool: message` */
function brief({ line, column, code, tools: group, message }: Difference): string {
  return `${line}:${column} ${code} ${group.join(',')}: ${message}`;
}

const others = 'foreman,forego,overmind,hivemind';
const ignored = 'this line is ignored';
const refusal = 'the whole file is refused because of this line';

describe.each(Object.entries(goldens))('%s', (name, seenBy) => {
  const { readings, differences } = compareCase(name);

  it.each(tools)('starts what %s started', (tool) => {
    const seen = seenBy[tool];
    const read = readings.get(tool);
    if (seen === undefined || read === undefined) return;
    expect(read.lines.some((line) => line.type === 'refused')).toBe(seen.refused ?? false);
    if (seen.refused === true) return;
    const entries = read.lines.flatMap((line, at) =>
      line.type === 'entry' ? [{ ...line, port: read.ports.get(at) }] : [],
    );
    const names = entries.map((entry) => entry.name).sort();
    if (seen.partial === true) expect(names).toEqual(expect.arrayContaining([...(seen.names ?? [])]));
    else expect(names).toEqual(seen.names);
    for (const [entry, port] of Object.entries(seen.ports ?? {})) {
      expect(entries.filter((one) => one.name === entry).map((one) => one.port)).toEqual([port]);
    }
  });

  it('names every command that forego could not run', () => {
    const failed = readings.get('forego')?.lines.flatMap((line, at) => {
      const found = differences.some((one) => one.line === at + 1 && one.message.includes('is no program'));
      return line.type === 'entry' && found ? [line.name] : [];
    });
    // A process that ended because another one did had no time to say so.
    expect(failed).toEqual(expect.arrayContaining([...(seenBy.forego?.noProgram ?? [])]));
  });
});

describe('the comparison', () => {
  it('finds nothing in the Procfile that etcd comes with', () => {
    const etcd = readFileSync(fileURLToPath(new URL('../../../examples/Procfile', import.meta.url)), 'utf8');
    expect(compare(etcd).differences).toEqual([]);
    expect(
      compare('# a: b\n\nweb: node server.js -p $PORT # really\r\nwork: cat x | sort; echo ok\n').differences,
    ).toEqual([]);
  });

  it('says what is made of every odd line', () => {
    expect(compareCase('02-grammar').differences.map(brief)).toEqual([
      `2:1 comment node-foreman: ${refusal}`,
      `4:5 no-blank overmind,hivemind: ${ignored}`,
      `5:1 indented ${others}: ${ignored}`,
      `5:1 indented node-foreman: ${refusal}`,
      `6:1 name ${others}: ${ignored}`,
      `6:1 name node-foreman: ${refusal}`,
      `8:1 name ${others}: ${ignored}`,
      `8:1 name node-foreman: ${refusal}`,
      `9:1 no-name node-foreman: ${refusal}`,
      `10:7 empty-command ${others}: ${ignored}`,
      `10:7 empty-command node-foreman: ${refusal}`,
      '11:8 empty-command foreman: it is an unknown command, which the end of all waits for',
      '11:8 empty-command forego,overmind,hivemind: it ends at once, and all end with it',
      `11:8 empty-command node-foreman: ${refusal}`,
      `16:1 no-colon node-foreman: ${refusal}`,
      `17:1 name ${others}: ${ignored}`,
      `17:1 name node-foreman: ${refusal}`,
      '18:16 backslash overmind: the backslash at the end is dropped',
      `19:3 no-colon node-foreman: ${refusal}`,
      '21:37 exec forego: nothing after the first `;` runs: exec is put before the command',
    ]);
  });

  it('says what becomes of two entries with one name', () => {
    const { differences } = compare('a: echo first\na: echo second\nb: echo $PORT\n');
    expect(differences.map(brief)).toEqual([
      '1:1 duplicate node-foreman: line 2 runs instead, which has the same name',
      '2:1 duplicate foreman,forego,node-foreman: a runs all the same',
      `2:1 duplicate overmind,hivemind: ${refusal}`,
      '3:9 port forego: PORT is 5300, not 5200',
      '3:9 port node-foreman: PORT is 5100, not 5200',
    ]);
  });

  it('takes an entry for the second of its name where a byte order mark hides the first from others', () => {
    const { differences } = comparePortability('\ufeffweb: a\nweb: b\n', { env: {}, basePort: 5000 });
    expect(differences.filter((one) => one.line === 2).map((one) => [one.code, one.column])).toEqual([
      ['duplicate', 1],
    ]);
  });

  it("says where foreman's search for $KEY is not the shell's", () => {
    expect(compareCase('09-dollar').differences.map(brief)).toEqual([
      '1:27 port foreman,forego,overmind,hivemind,node-foreman: PORT is 7000, not 5000',
      '1:36 dollar foreman: $FOO is replaced although it is quoted',
      '1:45 dollar foreman: $FOO is replaced although it is quoted',
      '1:52 dollar foreman: $FOOBAR is read as $FOO and BAR',
      '1:68 exec forego: nothing after the first `;` runs: exec is put before the command',
    ]);
    expect(compare(`a: echo "$A" "$\{A}" 'b'$A\n`, { A: 'plain' }).differences).toEqual([]);
    expect(compare('a: echo "$A"\n', { A: 'x; y' }).differences.map(brief)).toEqual([
      '1:10 dollar foreman: special characters in the value of $A reach the shell',
    ]);
  });

  it.each([
    ['web :echo x', '1:4 blank-before-colon'],
    ['\ufeffweb: x', '1:1 byte-order-mark'],
    ['a: b\n \t\nc: d', '2:1 blank'],
    ['a: b\r\n\r\nc: d\r\n', '2:1 blank'],
    ['a: b\rc: d', '1:5 carriage-return'],
    ['a: exec b', '1:4 exec'],
    ['a: FOO=1 b', '1:4 exec'],
    ['a: (b)', '1:4 exec'],
    ['a: while :; do b; done', '1:4 exec'],
    ['a: cd x && b', '1:4 exec'],
    ['a: b && c', '1:6 exec'],
    [`a: b 'x; y' "$(c; d)" \`e;\` \\; $\{f:-;} || g`, '1:39 exec'],
    ['10: a\n9: echo $PORT', '2:9 port'],
  ])('%j differs at %s', (text, found) => {
    expect(compare(text).differences.map((one) => `${one.line}:${one.column} ${one.code}`)).toContain(found);
  });

  it.each([
    'b; # c',
    'b &',
    'b & c; d',
    'b | c && d',
    'b 2>&1',
    "b 'c; d'",
    'b "it\'s; c"',
    'b # ; c',
    'b >|c',
    'b "(" ")"',
  ])('a: %s is the same for all', (command) => expect(compare(`a: ${command}\n`).differences).toEqual([]));

  it('never throws, keeps to the file, and calls portable only what all tools read as we do', () => {
    const piece = fc.constantFrom(
      '\r',
      ':',
      '#',
      '\n',
      '\r\n',
      ' ',
      '\t',
      'a',
      'b',
      '1',
      '.',
      '\\',
      "'",
      '"',
      '$',
      '$PORT',
      ';',
      '&',
      '(',
      '\ufeff',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        const { readings, differences } = compare(text, { A: "x'" });
        const lines = text.split('\n');
        for (const one of differences) {
          expect(one.tools.length).toBeGreaterThan(0);
          const length = lines[one.line - 1]?.length ?? -1;
          expect(one.column >= 1 && one.column <= length + 1).toBe(true);
        }
        if (differences.length > 0) return;
        const ours = parseProcfile('', text).entries.map((entry) => [entry.name, entry.command]);
        for (const { lines: read } of readings.values()) {
          expect(read.flatMap((line) => (line.type === 'entry' ? [[line.name, line.command]] : []))).toEqual(ours);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

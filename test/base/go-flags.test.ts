import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  assignFlag,
  boolFlag,
  durationFlag,
  enumFlag,
  ignoredFlag,
  intFlag,
  parseFlags,
  stringFlag,
  uintFlag,
} from '../../src/base/go-flags.ts';
import { goQuote } from '../../src/base/go-quote.ts';

const table = {
  name: stringFlag('default'),
  pprof: boolFlag(false),
  count: uintFlag(10_000),
  limit: intFlag(0),
  wait: durationFlag('5s'),
  state: enumFlag('new', 'existing'),
  v: ignoredFlag(),
} as const;

function valuesOf(...argv: string[]) {
  const parsed = parseFlags(table, argv);
  if (!parsed.ok) throw new Error(parsed.error.type === 'usage' ? parsed.error.message : 'help');
  return parsed.value;
}

describe('flags parse as by Go', () => {
  test('one dash or two, a value behind = or as the next word', () => {
    for (const argv of [['-name=x'], ['--name=x'], ['-name', 'x'], ['--name', 'x']]) {
      expect(valuesOf(...argv).values.name).toBe('x');
    }
    expect(valuesOf('--name', '--pprof').values).toMatchObject({ name: '--pprof', pprof: false });
    expect(valuesOf('--name=').values.name).toBe('');
    expect(valuesOf('--name=a=b').values.name).toBe('a=b');
  });

  test('a boolean stands alone or takes its value behind =', () => {
    expect(valuesOf('--pprof').values.pprof).toBe(true);
    expect(valuesOf('--pprof=F').values.pprof).toBe(false);
    const parsed = valuesOf('--pprof', 'false', '--name', 'x');
    expect(parsed.values).toMatchObject({ pprof: true, name: 'default' });
    expect(parsed.rest).toEqual(['false', '--name', 'x']);
  });

  test('the first word that is no flag ends the flags, and so does --', () => {
    expect(valuesOf('-name', 'x', 'word', '-pprof')).toMatchObject({ rest: ['word', '-pprof'] });
    expect(valuesOf('--', '-pprof')).toMatchObject({ rest: ['-pprof'], values: { pprof: false } });
    expect(valuesOf('-')).toMatchObject({ rest: ['-'] });
  });

  test('later flags win, and set keeps who was given', () => {
    const parsed = valuesOf('--count=1', '--name=a', '--count=2');
    expect(parsed.values).toMatchObject({ count: 2, name: 'a', wait: expect.anything() });
    expect([...parsed.set]).toEqual(['count', 'name']);
  });

  test.each([
    ['0x10', 16],
    ['010', 8],
    ['0b11', 3],
    ['0o17', 15],
    ['1_000', 1000],
    ['18446744073709551615', Number.MAX_SAFE_INTEGER],
  ])('the number %s is %d', (text, value) => {
    expect(valuesOf('--count', text).values.count).toBe(value);
  });

  test.each([
    [['--nope'], 'flag provided but not defined: -nope'],
    [['--constructor=1'], 'flag provided but not defined: -constructor'],
    [['-name'], 'flag needs an argument: -name'],
    [['--count', 'abc'], 'invalid value "abc" for flag -count: parse error'],
    [['--count', '-1'], 'invalid value "-1" for flag -count: parse error'],
    [['--count', '08'], 'invalid value "08" for flag -count: parse error'],
    [['--count', '18446744073709551616'], 'invalid value "18446744073709551616" for flag -count: value out of range'],
    [['--limit', '9223372036854775808'], 'invalid value "9223372036854775808" for flag -limit: value out of range'],
    [['--pprof=maybe'], 'invalid boolean value "maybe" for -pprof: parse error'],
    [['--wait', '5'], 'invalid value "5" for flag -wait: parse error'],
    [['--state', 'bogus'], 'invalid value "bogus" for flag -state: invalid value'],
    [['---x'], 'bad flag syntax: ---x'],
    [['-=3'], 'bad flag syntax: -=3'],
    [['--name', 'x', '--nope'], 'flag provided but not defined: -nope'],
  ])('refuses %j', (argv, message) => {
    expect(parseFlags(table, argv)).toEqual({ ok: false, error: { type: 'usage', message } });
  });

  test('-h and --help ask for help, with any value', () => {
    for (const word of ['-h', '--h', '-help', '--help', '--help=x']) {
      expect(parseFlags(table, [word])).toEqual({ ok: false, error: { type: 'help' } });
    }
  });

  test('an ignored flag takes no word of its own', () => {
    expect(valuesOf('--v', 'word').rest).toEqual(['word']);
    expect(valuesOf('--v=anything').values.v).toBe(null);
  });

  test('a flag assigned later counts as set, and leaves the first result alone', () => {
    const before = valuesOf('--name=x');
    const after = assignFlag(table, before, 'count', '7');
    expect(after).toMatchObject({ ok: true, value: { values: { name: 'x', count: 7 } } });
    expect(before.values.count).toBe(10_000);
    expect(assignFlag(table, before, 'count', 'x')).toEqual({ ok: false, error: 'parse error' });
  });

  test('any text survives as a string flag, however it is given', () => {
    void fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, apart) => {
        expect(valuesOf(...(apart ? ['--name', text] : [`--name=${text}`])).values.name).toBe(text);
      }),
    );
  });

  test('no command line makes the parser throw', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('--name', '--pprof', '--count=3', '--', '-', '--wait=1s'));
    void fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        const parsed = parseFlags(table, argv);
        if (parsed.ok) expect(argv.slice(argv.length - parsed.value.rest.length)).toEqual(parsed.value.rest);
      }),
    );
  });
});

test.each([
  ['plain', '"plain"'],
  ['a"b\\c', String.raw`"a\"b\\c"`],
  ['tab\tnl\n\x01\x7f', String.raw`"tab\tnl\n\x01\x7f"`],
  ['é€😀', '"é€😀"'],
  ['\u00a0\u200b', String.raw`"\u00a0\u200b"`],
])('Go quotes %j', (text, quoted) => {
  expect(goQuote(text)).toBe(quoted);
});

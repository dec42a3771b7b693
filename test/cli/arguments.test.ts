import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { helpText } from '../../src/cli/help.ts';
import { suggest } from '../../src/cli/suggest.ts';
import { syntax } from '../../src/cli/syntax.ts';

function parse(line: string) {
  return parseArguments(
    syntax,
    line.split(' ').filter((word) => word !== ''),
  );
}

function parsed(line: string) {
  const result = parse(line);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('the command line', () => {
  it('takes flags before and after the command, with one dash or two', () => {
    for (const line of ['-f x start a b', 'start -f x a b', 'start a --procfile=x b', 'start a b -procfile x']) {
      const { command, words, values } = parsed(line);
      expect([command, ...words, values.procfile]).toEqual(['start', 'a', 'b', 'x']);
    }
  });

  it("reads goreman's booleans", () => {
    const { values } = parsed('-set-ports=false -exit-on-error -logtime=false start');
    expect([values['set-ports'], values['exit-on-error'], values.timestamps]).toEqual([false, true, false]);
  });

  it("reads foreman's flags", () => {
    const { values } = parsed('start -p 7000 -t 5 -d dir --no-timestamp -c');
    expect(values).toMatchObject({
      'base-port': 7000,
      grace: 5000,
      basedir: 'dir',
      timestamps: false,
      color: 'always',
    });
  });

  it('reads -p and -f by where they stand', () => {
    expect(parsed('-p 9000 start').values['rpc-port']).toBe(9000);
    expect(parsed('start -p 9000').values['base-port']).toBe(9000);
    expect(parsed('-f x logs -f -n 5').values).toMatchObject({ procfile: 'x', follow: true, lines: 5 });
  });

  it("leaves the flags of a user's command alone, not those of goreman's words", () => {
    expect(parsed('run -e x ls -l -f').words).toEqual(['ls', '-l', '-f']);
    expect(parsed('exec stop -f').words).toEqual(['stop', '-f']);
    expect(parsed('run stop web -f x').values.procfile).toBe('x');
  });

  it('ends flags at two dashes', () => {
    expect(parsed('start -- -f').words).toEqual(['-f']);
    expect(parsed('-- check -f').command).toBe('check');
  });

  it('knows no command when there is none', () => {
    expect(parsed('').command).toBe(null);
    expect(parsed('--version').values.version).toBe(true);
  });

  it.each([
    ['start --fomation x', 'unknown flag --fomation: did you mean --formation?'],
    ['start --zzzzzzzz', 'unknown flag --zzzzzzzz'],
    ['start -f', 'flag -f needs a value'],
    ['start --members 0', 'invalid value "0" for flag --members: expected a number from 1 to 9'],
    ['start --members 10', 'invalid value "10" for flag --members: expected a number from 1 to 9'],
    ['start --grace x', 'invalid value "x" for flag --grace: expected a duration such as 10s, 500ms or 1m'],
    ['start --color=red', 'invalid value "red" for flag --color: expected auto, always or never'],
    ['start -b x', 'invalid value "x" for flag -b: expected a port number'],
    ['start -set-ports=perhaps', 'invalid value "perhaps" for flag -set-ports: expected true or false'],
    ['start --exit-code last', 'invalid value "last" for flag --exit-code: expected goreman, first or max'],
    ['start -m web', 'invalid value "web" for flag -m: "web" is not name=count'],
    ['start -toString', 'unknown flag -toString'],
  ])('%j: %s', (line, message) => {
    expect(parse(line)).toEqual({ ok: false, error: message });
  });
});

describe('help', () => {
  it.each([null, 'start', 'export', 'fault'])('on %s fits a screen', (topic) => {
    const lines = helpText(topic).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('did you mean', () => {
  it.each([
    ['strat', 'start'],
    ['chek', 'check'],
    ['xyz', null],
  ])('%s: %s', (word, near) => {
    expect(suggest(word, ['start', 'check', 'version'])).toBe(near);
  });
});

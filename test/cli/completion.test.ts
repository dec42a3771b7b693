import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findFlag, parseArguments } from '../../src/cli/arguments.ts';
import { commandInfos, flagInfos } from '../../src/cli/catalogue.ts';
import { answer } from '../../src/cli/completion/answer.ts';
import { completionScripts } from '../../src/cli/completion/scripts.ts';
import { whatIsWanted } from '../../src/cli/completion/wanted.ts';
import { helpText } from '../../src/cli/help.ts';
import { syntax } from '../../src/cli/syntax.ts';

const names = {
  entries: async () => ['web', 'work', 'name with space'],
  processes: async () => ['web.1', 'web.2'],
  faults: async () => ['f1', 'f3'],
};

/** Mode and candidates, without summaries, for a line whose last word is being typed. */
async function complete(...line: string[]): Promise<string[]> {
  const current = line.pop() ?? '';
  const question = whatIsWanted(line, current);
  if (question === null) return [];
  const text = await answer(question.wanted, current, names);
  return text
    .trimEnd()
    .split('\n')
    .map((one) => one.split('\t')[0] ?? '');
}

describe('completion', () => {
  it.each<[string[], string[]]>([
    [['st'], ['words', 'start', 'status']],
    [
      ['fault', 're'],
      ['words', 'restart', 'resume'],
    ],
    [
      ['fault', 'kill', ''],
      ['words', 'web.1', 'web.2', 'leader', 'follower', 'random'],
    ],
    [
      ['fault', 'partition', '--is'],
      ['words', '--isolate'],
    ],
    [
      ['fault', 'partition', '--m'],
      ['words', '--majority', '--minority', '--mode', '--messages'],
    ],
    [
      ['fault', 'partition', '--isolate', 'l'],
      ['words', 'leader'],
    ],
    [
      ['fault', 'partition', '--isolate=f'],
      ['words', '--isolate=follower'],
    ],
    [
      ['fault', 'partition', '--ring', '--mode', ''],
      ['words', 'hold', 'drop', 'reset'],
    ],
    [
      ['fault', 'disk', 'web.1', '--fail', 'E'],
      ['words', 'EIO', 'ENOSPC', 'EDQUOT', 'EROFS'],
    ],
    [
      ['fault', 'disk', 'web.1', '--fail', 'EIO', ''],
      ['words', 'web.2', 'leader', 'follower', 'random'],
    ],
    [
      ['fault', 'heal', 'f1', ''],
      ['words', 'f3'],
    ],
    [
      ['fault', 'heal', '--'],
      ['words', '--all', '--json'],
    ],
    [['fault', 'delay', ''], ['words']],
    [
      ['fault', '--j'],
      ['words', '--json'],
    ],
    [
      ['start', 'w'],
      ['words', 'web', 'work'],
    ],
    [
      ['start', 'web', ''],
      ['words', 'work', 'name with space'],
    ],
    [['start', '--', '-'], ['words']],
    [
      ['start', '--col'],
      ['words', '--color'],
    ],
    [
      ['start', '--color=a'],
      ['words', '--color=auto', '--color=always'],
    ],
    [
      ['start', '--color', 'w'],
      ['words', 'web', 'work'],
    ],
    [
      ['start', '--exit-on-error='],
      ['words', '--exit-on-error=true', '--exit-on-error=false'],
    ],
    [
      ['start', '--env-rules', ''],
      ['words', 'goreman', 'foreman'],
    ],
    [['start', '--grace', ''], ['words']],
    [
      ['start', '-m', ''],
      ['open', 'all=', 'web=', 'work=', 'name with space='],
    ],
    [
      ['start', '-m', 'web=2,w'],
      ['open', 'web=2,work='],
    ],
    [
      ['start', '--formation=web=2,a'],
      ['open', '--formation=web=2,all='],
    ],
    [
      ['start', '--etcd', ''],
      ['words', 'bundled', 'system'],
    ],
    [['start', '--etcd', './b'], ['files']],
    [['-f', ''], ['files']],
    [['--basedir', ''], ['folders']],
    [
      ['run', 'stop'],
      ['words', 'stop', 'stop-all'],
    ],
    [
      ['run', 'stop', ''],
      ['words', 'web.1', 'web.2'],
    ],
    [['run', 'list', ''], ['words']],
    [['run', 'ls', '-'], ['files']],
    [
      ['exec', 'n'],
      ['words', 'name with space'],
    ],
    [['exec', 'ls', '-f', ''], ['files']],
    [
      ['logs', '-f', 'web.1', ''],
      ['words', 'web.2'],
    ],
    [['logs', '-n', ''], ['words']],
    [
      ['wait', '--for='],
      ['words', '--for=ready', '--for=leader', '--for=exit'],
    ],
    [
      ['wait', '--t'],
      ['words', '--timeout'],
    ],
    [
      ['export', 's'],
      ['words', 'systemd', 'supervisord'],
    ],
    [['export', 'systemd', ''], ['folders']],
    [
      ['export', 'systemd', 'dir', 'n'],
      ['words', 'name with space'],
    ],
    [['export', '-l', ''], ['folders']],
    [
      ['check', '--po'],
      ['words', '--portable'],
    ],
    [
      ['completion', ''],
      ['words', 'bash', 'zsh', 'fish'],
    ],
    [['--ver'], ['words', '--version']],
    [['nosuch', ''], ['words']],
    [['start', '--nosuch', ''], []],
    [['start', '--grace', 'x', ''], []],
  ])('of %j: %j', async (line, words) => expect(await complete(...line)).toEqual(words));

  it('looks where the flags typed so far say', () => {
    const question = whatIsWanted(['-f', 'other', 'start', '-d', 'dir'], '');
    expect(question?.values).toMatchObject({ procfile: 'other', basedir: 'dir' });
  });
});

describe('the catalogue', () => {
  it('has every command that there is', () => {
    const main = readFileSync(new URL('../../src/cli/main.ts', import.meta.url), 'utf8');
    const cases = [...main.matchAll(/^ {4}case '(\w+)':/gm)].map((match) => match[1] ?? '');
    expect(Object.keys(commandInfos).sort()).toEqual(cases.filter((name) => !name.startsWith('__')).sort());
  });

  it.each(Object.entries(commandInfos))(
    '%s offers flags that the command line takes, in few words',
    (command, info) => {
      for (const name of info.flags) {
        const { spelling = name, summary, value } = flagInfos[name];
        const flag = findFlag(syntax, `--${spelling}`, command);
        expect(flag?.name).toBe(name);
        expect(summary.length).toBeLessThanOrEqual(60);
        // A flag that is given a value must not be taken for one that stands alone, and the other way round.
        if (spelling.includes('=')) expect(flag?.flag.standsAlone).toBe(true);
        const words = value.type === 'words' ? value.words : [];
        for (const word of words) {
          expect(parseArguments(syntax, [command, `--${spelling}=${word}`]).ok, `--${spelling}=${word}`).toBe(true);
        }
      }
      expect(info.summary.length).toBeLessThanOrEqual(60);
    },
  );

  it('knows the flags of every command that the help names', () => {
    const named = new Set((helpText('start') + helpText('export')).match(/(?<=\s)--[a-z-]+/g));
    const offered = new Set([
      ...(commandInfos['start']?.flags ?? []),
      ...(commandInfos['export']?.flags ?? []),
    ] as readonly string[]);
    for (const flag of named) expect(offered, flag).toContain(findFlag(syntax, flag, 'start')?.name);
    const commands = [...helpText(null).matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1] ?? '');
    expect(Object.keys(commandInfos)).toEqual(expect.arrayContaining(commands));
  });
});

it.each([...completionScripts])('the script for %s says how to use it, and asks __complete', (shell, script) => {
  expect(script).toContain(`clusterctl completion ${shell}`);
  expect(script).toContain('__complete --');
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ParsedCommand } from '../../../src/server/config/command.ts';
import { parseCommand } from '../../../src/server/config/command.ts';

/** Command lines that real etcd 3.6.5 was given, with its exit code (null: it ran) and what it printed before starting. */
interface Recorded {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly exit: number | null;
  readonly stdout?: string;
  /** First line of stderr, if it was no log line. */
  readonly text?: string;
  readonly lines?: readonly (readonly [level: string, message: string, fields: Readonly<Record<string, unknown>>])[];
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL('../../testdata/config/etcd-cli.json', import.meta.url), 'utf8'),
);

/** Where this member deliberately differs from the recording, and how. */
const differences: Readonly<Record<string, string>> = {
  '--proxy on': 'refused with a reason: a flag of 3.4',
  '--enable-v2': 'accepted with a warning: a flag of 3.4',
  '--debug': 'accepted with a warning: a flag of 3.4',
  '--discovery http://127.0.0.1:1/x': 'refused: not supported yet',
  '--discovery-srv nope.invalid': 'refused: not supported yet',
  '--log-outputs /nonexistent/x.log --logger zap': 'accepted: the file is opened by startLogging',
};

/** Failures that etcd finds after parsing; here the flags must be accepted. */
const runtimeFailures = [
  "couldn't find local name",
  'but missing from --initial-advertise-peer-urls',
  'cannot fetch cluster info',
  'cannot access data directory',
  'address already in use',
  'open nope.crt: no such file or directory',
];

function run(one: Recorded): Promise<ParsedCommand> {
  return parseCommand({
    program: 'etcd',
    args: one.args,
    environment: one.env ?? {},
    readFile(path) {
      const text = one.files?.[path];
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    },
  });
}

function logged(command: ParsedCommand): unknown[] {
  if (command.type !== 'run' && command.type !== 'invalid') throw new Error(`unexpected ${command.type}`);
  const ours = ['flags are accepted but have no effect in this member yet'];
  return command.lines
    .filter((line) => !ours.includes(line.message))
    .map((line) => [line.level, line.message, line.message === 'Running: ' ? {} : line.fields]);
}

function finalError(one: Recorded): string {
  return String(one.lines?.at(-1)?.[2]['error'] ?? '');
}

describe('command lines answered as by etcd 3.6.5', () => {
  const same = recorded.filter((one) => !(one.args.join(' ') in differences));
  const isSubcommand = (one: Recorded): boolean => one.args[0] === 'gateway' || one.args[0] === 'grpc-proxy';
  const failsLater = (one: Recorded): boolean => runtimeFailures.some((text) => finalError(one).includes(text));

  test.each(same.filter(isSubcommand))('$args is a sub-command', async (one) => {
    expect(await run(one)).toEqual({ type: 'subcommand', name: one.args[0], args: one.args.slice(1) });
  });

  test.each(same.filter((one) => one.stdout !== undefined))('$args prints the version', async (one) => {
    const command = await run(one);
    if (command.type !== 'version') throw new Error(command.type);
    const [first, ...rest] = command.text.split('\n');
    const [theirFirst, ...theirRest] = (one.stdout ?? '').split('\n');
    expect(first).toBe(theirFirst);
    expect(rest.map((line) => line.split(':')[0])).toEqual(theirRest.map((line) => line.split(':')[0]));
  });

  test.each(same.filter((one) => one.text !== undefined))('$args: $text', async (one) => {
    const command = await run(one);
    expect(command).toMatchObject({ type: 'usageError', exitCode: one.exit });
    if (command.type !== 'usageError') throw new Error(command.type);
    expect(command.text.split('\n')[0]).toBe(one.text);
    expect(command.text.includes('\nUsage:\n')).toBe(!command.text.startsWith('panic'));
  });

  const withLines = same.filter((one) => one.lines !== undefined && one.text === undefined);
  test.each(withLines.filter((one) => one.exit !== null && !failsLater(one)))(
    '$args $env ends with $exit',
    async (one) => {
      const command = await run(one);
      expect(command).toMatchObject({ type: 'invalid', exitCode: one.exit });
      const lines = logged(command);
      if (finalError(one).includes('yaml: line')) {
        const [, , fields] = lines.at(-1) as [string, string, { error: string }];
        expect(fields.error).toMatch(/^error converting YAML to JSON: yaml: line \d+: /);
      } else expect(lines).toEqual(one.lines);
    },
  );

  test.each(withLines.filter((one) => one.exit === null || failsLater(one)))('$args $env $files runs', async (one) => {
    const command = await run(one);
    expect(command.type).toBe('run');
    const theirs = (one.lines ?? []).filter(([level, , fields]) => level !== 'fatal' && !('error' in fields));
    expect(logged(command).slice(0, theirs.length)).toEqual(theirs);
  });

  test.each(Object.entries(differences))('%s is %s', async (args, how) => {
    const command = await run({ args: args.split(' '), exit: null });
    expect(command.type).toBe(how.startsWith('accepted') ? 'run' : 'invalid');
  });

  test('every recorded command line is covered', () => {
    const compared = same.filter((one) => isSubcommand(one) || one.stdout || one.text || one.lines);
    expect(compared.length).toBe(same.length);
    expect(recorded.length).toBe(69);
  });
});

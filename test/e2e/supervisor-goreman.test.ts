/**
 * The collected Procfiles, run beside what goreman 0.3.19 made of them (goreman.txt: the lines of the processes, and the exit
 * code). Equal where goreman is right; every difference is listed here with its reason.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

const cases = new URL('../testdata/procfile/', import.meta.url).pathname;

interface Case {
  readonly args?: readonly string[];
  /** Environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The supervisor gets the signals, some time apart, once its output matches; without, it ends by itself. */
  readonly when?: RegExp;
  readonly signals?: readonly NodeJS.Signals[];
  /** Why ours differs, and what ours is. */
  readonly differs?: {
    readonly because: string;
    readonly lines?: readonly string[];
    readonly change?: (lines: readonly string[]) => readonly string[];
    readonly exit?: number | null;
  };
}

const table: Readonly<Record<string, Case>> = {
  '01-simple': {},
  '02-grammar': {},
  '03-dup': {},
  '04-crlf': {},
  '05-exit3': { when: /bad \| exited with code 3/, signals: ['SIGINT'] },
  '06-lines': {
    differs: {
      because: 'blank lines are kept, and a line that arrives in two parts stays one',
      lines: [
        'a | no newline at end',
        'b | part1-part2',
        'c | \x1b[31mred\x1b[0m plain \x1b[1mnever reset',
        'c | after',
        'd | progress 1\rprogress 2\rprogress 3',
        'e | to-stderr',
        'e | to-stdout',
        'f | ',
        'f | ',
        'f | blank lines above',
        'f |    leading blanks',
      ],
    },
  },
  '07-huge': {},
  '08-env': {
    env: { Z: 'parent' },
    differs: {
      because: 'a broken env file is an error with its line, not silently dropped as a whole',
      lines: [],
      exit: 2,
    },
  },
  '08b-env': {
    env: { Z: 'parent' },
    differs: {
      because: 'PS is set, as foreman does',
      change: (lines) => lines.flatMap((line) => (line === 'p | PORT=5000' ? [line, 'p | PS=p.1'] : [line])),
    },
  },
  '09-dollar': {},
  '10-stubborn': { args: ['--grace', '1s'], when: /(?:\| ready\n[\s\S]*){3}/, signals: ['SIGINT'] },
  '11-orphan': {
    when: /up/,
    signals: ['SIGINT'],
    differs: { because: 'goreman hangs on the pipe that a stray holds, and is killed by its tester', exit: 0 },
  },
  '12-badcmd': { when: /not found/, signals: ['SIGINT'] },
  '13-empty': {},
  '14-missing': {},
  '15-binary': {},
  '16-fourteen': {},
  '18-subset': { args: ['db', 'x'] },
  '19-hup': {
    when: /up/,
    signals: ['SIGHUP', 'SIGINT'],
    differs: {
      because: 'SIGHUP reads the files again and ends nothing; the SIGINT that follows is passed on as it is',
      lines: ['a | up', 'a | got int'],
    },
  },
  '20-pipeheld': {},
  '21-term': { when: /up/, signals: ['SIGTERM'] },
  '22-int': { when: /up/, signals: ['SIGINT'] },
  '23-int-twice': { when: /(?:\| ready\n[\s\S]*){2}/, signals: ['SIGINT', 'SIGINT'] },
  '24-kill9': { when: /(?:\| up\n[\s\S]*){2}/, signals: ['SIGKILL'], differs: { because: 'killed', exit: null } },
  '25-restart-exit0': {},
};

/** What our shell and goreman's say differently, and no program of the Procfile does. */
function normalised(line: string): string {
  return line
    .replace(/A{1048576}/, '<A x 1048576>')
    .replace(/B{100000}/, '<B x 100000>')
    .replace(/: (?:line )?\d+: (\/no\/such\/binary)/, ': $1');
}

/** By process, each in its own order: the order between processes is chance, and so is that of two streams of one (e). */
function byProcess(lines: readonly string[]): string[] {
  const nameOf = (line: string) => (line.startsWith('e | to-') ? line : (line.split(' | ')[0] ?? ''));
  return [...lines].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0));
}

/** Said by the shell of this machine about a signal, not by a program. */
const shellNotes = / \| (?:Terminated|Hangup|Interrupt)$/;
const ours = / \| (?:Starting .*|exited with code \d+|terminated by SIG\w+|still running .*|etcd is .*)$/;

function goldenOf(name: string): { lines: string[]; exit: number } {
  const lines = readFileSync(join(cases, name, 'goreman.txt'), 'latin1')
    .trimEnd()
    .split('\n');
  const exit = Number(lines.pop()?.replace('exit ', ''));
  return { lines: byProcess(lines.filter((line) => !shellNotes.test(line)).map(normalised)), exit };
}

describe.concurrent('the Procfiles of the collection', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await install();
  });
  afterAll(() => installation.remove());

  it.for(Object.entries(table))('%s', async ([name, one], { expect }) => {
    const { args = [], env = {}, when, signals = [], differs } = one;
    const run = new Run(installation, {
      cwd: join(cases, name),
      args: ['start', '--timestamps=false', '--history=false', ...args],
      env,
    });
    if (when !== undefined) {
      await run.seen(when);
      await run.endBy(...signals);
    }
    const { code } = await run.ended;
    const lines = run.stdout
      .toString('latin1')
      .split('\n')
      .map((line) => line.replace(/^ +/, ''));
    const said = lines.filter((line) => line !== '' && !ours.test(line) && !shellNotes.test(line)).map(normalised);
    const golden = goldenOf(name);
    expect(code).toBe(differs?.exit === undefined ? golden.exit : differs.exit);
    const expected = differs?.lines ?? differs?.change?.(golden.lines) ?? golden.lines;
    expect(byProcess(said)).toEqual(byProcess(expected));
    await expect.poll(() => (process.platform === 'linux' ? run.survivors() : []), { timeout: 5_000 }).toEqual([]);
  });
});

/** Runs the collected Procfiles as another tool was run, and compares with what that tool made of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

const cases = new URL('../testdata/procfile/', import.meta.url).pathname;

/** What 06-lines says, of which every tool tears or drops something. */
export const wholeLines: readonly string[] = [
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
];

export interface Case {
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
    /** Of this tool's lines, or of another's. */
    readonly change?: (lines: readonly string[]) => readonly string[];
    readonly like?: string;
    readonly exit?: number | null;
  };
}

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

/** The lines that the processes of a case said under a tool, and its exit code. */
export function goldenOf(name: string, tool: string): { lines: string[]; exit: number } {
  const lines = readFileSync(join(cases, name, `${tool}.txt`), 'latin1')
    .trimEnd()
    .split('\n');
  const exit = Number(lines.pop()?.replace('exit ', ''));
  return { lines: byProcess(lines.filter((line) => !shellNotes.test(line)).map(normalised)), exit };
}

/** One test for each case of the table; `flags` are for all. */
export function compareWith(tool: string, flags: readonly string[], table: Readonly<Record<string, Case>>): void {
  describe.concurrent(`the Procfiles of the collection, beside ${tool}`, () => {
    let installation: Installation;
    beforeAll(async () => {
      installation = await install();
    });
    afterAll(() => installation.remove());

    it.for(Object.entries(table))('%s', async ([name, one], { expect }) => {
      const { args = [], env = {}, when, signals = [], differs } = one;
      const run = new Run(installation, {
        cwd: join(cases, name),
        args: ['start', '--timestamps=false', '--history=false', ...flags, ...args],
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
      const golden = goldenOf(name, tool);
      expect(code).toBe(differs?.exit === undefined ? golden.exit : differs.exit);
      const { lines: theirs } = differs?.like === undefined ? golden : goldenOf(name, differs.like);
      const expected = differs?.lines ?? differs?.change?.(theirs) ?? theirs;
      expect(byProcess(said)).toEqual(byProcess(expected));
      await expect.poll(() => (process.platform === 'linux' ? run.survivors() : []), { timeout: 5_000 }).toEqual([]);
    });
  });
}

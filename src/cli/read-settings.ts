/** Adds what `.goreman` and `.foreman` of this folder say to the command line, which wins. */
import { readFileSync } from 'node:fs';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Arguments } from './arguments.ts';
import { exitCode } from './exit-codes.ts';
import { complain, printProblems } from './read-procfile.ts';
import type { FileSetting } from './settings-file.ts';
import type { syntax } from './syntax.ts';

type CommandLine = Arguments<typeof syntax.flags>;

/** A setting of a file, and what has the flag instead of it: null if it is used. */
export interface ExplainedSetting extends FileSetting {
  readonly beatenBy: string | null;
}

export interface Settled {
  readonly commandLine: CommandLine;
  readonly settings: readonly ExplainedSetting[];
}

/** The earlier one wins. */
const files = ['.goreman', '.foreman'];
/** What `--members` replaces. */
const beatenByMembers = ['procfile', 'formation'];

/** The exit code, after the errors have been printed, if a file is wrong. */
export async function withSettingsFiles(commandLine: CommandLine): Promise<Result<Settled, number>> {
  const found: FileSetting[] = [];
  for (const file of files) {
    const text = tryRead(file);
    if (!text.ok) return text;
    if (text.value === null) continue;
    const { parseSettings } = await import('./settings-file.ts');
    const { settings, problems } = parseSettings(file, text.value);
    printProblems(problems);
    if (problems.some((problem) => problem.severity === 'error')) return err(exitCode.usage);
    found.push(...settings);
  }
  if (found.length === 0) return ok({ commandLine, settings: [] });
  return ok(settle(commandLine, found));
}

/** Pure. */
function settle(commandLine: CommandLine, found: readonly FileSetting[]): Settled {
  const given = new Set(commandLine.given);
  const values: Record<string, unknown> = { ...commandLine.values };
  const settings = found.map((setting) => {
    const beatenBy = winner(setting, commandLine.given, found);
    if (beatenBy === null) {
      values[setting.flag] = setting.value;
      given.add(setting.flag);
    }
    return { ...setting, beatenBy };
  });
  // The values came out of the same table's parse.
  return { commandLine: { ...commandLine, values: values as CommandLine['values'], given }, settings };
}

function winner(setting: FileSetting, given: ReadonlySet<string>, all: readonly FileSetting[]): string | null {
  const { flag } = setting;
  if (given.has(flag)) return `--${flag} of the command line`;
  if (given.has('members') && beatenByMembers.includes(flag)) return '--members of the command line';
  const first = all.find((one) => one.flag === flag);
  return first === undefined || first === setting ? null : `${first.file}:${first.line}`;
}

function tryRead(file: string): Result<string | null, number> {
  try {
    return ok(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    // foreman takes only a file: a folder of this name is somebody else's.
    if (code === 'ENOENT' || code === 'EISDIR') return ok(null);
    complain(`${file}: cannot read these settings: ${error instanceof Error ? error.message : String(error)}`);
    return err(exitCode.failed);
  }
}

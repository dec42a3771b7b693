/** Reads and parses the Procfile that the user means, and tells them what is wrong with it. */
import { readFileSync } from 'node:fs';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Procfile } from '../supervisor/procfile/parse.ts';
import { parseProcfile } from '../supervisor/procfile/parse.ts';
import type { Problem } from '../supervisor/procfile/problem.ts';
import { formatProblem } from '../supervisor/procfile/problem.ts';
import { exitCode } from './exit-codes.ts';

/** A wrong kind of file has a problem in every line: the first ones tell enough. */
const problemsShownMax = 20;

/** Takes a sentence for the user. */
export type Say = (message: string) => void;

/** A Procfile with at least one entry, its problems said; or the exit code after its errors have been said. */
export function readProcfile(file: string, say: Say = complain): Result<Procfile, number> {
  const read = readProcfileText(file, say);
  return read.ok ? usable(parseProcfile(read.value.name, read.value.text), say) : read;
}

/** The text of the file, and the name under which problems are reported; or the exit code after the error has been said. */
export function readProcfileText(
  file: string,
  say: Say = complain,
): Result<{ readonly name: string; readonly text: string }, number> {
  const name = file === '-' ? 'stdin' : file;
  try {
    return ok({ name, text: readFileSync(file === '-' ? 0 : file, 'utf8') });
  } catch (error) {
    say(`${name}: ${reason(error)}`);
    return err(exitCode.failed);
  }
}

/** The Procfile, if it has entries and no errors; its problems are said. */
export function usable(procfile: Procfile, say: Say = complain): Result<Procfile, number> {
  printProblems(procfile.problems, say);
  if (procfile.problems.some((problem) => problem.severity === 'error')) return err(exitCode.usage);
  if (procfile.entries.length === 0) {
    say(`${procfile.file}: no valid entry: write a line such as \`web: node server.js\``);
    return err(exitCode.failed);
  }
  return ok(procfile);
}

/** One line on stderr, in the shape of all our errors. */
export function complain(message: string): void {
  process.stderr.write(`clusterctl: ${message}\n`);
}

/** All of them, up to a screenful. */
export function printProblems(problems: readonly Problem[], say: Say = complain): void {
  for (const problem of problems.slice(0, problemsShownMax)) say(formatProblem(problem));
  const more = problems.length - problemsShownMax;
  if (more > 0) say(`… and ${more} more problems`);
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'ENOENT':
      return 'no such file: create it, name another with -f, or start a cluster without one: --members 3';
    case 'EISDIR':
      return 'is a folder: name the file in it with -f';
    case 'EACCES':
      return 'permission denied';
    default:
      return `cannot be read: ${String(error)}`;
  }
}

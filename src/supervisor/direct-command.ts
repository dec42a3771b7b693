/**
 * Finds out whether a command needs the shell: one of plain words does what `sh -c` would do without it, a program less to start
 * (measured: a fifth of the time that a hundred starts take). All else, and whatever the shell may have to say something about,
 * is left to the shell.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, resolve } from 'node:path';

export interface DirectCommand {
  /** For execve in the folder of the process, as the shell would say it: scripts see it. */
  readonly file: string;
  /** What it is called, first, and its arguments. */
  readonly argv: readonly string[];
}

/** Nothing that any shell reads as more than itself: no quotes, expansions, patterns, operators, assignments. */
const plainWord = /^[A-Za-z0-9_%+:,./@-][A-Za-z0-9_%+:,./@=-]*$/;
/** Commands and words of sh and bash that are no programs, or also are but behave in their own way. */
const shellWords = new Set(
  `. : [ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare dirs disown
  do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash help history if in jobs kill
  let local logout mapfile popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test then
  time times trap true type typeset ulimit umask unalias unset until wait while`.split(/\s+/),
);

/** The words of a command that needs no shell; null for any other. Pure. */
export function plainWords(command: string): readonly string[] | null {
  const words = command.trim().split(/[ \t]+/);
  if (words[0] === 'exec') words.shift();
  const [program] = words;
  if (program === undefined || program.includes('=') || /^[-+]/.test(program) || shellWords.has(program)) return null;
  return words.every((word) => plainWord.test(word)) ? words : null;
}

/** Null if the command is the shell's. `path` is the PATH of the process. */
export function directCommand(command: string, cwd: string, path: string | undefined): DirectCommand | null {
  const argv = plainWords(command);
  const [program] = argv ?? [];
  if (argv === null || program === undefined) return null;
  if (program.includes('/')) return isProgram(resolve(cwd, program)) ? { file: program, argv } : null;
  const file = foundIn(path ?? '', program);
  return file === null ? null : { file, argv };
}

function foundIn(path: string, program: string): string | null {
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) return null;
    const file = `${folder}/${program}`;
    if (isProgram(file)) return file;
  }
  return null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

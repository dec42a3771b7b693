/** What the variables of several `.env` files and of the environment come to. Pure. */
import type { EnvFile, EnvRules } from './parse.ts';

/** A variable that a file sets, and whether that counts. */
export interface Variable {
  readonly key: string;
  readonly value: string;
  readonly file: string;
  readonly line: number;
  /** Why another value is used, or null if this one is. */
  readonly shadowedBy: string | null;
}

/**
 * All assignments in order of their files. goreman: the environment wins over files, an earlier file over a later. foreman: a
 * later file wins over an earlier, files over the environment. Within a file the last assignment counts, for both.
 */
export function mergeEnvFiles(
  files: readonly EnvFile[],
  environment: Readonly<Record<string, string | undefined>>,
  rules: EnvRules,
): readonly Variable[] {
  const all = files.flatMap(({ file, assignments }) => assignments.map((one) => ({ file, ...one })));
  const winners = new Map<string, (typeof all)[number]>();
  for (const one of all) {
    const before = winners.get(one.key);
    if (before === undefined || before.file === one.file || rules === 'foreman') winners.set(one.key, one);
  }
  return all.map((one) => {
    const winner = winners.get(one.key);
    const byEnvironment = rules === 'goreman' && environment[one.key] !== undefined;
    const byFile = winner === one || winner === undefined ? null : `${winner.file}:${winner.line}`;
    return { ...one, shadowedBy: byEnvironment ? 'the environment' : byFile };
  });
}

/** The variables that count, as an environment to add. */
export function effective(variables: readonly Variable[]): Record<string, string> {
  return Object.fromEntries(variables.filter((one) => one.shadowedBy === null).map((one) => [one.key, one.value]));
}

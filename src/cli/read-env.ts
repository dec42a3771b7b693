/** Reads the `.env` files that the user means, and tells them what is wrong with them. */
import { readFileSync } from 'node:fs';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Variable } from '../supervisor/env-file/merge.ts';
import { mergeEnvFiles } from '../supervisor/env-file/merge.ts';
import type { EnvFile } from '../supervisor/env-file/parse.ts';
import { parseEnvFile } from '../supervisor/env-file/parse.ts';
import { exitCode } from './exit-codes.ts';
import type { Say } from './read-procfile.ts';
import { complain, printProblems } from './read-procfile.ts';
import type { Options } from './syntax.ts';

/** Read if it is there; a file that the user names must be. */
const defaultFile = '.env';

/** Every variable of every file, in order; or the exit code after the errors have been said. */
export function readEnvFiles(options: Options, say: Say = complain): Result<readonly Variable[], number> {
  const rules = options['env-rules'];
  const files: EnvFile[] = [];
  const names = options.env === null ? [defaultFile] : options.env.split(',').filter((name) => name !== '');
  for (const name of names) {
    let text: string;
    try {
      text = readFileSync(name, 'utf8');
    } catch (error) {
      if (options.env === null && error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      say(`${name}: cannot read this env file: ${error instanceof Error ? error.message : String(error)}`);
      return err(exitCode.failed);
    }
    files.push(parseEnvFile(name, text, rules));
  }
  const problems = files.flatMap((file) => file.problems);
  printProblems(problems, say);
  if (problems.some((problem) => problem.severity === 'error')) return err(exitCode.usage);
  return ok(mergeEnvFiles(files, process.env, rules));
}

/** Reads the `clusterctl.yaml` that the user means, and tells them what is wrong with it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Known } from '../supervisor/config/parse.ts';
import type { Config } from '../supervisor/config/settings.ts';
import { emptyConfig } from '../supervisor/config/settings.ts';
import { keyProblems } from '../ui/input/keymap.ts';
import { exitCode } from './exit-codes.ts';
import type { Say } from './read-procfile.ts';
import { complain, printProblems } from './read-procfile.ts';
import type { Options } from './syntax.ts';

/** Beside the Procfile. Read if it is there; a file that the user names must be. */
const defaultFile = 'clusterctl.yaml';

/** Where the file of these options is, whether it exists or not. */
export function configFile({ config, procfile, members }: Options): string {
  if (config !== null) return config;
  return members !== null || procfile === '-' ? defaultFile : join(dirname(procfile), defaultFile);
}

/** An empty one if there is no file; or the exit code after its errors have been said. */
export async function readConfig(options: Options, known: Known, say: Say = complain): Promise<Result<Config, number>> {
  const file = configFile(options);
  if (options.config === null && !existsSync(file)) return ok(emptyConfig);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    say(`${file}: cannot read this config file: ${error instanceof Error ? error.message : String(error)}`);
    return err(exitCode.failed);
  }
  // Loaded only here: a run without a config file does not pay for the parsers.
  const { parseConfig } = await import('../supervisor/config/parse.ts');
  const { config, problems } = parseConfig(file, text, known, keyProblems);
  printProblems(problems, say);
  return problems.length > 0 ? err(exitCode.usage) : ok(config);
}

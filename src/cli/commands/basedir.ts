/** goreman's `-basedir`: the folder that relative paths, the Procfile's included, start from. */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

/** Changes the working directory; an empty path changes nothing. */
export function enterBasedir(basedir: string): Result<null, string> {
  if (basedir === '') return ok(null);
  try {
    process.chdir(basedir);
    return ok(null);
  } catch (error) {
    return err(`--basedir ${basedir}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

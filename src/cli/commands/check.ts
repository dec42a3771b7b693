/** `clusterctl check`: says what is wrong with the Procfile, or names its entries. */
import { exitCode } from '../exit-codes.ts';
import { readProcfile } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

export function check(options: Options): number {
  const procfile = readProcfile(options.procfile);
  if (!procfile.ok) return procfile.error;
  const names = procfile.value.entries.map((entry) => entry.name);
  process.stdout.write(`valid procfile detected (${names.join(', ')})\n`);
  return exitCode.ok;
}

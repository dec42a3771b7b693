/** `clusterctl check`: says what is wrong with the Procfile and `clusterctl.yaml`, or names the entries. */
import { planProcesses } from '../../supervisor/plan.ts';
import { exitCode } from '../exit-codes.ts';
import { readConfig } from '../read-config.ts';
import { complain, readProcfile } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

export async function check(options: Options): Promise<number> {
  const procfile = readProcfile(options.procfile);
  if (!procfile.ok) return procfile.error;
  const { entries } = procfile.value;
  const names = entries.map((entry) => entry.name);
  const { formation, 'base-port': basePort, 'set-ports': setPorts } = options;
  const planned = planProcesses(entries, { formation, only: [], basePort, setPorts });
  if (!planned.ok) {
    for (const message of planned.error) complain(message);
    return exitCode.failed;
  }
  const config = await readConfig(options, { entries: names, specs: planned.value });
  if (!config.ok) return config.error;
  process.stdout.write(`valid procfile detected (${names.join(', ')})\n`);
  return exitCode.ok;
}

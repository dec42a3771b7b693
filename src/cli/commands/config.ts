/** `clusterctl config schema`: what may stand in `clusterctl.yaml`, for editors. */
import { configJsonSchema } from '../../supervisor/config/schema.ts';
import { exitCode } from '../exit-codes.ts';
import { complain } from '../read-procfile.ts';

export function config(words: readonly string[]): number {
  if (words.join(' ') !== 'schema') {
    complain('config needs the word schema: clusterctl config schema');
    return exitCode.usage;
  }
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return exitCode.ok;
}

/** `clusterctl config schema`: what may stand in `clusterctl.yaml`, for editors. */
import { exitCode } from '../exit-codes.ts';
import { complain } from '../read-procfile.ts';

export async function config(words: readonly string[]): Promise<number> {
  if (words.join(' ') !== 'schema') {
    complain('config needs the word schema: clusterctl config schema');
    return exitCode.usage;
  }
  const { configJsonSchema } = await import('../../supervisor/config/parse.ts');
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return exitCode.ok;
}

/** `clusterctl env`: what the env files add to the environment of the processes, and with `--explain` why; then also what settings files do to flags. */
import { effective } from '../../supervisor/env-file/merge.ts';
import { exitCode } from '../exit-codes.ts';
import { readEnvFiles } from '../read-env.ts';
import type { ExplainedSetting } from '../read-settings.ts';
import type { Options } from '../syntax.ts';

export function env(options: Options, settings: readonly ExplainedSetting[]): number {
  const variables = readEnvFiles(options);
  if (!variables.ok) return variables.error;
  const flags = settings.map(({ flag, text, file, line, beatenBy }) => {
    return `${file}:${line}: --${flag} ${text} (${beatenBy === null ? 'used' : `not used: ${beatenBy} has it`})`;
  });
  const lines = options.explain
    ? [
        ...flags,
        ...variables.value.map(({ key, value, file, line, shadowedBy }) => {
          const fate = shadowedBy === null ? 'used' : `not used: ${shadowedBy} has it`;
          return `${file}:${line}: ${key}=${JSON.stringify(value)} (${fate})`;
        }),
      ]
    : Object.entries(effective(variables.value)).map(([key, value]) => `${key}=${value}`);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return exitCode.ok;
}

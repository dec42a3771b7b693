/** `clusterctl env`: what the env files add to the environment of the processes, and with `--explain` why; then also what settings files do to flags. */
import type { Variable } from '../../supervisor/env-file/merge.ts';
import { effective } from '../../supervisor/env-file/merge.ts';
import { exitCode } from '../exit-codes.ts';
import type { RunRequest } from '../planned-specs.ts';
import { basePortIn, planAll } from '../planned-specs.ts';
import { processSettings } from '../process-settings.ts';
import { configFile, readConfig } from '../read-config.ts';
import { readEnvFiles } from '../read-env.ts';
import type { ExplainedSetting } from '../read-settings.ts';

/** `request` without names. */
export async function env(request: RunRequest, settings: readonly ExplainedSetting[]): Promise<number> {
  const variables = readEnvFiles(request.options);
  if (!variables.ok) return variables.error;
  const lines = request.options.explain
    ? [...settings.map(explainSetting), ...(await explainVariables(request, variables.value))]
    : Object.entries(effective(variables.value)).map(([key, value]) => `${key}=${value}`);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return exitCode.ok;
}

function explainSetting({ flag, text, file, line, beatenBy }: ExplainedSetting): string {
  return `${file}:${line}: --${flag} ${text} (${beatenBy === null ? 'used' : `not used: ${beatenBy} has it`})`;
}

async function explainVariables(request: RunRequest, variables: readonly Variable[]): Promise<string[]> {
  const own = await configured(request, effective(variables));
  const fileName = configFile(request.options);
  const ofFiles = variables.map((variable) => {
    const { key, value, file, line } = variable;
    const others = own.filter((one) => one.key === key).map((one) => one.process);
    const fate = fateOf(variable, request);
    const but = fate === 'used' && others.length > 0 ? `, but by ${others.join(', ')}: ${fileName} has it` : '';
    return `${file}:${line}: ${key}=${JSON.stringify(value)} (${fate}${but})`;
  });
  const ofConfig = own.map(
    ({ key, value, process }) => `${fileName}: ${key}=${JSON.stringify(value)} (used by ${process})`,
  );
  return [...ofFiles, ...ofConfig];
}

/** Two variables are each process's own, whatever the files say. */
function fateOf({ key, value, shadowedBy }: Variable, request: RunRequest): string {
  if (shadowedBy !== null) return `not used: ${shadowedBy} has it`;
  if (key === 'PS') return 'not used: each process has its own';
  if (key !== 'PORT' || !request.options['set-ports']) return 'used';
  return basePortIn(request, { PORT: value }) === null
    ? 'not used: each process has its own, from --base-port on'
    : 'used as --base-port';
}

interface Configured {
  readonly process: string;
  readonly key: string;
  readonly value: string;
}

/** What `clusterctl.yaml` sets; nothing where it, or the Procfile, is not there or wrong, for others to say. */
async function configured(request: RunRequest, added: Readonly<Record<string, string>>): Promise<Configured[]> {
  const silently = () => {};
  const planned = planAll(request, added, silently);
  if (!planned.ok) return [];
  const { all, entries } = planned.value;
  const config = await readConfig(request.options, { entries, specs: all }, silently);
  if (!config.ok) return [];
  return all.flatMap((spec) =>
    Object.entries(processSettings(spec, config.value, request).all.env).map(([key, value]) => ({
      process: spec.name,
      key,
      value: String(value),
    })),
  );
}

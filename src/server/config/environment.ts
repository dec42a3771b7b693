/** ETCD_* variables as flags: flag before environment before default, and never the same option in both. */
import { assignFlag, type ParsedFlags } from '../../base/go-flags.ts';
import { goQuote } from '../../base/go-quote.ts';
import { allFlags, environmentName, type FlagName } from './flags.ts';
import type { StartupLines } from './startup-line.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type EtcdFlags = ParsedFlags<typeof allFlags>;

export type EnvironmentOutcome =
  | { readonly type: 'applied'; readonly flags: EtcdFlags }
  /** A variable's value does not parse. */
  | { readonly type: 'invalid'; readonly error: string }
  /** A variable and its flag are both set; the fatal line has been added. */
  | { readonly type: 'conflict' };

const caller = 'config/environment.ts';

/** Applies the variables on top of what the command line set. Of several that do not parse, the last is reported, as etcd does. */
export function applyEnvironment(flags: EtcdFlags, environment: Environment, lines: StartupLines): EnvironmentOutcome {
  const version = environment['ETCD_VERSION'] ?? '';
  if (version !== '') {
    const fields = { key: 'ETCD_VERSION', value: version };
    lines.add('warn', caller, 'cannot set special environment variable', fields);
  }

  let current = flags;
  let error: string | null = null;
  const used = new Set<string>(version === '' ? [] : ['ETCD_VERSION']);
  const shadowed = new Set([...flags.set].map(environmentName));
  for (const name of flagNames) {
    const variable = environmentName(name);
    const text = environment[variable] ?? '';
    if (text === '' || shadowed.has(variable) || used.has(variable)) continue;
    used.add(variable);
    const assigned = assignFlag(allFlags, current, name, text);
    if (assigned.ok) {
      current = assigned.value;
      const fields = { 'variable-name': variable, 'variable-value': text };
      lines.add('info', caller, 'recognized and used environment variable', fields);
    } else {
      error = `invalid value ${goQuote(text)} for ${variable}: ${assigned.error}`;
    }
  }
  if (reportOthers(environment, used, shadowed, lines)) return { type: 'conflict' };
  return error === null ? { type: 'applied', flags: current } : { type: 'invalid', error };
}

const flagNames = (Object.keys(allFlags) as FlagName[]).sort(); // keys of the table are its names

/** Warns of variables that are no flags; true if one is shadowed by a flag, which is fatal. */
function reportOthers(
  environment: Environment,
  used: ReadonlySet<string>,
  shadowed: ReadonlySet<string>,
  lines: StartupLines,
): boolean {
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || used.has(variable)) continue;
    if (shadowed.has(variable)) {
      const message =
        'conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))';
      lines.add('fatal', caller, message, { 'environment-variable': variable });
      return true;
    }
    if (variable.startsWith('ETCD_')) {
      lines.add('warn', caller, 'unrecognized environment variable', { 'environment-variable': `${variable}=${text}` });
    }
  }
  return false;
}

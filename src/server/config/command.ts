/** The command line of `etcd`, with its environment and configuration file, as a value that says what to do. */

import { errnoText } from '../../base/go-errno.ts';
import { parseFlags } from '../../base/go-flags.ts';
import { goQuote } from '../../base/go-quote.ts';
import type { LogConfig } from '../log/open.ts';
import { advertiseUnset, checkFlags, checkLogging, checkStart } from './checks.ts';
import { parseCompaction } from './compaction.ts';
import { buildConfig, type EtcdConfig } from './config.ts';
import { applyEnvironment, type Environment, type EtcdFlags } from './environment.ts';
import { allFlags, type EtcdFlagValues } from './flags.ts';
import { gatedConflict, migratedValues, renamedConflict, warnOfDeprecated } from './migration.ts';
import { type StartupLine, StartupLines } from './startup-line.ts';
import { refusal, withoutEffect } from './support.ts';
import type { EtcdUrl } from './urls.ts';

export interface CommandInput {
  /** How the program was called, for the log. */
  readonly program: string;
  /** The words after the program's name. */
  readonly args: readonly string[];
  readonly environment: Environment;
  /** The text of a file; throws as fs.readFileSync does. */
  readonly readFile: (path: string) => string;
}

export type ParsedCommand =
  | { readonly type: 'run'; readonly config: EtcdConfig; readonly lines: readonly StartupLine[] }
  /** Print on stdout, exit 0. */
  | { readonly type: 'version'; readonly text: string }
  /** Print `usage` on stderr and `text` on stdout, exit 0. */
  | { readonly type: 'help'; readonly usage: string; readonly text: string }
  | { readonly type: 'subcommand'; readonly name: 'gateway' | 'grpc-proxy'; readonly args: readonly string[] }
  /** Print on stderr, bare. */
  | { readonly type: 'usageError'; readonly exitCode: 1 | 2; readonly text: string }
  /** Log the lines, the last of which says why. `log` is null if the logging flags themselves are not known to be good. */
  | {
      readonly type: 'invalid';
      readonly exitCode: 1;
      readonly log: LogConfig | null;
      readonly lines: readonly StartupLine[];
    };

/** The version of etcd whose behaviour this member has; clients and tools compare it. */
const etcdVersion = '3.6.5';

const defaultInitialCluster = allFlags['initial-cluster'].default;

/** Never throws on user input, and touches nothing but `readFile`. */
export async function parseCommand(input: CommandInput): Promise<ParsedCommand> {
  const [first, ...others] = input.args;
  if (first === 'gateway' || first === 'grpc-proxy') return { type: 'subcommand', name: first, args: others };

  const parsed = parseFlags(allFlags, input.args);
  if (!parsed.ok) {
    const { flagHelp, usageText } = await import('./help.ts');
    if (parsed.error.type === 'help') return { type: 'help', usage: usageText, text: flagHelp() };
    return { type: 'usageError', exitCode: 2, text: `${parsed.error.message}\n${usageText}\n` };
  }
  const lines = new StartupLines();
  const [word] = parsed.value.rest;
  if (word !== undefined) return invalid(input, lines, null, `${goQuote(word)} is not a valid flag`);
  if (parsed.value.values.version) return { type: 'version', text: versionText() };

  const sourced = await applySources(input, parsed.value, lines);
  switch (sourced.type) {
    case 'stop':
      return sourced.command;
    case 'invalid':
      return invalid(input, lines, null, sourced.error);
    case 'flags':
      return checked(input, sourced, lines);
  }
}

interface Sourced {
  readonly type: 'flags';
  readonly flags: EtcdFlags;
  /** Path of the configuration file, if one was read. */
  readonly file: string | null;
}

type SourceOutcome =
  | Sourced
  | { readonly type: 'invalid'; readonly error: string }
  | { readonly type: 'stop'; readonly command: ParsedCommand };

/** The configuration file if there is one, else the environment. */
async function applySources(input: CommandInput, flags: EtcdFlags, lines: StartupLines): Promise<SourceOutcome> {
  const file = flags.values['config-file'] || (input.environment['ETCD_CONFIG_FILE'] ?? '');
  if (file === '') {
    const outcome = applyEnvironment(flags, input.environment, lines);
    if (outcome.type === 'applied') return { type: 'flags', flags: outcome.flags, file: null };
    if (outcome.type === 'invalid') return outcome;
    return { type: 'stop', command: { type: 'invalid', exitCode: 1, log: null, lines: lines.lines } };
  }

  let text: string;
  try {
    text = input.readFile(file);
  } catch (error) {
    return { type: 'invalid', error: `open ${file}: ${errnoText(error)}` };
  }
  const defaults = parseFlags(allFlags, []);
  if (!defaults.ok) return { type: 'invalid', error: 'no arguments did not parse' };
  const { applyConfigFile } = await import('./config-file.ts');
  const outcome = await applyConfigFile(defaults.value, text);
  if (outcome.type === 'applied') return { type: 'flags', flags: outcome.flags, file };
  if (outcome.type === 'invalid') return outcome;
  return { type: 'stop', command: { type: 'usageError', exitCode: 1, text: outcome.text } };
}

/** Checks the flags, in etcd's order, and makes the configuration. */
function checked(input: CommandInput, { flags, file }: Sourced, lines: StartupLines): ParsedCommand {
  const conflict = gatedConflict(flags) ?? renamedConflict(flags);
  if (conflict !== null) return invalid(input, lines, null, conflict);
  if (flags.values['discovery-fallback'] === 'proxy') {
    const error = `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`;
    return invalid(input, lines, null, error);
  }
  const values = migratedValues(withBootstrapDefaults(flags));
  const logging = checkLogging(values);
  if (!logging.ok) {
    if (logging.error.type === 'panic') return { type: 'usageError', exitCode: 2, text: logging.error.text };
    return invalid(input, lines, null, logging.error.error);
  }
  const log = logging.value;
  lines.loggingIsConfigured();

  const advertiseClientUrls = advertisedClientUrls(flags, file);
  const problem = checkFlags(values, advertiseClientUrls, lines);
  if (file !== null) {
    const message =
      'loaded server configuration, other configuration command line flags and environment variables will be ignored if provided';
    lines.add('info', 'config/command.ts', message, { path: file });
  }
  if (problem !== null) {
    warnOfDeprecated(flags, lines);
    return invalid(input, lines, log, problem);
  }
  const warningUnaryRequestDuration = unaryWarning(values, lines);
  if (typeof warningUnaryRequestDuration === 'string') return invalid(input, lines, log, warningUnaryRequestDuration);
  warnOfDeprecated(flags, lines);

  running(input, lines);
  const dataDir = values['data-dir'] === '' ? `${values.name}.etcd` : values['data-dir'];
  if (values['data-dir'] === '') {
    lines.add('warn', 'config/command.ts', "'data-dir' was empty; using default", { 'data-dir': dataDir });
  }
  const compaction = parseCompaction(values['auto-compaction-mode'], values['auto-compaction-retention']);
  const failure = checkStart(values) ?? (compaction.ok ? refusal(values) : compaction.error);
  if (failure !== null || !compaction.ok) {
    lines.add('fatal', 'config/command.ts', 'discovery failed', { error: failure ?? '' });
    return { type: 'invalid', exitCode: 1, log, lines: lines.lines };
  }
  warnOfNoEffect(flags, log, lines);
  const config = buildConfig(values, {
    dataDir,
    initialCluster: initialClusterOf(values),
    advertiseClientUrls,
    warningUnaryRequestDurationMs: warningUnaryRequestDuration,
    compaction: compaction.value,
    log,
  });
  return { type: 'run', config, lines: lines.lines };
}

/** Discovery replaces the default of --initial-cluster. */
function withBootstrapDefaults(flags: EtcdFlags): EtcdFlags {
  const { values, set } = flags;
  const discovers = [values.discovery, values['discovery-srv'], values['discovery-srv-name']].some((way) => way !== '');
  if (set.has('initial-cluster') || (!discovers && values['discovery-endpoints'].length === 0)) return flags;
  return { ...flags, values: { ...values, 'initial-cluster': '' } };
}

/** Who listens elsewhere than by default must say what to advertise; in a configuration file the default stays. */
function advertisedClientUrls(flags: EtcdFlags, file: string | null): readonly EtcdUrl[] {
  const missing = flags.set.has('listen-client-urls') && !flags.set.has('advertise-client-urls');
  return missing && file === null ? [] : flags.values['advertise-client-urls'];
}

const warningUnaryRequestDefaultMs = 300;

/** In milliseconds, or the complaint that both flags are set. */
function unaryWarning(values: EtcdFlagValues, lines: StartupLines): number | string {
  const stable = values['warning-unary-request-duration'].ms;
  const experimental = values['experimental-warning-unary-request-duration'].ms;
  if (stable !== 0 && experimental !== 0) {
    return (
      'both --experimental-warning-unary-request-duration and --warning-unary-request-duration flags are set. ' +
      'Use only --warning-unary-request-duration'
    );
  }
  if (experimental !== 0) {
    const message =
      '--experimental-warning-unary-request-duration is deprecated, and will be decommissioned in v3.7. ' +
      'Use --warning-unary-request-duration instead.';
    lines.add('warn', 'config/command.ts', message);
  }
  return stable || experimental || warningUnaryRequestDefaultMs;
}

/** A member that has only a name is a cluster of its own. */
function initialClusterOf(values: EtcdFlagValues): string {
  const text = values['initial-cluster'];
  if (values.name === 'default' || text !== defaultInitialCluster) return text;
  return values['initial-advertise-peer-urls'].map((url) => `${values.name || 'default'}=${url.text}`).join(',');
}

function warnOfNoEffect(flags: EtcdFlags, log: LogConfig, lines: StartupLines): void {
  const names = withoutEffect(flags);
  if (names.length > 0) {
    lines.add('warn', 'config/support.ts', 'flags are accepted but have no effect in this member yet', {
      flags: names,
    });
  }
  if (log.outputs.includes('systemd/journal')) {
    lines.add('warn', 'config/support.ts', 'logging to stderr instead of the systemd journal socket');
  }
}

function running(input: CommandInput, lines: StartupLines): void {
  lines.add('info', 'config/command.ts', 'Running: ', { args: [input.program, ...input.args] });
}

function invalid(input: CommandInput, lines: StartupLines, log: LogConfig | null, error: string): ParsedCommand {
  running(input, lines);
  lines.add('warn', 'config/command.ts', 'failed to verify flags', { error });
  if (error === advertiseUnset) {
    lines.add('warn', 'config/command.ts', 'advertise client URLs are not set', { error });
  }
  return { type: 'invalid', exitCode: 1, log, lines: lines.lines };
}

/** Four lines as etcd prints them; tools read the first. The third says what really runs. */
function versionText(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return [
    `etcd Version: ${etcdVersion}`,
    'Git SHA: none (clusterctl)',
    `Go Version: none (Node.js ${process.version})`,
    `Go OS/Arch: ${process.platform}/${architecture}`,
    '',
  ].join('\n');
}

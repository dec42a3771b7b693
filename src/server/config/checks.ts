/** What must hold between flags before a member starts: etcd's rules, in its order, with its texts. */
import type { Duration } from '../../base/duration.ts';
import { goQuote } from '../../base/go-quote.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { LogConfig } from '../log/open.ts';
import type { Level } from '../log/record.ts';
import { levels } from '../log/record.ts';
import { gateEnabled } from './feature-gates.ts';
import type { EtcdFlagValues } from './flags.ts';
import type { StartupLines } from './startup-line.ts';
import { isCipherSuite, tlsVersions } from './tls-names.ts';
import type { EtcdUrl } from './urls.ts';
import { advertiseProblem, bindProblem } from './urls.ts';

const electionTimeoutMaxMs = 50_000;
const samplesPerMillionMax = 1_000_000;

/** The text by which main recognises the one problem that etcd reports twice. */
export const advertiseUnset = '--advertise-client-urls is required when --listen-client-urls is set explicitly';

export type LoggingProblem =
  | { readonly type: 'invalid'; readonly error: string }
  /** etcd panics on an unknown level: this text on stderr, exit 2. */
  | { readonly type: 'panic'; readonly text: string };

/** Checks the logging flags, which etcd does first. */
export function checkLogging(values: EtcdFlagValues): Result<LogConfig, LoggingProblem> {
  const invalid = (error: string): Result<never, LoggingProblem> => err({ type: 'invalid', error });
  const { logger } = values;
  if (logger === 'capnslog') return invalid('--logger=capnslog is removed in v3.5');
  if (logger !== 'zap') return invalid(`unknown logger option ${goQuote(logger)}`);

  const outputs = values['log-outputs'].length === 0 ? ['default'] : values['log-outputs'];
  if (outputs.length > 1 && outputs.includes('default')) {
    return invalid('multi logoutput for "default" is not supported yet');
  }
  const rotation = values['enable-log-rotation'] ? rotationProblem(outputs, values['log-rotation-config-json']) : null;
  if (rotation !== null) return invalid(rotation);

  const level = parseLevel(values['log-level']);
  if (level === null) {
    return err({ type: 'panic', text: `panic: unrecognized level: ${goQuote(values['log-level'])}\n` });
  }
  const format = values['log-format'] === '' ? 'json' : values['log-format'];
  if (format !== 'json' && format !== 'console') {
    return invalid(`unknown log format: ${format}, supported values json, console`);
  }
  return ok({ level, format, outputs });
}

/** The first problem of the other flags, or null. Adds the warnings that etcd prints on the way. */
export function checkFlags(
  values: EtcdFlagValues,
  advertiseClientUrls: readonly EtcdUrl[],
  lines: StartupLines,
): string | null {
  const warn = (message: string): void => lines.add('warn', 'config/checks.ts', message);
  const listenProblem =
    bindProblem(values['listen-peer-urls']) ??
    bindProblem(values['listen-client-urls']) ??
    bindProblem(values['listen-client-http-urls']);
  if (listenProblem !== null) return listenProblem;
  if (values['listen-client-http-urls'].length === 0) {
    warn('Running http and grpc server on single port. This is not recommended for production.');
  }
  return (
    bindProblem(values['listen-metrics-urls']) ??
    hostPortProblem('initial-advertise-peer-urls', values['initial-advertise-peer-urls']) ??
    hostPortProblem('advertise-client-urls', advertiseClientUrls) ??
    bootstrapProblem(values) ??
    timingProblem(values) ??
    (advertiseClientUrls.length === 0 ? advertiseUnset : null) ??
    compactionModeProblem(values['auto-compaction-mode']) ??
    tracingProblem(values) ??
    leaseCheckpointProblem(values, warn) ??
    hashCheckProblem(values) ??
    defaultNameWarning(values, lines) ??
    tlsProblem(values)
  );
}

/** Problems that etcd finds only when it starts to serve: they end with "discovery failed". */
export function checkStart(values: EtcdFlagValues): string | null {
  const suite = values['cipher-suites'].find((name) => !isCipherSuite(name));
  if (suite !== undefined) return `unexpected TLS cipher suite ${goQuote(suite)}`;
  return authTokenProblem(values['auth-token']);
}

function rotationProblem(outputs: readonly string[], json: string): string | null {
  const files = outputs.filter((output) => !['default', 'stderr', 'stdout'].includes(output));
  if ((outputs.length === 1 && files.length === 0) || files.length > 1) {
    return '--log-outputs requires a single file path when --log-rotate-config-json is defined';
  }
  try {
    JSON.parse(json);
    return null;
  } catch (error) {
    return `improperly formatted log rotation config: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** zap's names, in any case; the empty text is info. */
function parseLevel(text: string): Level | null {
  if (text === '') return 'info';
  return levels.find((level) => level === text.toLowerCase()) ?? null;
}

function hostPortProblem(flag: string, urls: readonly EtcdUrl[]): string | null {
  const problem = advertiseProblem(urls);
  if (problem === null) return null;
  return `--${flag} ${goQuote(urls.map((url) => url.text).join(','))} must be "host:port" (${problem})`;
}

function bootstrapProblem(values: EtcdFlagValues): string | null {
  const endpoints = values['discovery-endpoints'];
  const ways = [values.discovery, values['initial-cluster'], values['discovery-srv'], endpoints.join('')];
  if (ways.filter((way) => way !== '').length > 1) {
    return 'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery", "discovery-endpoints" or "discovery-srv"';
  }
  const v3Flags = ['token', 'cert', 'key', 'cacert', 'user', 'password'] as const;
  const v3 = endpoints.length > 0 || v3Flags.some((flag) => values[`discovery-${flag}`] !== '');
  if (values['discovery-proxy'] !== '' && v3) {
    return (
      'both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings (discovery-token, ' +
      'discovery-endpoints, discovery-cert, discovery-key, discovery-cacert, discovery-user, discovery-password) are set'
    );
  }
  if ((values['discovery-token'] !== '') !== endpoints.length > 0) {
    return 'both --discovery-token and --discovery-endpoints must be set';
  }
  return endpoints.some((endpoint) => endpoint.trim() === '')
    ? '--discovery-endpoints must not contain empty endpoints'
    : null;
}

function timingProblem(values: EtcdFlagValues): string | null {
  const heartbeatMs = values['heartbeat-interval'];
  const electionMs = values['election-timeout'];
  if (heartbeatMs === 0) return '--heartbeat-interval must be >0 (set to 0ms)';
  if (electionMs === 0) return '--election-timeout must be >0 (set to 0ms)';
  if (5 * heartbeatMs > electionMs) {
    return `--election-timeout[${electionMs}ms] should be at least as 5 times as --heartbeat-interval[${heartbeatMs}ms]`;
  }
  if (electionMs > electionTimeoutMaxMs) {
    return `--election-timeout[${electionMs}ms] is too long, and should be set less than ${electionTimeoutMaxMs}ms`;
  }
  return null;
}

function compactionModeProblem(mode: string): string | null {
  if (mode === 'periodic' || mode === 'revision') return null;
  return mode === '' ? 'undefined auto-compaction-mode' : `unknown auto-compaction-mode ${goQuote(mode)}`;
}

function tracingProblem(values: EtcdFlagValues): string | null {
  const rate = values['distributed-tracing-sampling-rate'];
  if (!values['enable-distributed-tracing'] || (rate >= 0 && rate <= samplesPerMillionMax)) return null;
  const reason = rate < 0 ? 'must be positive' : `must be less than ${samplesPerMillionMax}`;
  return `distributed tracing configurition is not valid: (tracing sampling rate ${reason})`;
}

function leaseCheckpointProblem(values: EtcdFlagValues, warn: (message: string) => void): string | null {
  const gates = values['feature-gates'];
  const checkpoint = gateEnabled(gates, 'LeaseCheckpoint');
  const persist = gateEnabled(gates, 'LeaseCheckpointPersist');
  if (checkpoint && !persist) {
    warn(
      'Detected that checkpointing is enabled without persistence. Consider enabling feature gate LeaseCheckpointPersist',
    );
  }
  return persist && !checkpoint
    ? 'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint'
    : null;
}

function hashCheckProblem(values: EtcdFlagValues): string | null {
  for (const flag of ['experimental-compact-hash-check-time', 'compact-hash-check-time'] as const) {
    const time: Duration = values[flag];
    if (time.nanoseconds <= 0n) return `--${flag} must be >0 (set to ${time})`;
  }
  return null;
}

function defaultNameWarning(values: EtcdFlagValues, lines: StartupLines): null {
  if (values.name !== 'default') return null;
  const message =
    "it isn't recommended to use default name, please set a value for --name. " +
    'Note that etcd might run into issue when multiple members have the same default name';
  lines.add('warn', 'config/checks.ts', message, { name: values.name });
  return null;
}

function tlsProblem(values: EtcdFlagValues): string | null {
  const [min, max] = [values['tls-min-version'], values['tls-max-version']];
  for (const version of [min, max]) {
    if (version !== '' && !tlsVersions.includes(version)) {
      return `unexpected TLS version ${goQuote(version)} (must be one of: ${tlsVersions.join(', ')})`;
    }
  }
  if (max !== '' && min > max) return `min version (${min}) is greater than max version (${max})`;
  if (min === 'TLS1.3' && values['cipher-suites'].length > 0) {
    return 'cipher suites cannot be configured when only TLS1.3 is enabled';
  }
  return null;
}

/** "simple", nothing, or "jwt,key=value,…" with a sign-method. The contents of keys are checked where they are loaded. */
function authTokenProblem(text: string): string | null {
  const [type, ...options] = text.split(',');
  const keys = options.map((option) => option.split('='));
  const wellFormed = keys.every((pair) => pair.length === 2) && new Set(keys.map(([key]) => key)).size === keys.length;
  const complete = type === 'simple' || type === '' || (type === 'jwt' && keys.some(([key]) => key === 'sign-method'));
  return wellFormed && complete ? null : 'auth: invalid auth options';
}

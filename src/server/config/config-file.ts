/**
 * The YAML file of --config-file. Keys are the flags' names, except for the sections of TLS, discovery and sockets. Unknown keys
 * are ignored, and every flag and variable beside the file is too: both as in etcd.
 */
import { assignFlag, type ParsedFlags } from '../../base/go-flags.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { EtcdFlags } from './environment.ts';
import { allFlags, type FlagName } from './flags.ts';

export type FileOutcome =
  | { readonly type: 'applied'; readonly flags: EtcdFlags }
  /** To be reported as flags that failed to verify. */
  | { readonly type: 'invalid'; readonly error: string }
  /** To be printed bare, exit 1: what etcd does for URLs in the file. */
  | { readonly type: 'badUrls'; readonly text: string };

/** Applies the text of a configuration file on top of the defaults. Loads the YAML parser, hence the promise. */
export async function applyConfigFile(defaults: EtcdFlags, text: string): Promise<FileOutcome> {
  const parsed = await parseYaml(text);
  if (!parsed.ok) return { type: 'invalid', error: parsed.error };
  if (parsed.value === null || parsed.value === undefined) return { type: 'applied', flags: defaults };
  if (!isMapping(parsed.value)) {
    return invalid(`cannot unmarshal ${jsonKind(parsed.value)} into Go value of type embed.configYAML`);
  }

  let flags: ParsedFlags<typeof allFlags> = defaults;
  for (const setting of settingsOf(parsed.value)) {
    if (setting.type === 'notAMapping') {
      const target = `Go struct field configYAML.${setting.path} of type ${setting.goType}`;
      return invalid(`cannot unmarshal ${jsonKind(setting.value)} into ${target}`);
    }
    const text = flagText(setting.flag, setting.value);
    if (!text.ok)
      return invalid(
        `cannot unmarshal ${text.error.found} into Go struct field ${setting.path} of type ${text.error.goType}`,
      );
    if (text.value === null) continue;
    const assigned = assignFlag(allFlags, flags, setting.flag, text.value);
    if (assigned.ok) flags = assigned.value;
    else if (isUrlList(setting.flag)) {
      const said = setting.flag === 'advertise-client-urls' ? 'advertise-peer-urls' : setting.flag; // etcd's own slip
      return { type: 'badUrls', text: `unexpected error setting up ${said}: ${assigned.error}\n` };
    } else if (setting.flag === 'initial-cluster-state') {
      return { type: 'invalid', error: `unexpected clusterState ${JSON.stringify(text.value)}` };
    } else return { type: 'invalid', error: assigned.error };
  }
  return { type: 'applied', flags };
}

function invalid(problem: string): FileOutcome {
  return { type: 'invalid', error: `error unmarshaling JSON: while decoding JSON: json: ${problem}` };
}

/** YAML 1.1, as Go's parser reads it: "y" and "on" are booleans. */
async function parseYaml(text: string): Promise<Result<unknown, string>> {
  const { LineCounter, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { version: '1.1', uniqueKeys: false, lineCounter, prettyErrors: false });
  const [problem] = document.errors;
  if (problem === undefined) return ok(document.toJS({ maxAliasCount: 100 }));
  const { line } = lineCounter.linePos(problem.pos[0]);
  return err(`error converting YAML to JSON: yaml: line ${line}: ${problem.message}`);
}

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Setting =
  | { readonly type: 'flag'; readonly flag: FlagName; readonly value: unknown; readonly path: string }
  | { readonly type: 'notAMapping'; readonly path: string; readonly value: unknown; readonly goType: string };

/** Sections whose keys stand for flags of other names. */
const sections: Readonly<
  Record<string, { readonly goType: string; readonly flags: Readonly<Record<string, FlagName>> }>
> = {
  'client-transport-security': {
    goType: 'embed.securityConfig',
    flags: {
      'cert-file': 'cert-file',
      'key-file': 'key-file',
      'client-cert-file': 'client-cert-file',
      'client-key-file': 'client-key-file',
      'client-cert-auth': 'client-cert-auth',
      'trusted-ca-file': 'trusted-ca-file',
      'auto-tls': 'auto-tls',
      'allowed-hostname': 'client-cert-allowed-hostname',
    },
  },
  'peer-transport-security': {
    goType: 'embed.securityConfig',
    flags: {
      'cert-file': 'peer-cert-file',
      'key-file': 'peer-key-file',
      'client-cert-file': 'peer-client-cert-file',
      'client-key-file': 'peer-client-key-file',
      'client-cert-auth': 'peer-client-cert-auth',
      'trusted-ca-file': 'peer-trusted-ca-file',
      'auto-tls': 'peer-auto-tls',
      'allowed-cn': 'peer-cert-allowed-cn',
      'allowed-hostname': 'peer-cert-allowed-hostname',
      'skip-client-san-verification': 'peer-skip-client-san-verification',
    },
  },
  'discovery-config': {
    goType: 'v3discovery.DiscoveryConfig',
    flags: { token: 'discovery-token' },
  },
  'discovery-config.client': {
    goType: 'clientv3.ConfigSpec',
    flags: {
      endpoints: 'discovery-endpoints',
      'dial-timeout': 'discovery-dial-timeout',
      'request-timeout': 'discovery-request-timeout',
      'keepalive-time': 'discovery-keepalive-time',
      'keepalive-timeout': 'discovery-keepalive-timeout',
    },
  },
  'discovery-config.client.secure': {
    goType: 'clientv3.SecureConfig',
    flags: {
      cert: 'discovery-cert',
      key: 'discovery-key',
      cacert: 'discovery-cacert',
      'insecure-transport': 'discovery-insecure-transport',
      'insecure-skip-tls-verify': 'discovery-insecure-skip-tls-verify',
    },
  },
  'discovery-config.client.auth': {
    goType: 'clientv3.AuthConfig',
    flags: { username: 'discovery-user', password: 'discovery-password' },
  },
  'socket-options': {
    goType: 'transport.SocketOpts',
    flags: { 'reuse-port': 'socket-reuse-port', 'reuse-address': 'socket-reuse-address' },
  },
};

/** Flags that are no keys of the file: they live in a section, or only make sense on a command line. */
const notKeys = new Set<string>([
  ...Object.values(sections).flatMap((section) => Object.values(section.flags)),
  'config-file',
  'version',
  'discovery-fallback',
  'client-crl-file',
  'peer-crl-file',
  'raft-read-timeout',
  'raft-write-timeout',
]);

/** Keys that etcd keeps in another Go struct, which its error texts name. */
const inConfigJson = new Set<string>([
  'listen-peer-urls',
  'listen-client-urls',
  'listen-client-http-urls',
  'initial-advertise-peer-urls',
  'advertise-client-urls',
  'cors',
  'host-whitelist',
  'client-transport-security',
  'peer-transport-security',
  'feature-gates',
]);

function settingsOf(document: Mapping): Setting[] {
  const settings: Setting[] = [];
  for (const [key, value] of Object.entries(document)) {
    const path = `${inConfigJson.has(key) ? 'configJSON' : 'Config'}.${key}`;
    if (Object.hasOwn(sections, key)) settings.push(...sectionSettings(key, path, value));
    else if (key === 'experimental-snapshot-catch-up-entries') {
      settings.push({ type: 'flag', flag: 'experimental-snapshot-catchup-entries', value, path: `configYAML.${path}` });
    } else if (isFlagName(key) && !notKeys.has(key)) {
      settings.push({ type: 'flag', flag: key, value, path: `configYAML.${path}` });
    }
  }
  return settings;
}

function sectionSettings(name: string, path: string, value: unknown): Setting[] {
  const section = sections[name];
  if (section === undefined || value === null) return [];
  if (!isMapping(value)) return [{ type: 'notAMapping', path, value, goType: section.goType }];
  const settings: Setting[] = [];
  const struct = section.goType.slice(section.goType.indexOf('.') + 1);
  for (const [key, inner] of Object.entries(value)) {
    const flag = section.flags[key];
    if (flag !== undefined) settings.push({ type: 'flag', flag, value: inner, path: `${struct}.${path}.${key}` });
    else settings.push(...sectionSettings(`${name}.${key}`, `${path}.${key}`, inner));
  }
  return settings;
}

function isFlagName(key: string): key is FlagName {
  return Object.hasOwn(allFlags, key);
}

function isUrlList(flag: FlagName): boolean {
  return /^(listen|advertise|initial-advertise)-.*urls$/.test(flag);
}

interface TypeMismatch {
  /** What Go's JSON decoder calls the value found. */
  readonly found: string;
  readonly goType: string;
}

/** The text that sets the flag to the file's value; null for a YAML null, which leaves the default. */
function flagText(flag: FlagName, value: unknown): Result<string | null, TypeMismatch> {
  if (value === null) return ok(null);
  const goType = goTypeOf(flag);
  const mismatch = (found: string): Result<never, TypeMismatch> => err({ found, goType });
  switch (goType) {
    case 'bool':
      return typeof value === 'boolean' ? ok(String(value)) : mismatch(jsonKind(value));
    case 'string':
      return typeof value === 'string' ? ok(value) : mismatch(jsonKind(value));
    case '[]string':
      if (!Array.isArray(value)) return mismatch(jsonKind(value));
      return ok(value.map(String).join(','));
    case 'time.Duration':
      // Go reads whole nanoseconds here; texts such as "5s" are accepted on top.
      if (typeof value === 'number' && Number.isInteger(value)) return ok(`${value}ns`);
      return typeof value === 'string' && allFlags[flag].parse(value, undefined as never).ok // durations ignore the previous value
        ? ok(value)
        : mismatch(jsonKind(value));
    default: {
      if (typeof value !== 'number' && typeof value !== 'bigint') return mismatch(jsonKind(value));
      const signed = goType === 'int' || goType === 'int64';
      if (!/^-?[0-9]+$/.test(String(value)) || (value < 0 && !signed)) return mismatch(`number ${value}`);
      return ok(String(value));
    }
  }
}

const goTypes: Readonly<Partial<Record<FlagName, string>>> = {
  'snapshot-count': 'uint64',
  'snapshot-catchup-entries': 'uint64',
  'experimental-snapshot-catchup-entries': 'uint64',
  'quota-backend-bytes': 'int64',
  'max-concurrent-streams': 'uint32',
  'backend-batch-limit': 'int',
  'compaction-batch-limit': 'int',
  'experimental-compaction-batch-limit': 'int',
  'distributed-tracing-sampling-rate': 'int',
  'experimental-distributed-tracing-sampling-rate': 'int',
  'max-learners': 'int',
  'log-outputs': '[]string',
  'log-output': '[]string',
  'cipher-suites': '[]string',
  'discovery-endpoints': '[]string',
  'client-cert-allowed-hostname': '[]string',
  'peer-cert-allowed-cn': '[]string',
  'peer-cert-allowed-hostname': '[]string',
};

function goTypeOf(flag: FlagName): string {
  const named = goTypes[flag];
  if (named !== undefined) return named;
  const initial: unknown = allFlags[flag].default;
  if (typeof initial === 'boolean') return 'bool';
  if (typeof initial === 'number') return 'uint';
  return typeof initial === 'object' && initial !== null && 'nanoseconds' in initial ? 'time.Duration' : 'string';
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** How clients reach an etcd, and with which certificates, as its command line, environment or config file say, or the user. Pure. */
import { isAbsolute, join } from 'node:path';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import type { EtcdSettings } from './config/settings.ts';
import { programOf } from './plan.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What etcd is told by one of its flags; null: nothing. */
export type EtcdOption = (flag: string) => string | null;

export interface EndpointSources {
  readonly option: EtcdOption;
  /** Of the process. */
  readonly env: Environment;
  /** Of the process. */
  readonly cwd: string;
  /** Of the supervisor: what ETCDCTL_ variables name is relative to where etcdctl would be called. */
  readonly userFolder: string;
  readonly settings: EtcdSettings;
  /** Of the file with the settings. */
  readonly settingsFolder: string;
}

/** Where etcd listens if nothing says. */
const defaultClientUrl = 'http://localhost:2379';

/**
 * Certificates are those of the settings; else those that etcdctl would show, by ETCDCTL_CERT and ETCDCTL_KEY; else the member's own, which
 * its peers take, and often clients' ports too. Only an authority of the settings is used to check whom a member belongs to: the run has
 * started it.
 */
export function etcdEndpoint(sources: EndpointSources): MemberEndpoint {
  const { option, env, cwd, userFolder, settings, settingsFolder } = sources;
  const url = settings.endpoint ?? firstUrl(option('advertise-client-urls')) ?? firstUrl(option('listen-client-urls'));
  const address = url ?? defaultClientUrl;
  const [, file] = /^unixs?:\/\/(.+)$/.exec(address) ?? [];
  const socket = file === undefined ? null : within(cwd, file);
  if (!/^(?:https|unixs):/.test(address)) return { url: address, socket, cacert: null, cert: null, key: null };
  const shown =
    pair(settingsFolder, settings.cert, settings.key) ??
    pair(userFolder, env['ETCDCTL_CERT'], env['ETCDCTL_KEY']) ??
    pair(cwd, option('client-cert-file'), option('client-key-file')) ??
    pair(cwd, option('cert-file'), option('key-file'));
  const cacert = settings.cacert === null ? null : within(settingsFolder, settings.cacert);
  return { url: address, socket, cacert, cert: shown?.cert ?? null, key: shown?.key ?? null };
}

function pair(
  folder: string,
  cert: string | null | undefined,
  key: string | null | undefined,
): { readonly cert: string; readonly key: string } | null {
  return cert && key ? { cert: within(folder, cert), key: within(folder, key) } : null;
}

function within(folder: string, file: string): string {
  return isAbsolute(file) ? file : join(folder, file);
}

function firstUrl(list: string | null): string | null {
  return list === null ? null : (list.split(',').find((url) => /^(?:https?|unixs?):\/\//.test(url)) ?? null);
}

/** False for what else etcd's program can be: a proxy answers for the members behind it, and would be taken for one of them. */
export function isMember(command: string): boolean {
  return (
    programOf(command) === 'etcd' &&
    !/\setcd\s+(?:gateway|grpc-proxy)\b/.test(` ${command.replace(/\S*\/etcd\b/, 'etcd')}`)
  );
}

/** What a command line says, and where it does not the environment, as etcd reads them. */
export function commandOption(command: string, env: Environment): EtcdOption {
  return (flag) => {
    const [, quoted, doubled, bare] =
      new RegExp(`\\s--?${flag}(?:=|\\s+)(?:'([^']*)'|"([^"]*)"|([^\\s'"]+))`).exec(command) ?? [];
    if (quoted !== undefined) return quoted;
    const given = doubled ?? bare;
    if (given !== undefined) return given.replace(/\$(?:(\w+)|\{(\w+)\})/g, (_, a, b) => env[a ?? b] ?? '');
    return assigned(command, variableOf(flag)) ?? env[variableOf(flag)] ?? null;
  };
}

function variableOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** `NAME=value` before the program. */
function assigned(command: string, name: string): string | null {
  const [, quoted, bare] = new RegExp(`(?:^|\\s)${name}=(?:['"]([^'"]*)['"]|(\\S+))`).exec(command) ?? [];
  return quoted ?? bare ?? null;
}

/** What a config file of etcd says: with one, etcd looks at nothing else. `content` is the parsed YAML. */
export function fileOption(content: unknown): EtcdOption {
  const security = valueIn(content, 'client-transport-security');
  return (flag) => textOf(valueIn(content, flag)) ?? textOf(valueIn(security, flag));
}

function valueIn(map: unknown, key: string): unknown {
  return typeof map === 'object' && map !== null && Object.hasOwn(map, key) ? Reflect.get(map, key) : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Finds the supervisor that a command in another terminal means, without asking for flags where there is no doubt. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { ControlAddress } from '../supervisor/control-client.ts';
import { askSupervisor } from '../supervisor/control-client.ts';
import type { Source } from '../supervisor/control-path.ts';
import { controlFolder, socketPath, socketsIn, sourceText } from '../supervisor/control-path.ts';
import type { RunStatus } from '../supervisor/control-protocol.ts';
import { readToken } from '../supervisor/control-token.ts';
import type { Options } from './syntax.ts';

export interface Target {
  readonly address: ControlAddress;
  readonly status: RunStatus;
}

/** What goreman takes where no `-p` is given: naming it names no other supervisor. */
const goremanPort = 8555;

function isNumbered(options: Options): boolean {
  return options['rpc-port'] !== null && options['rpc-port'] !== goremanPort;
}

/** What a supervisor started with these options runs. */
export function sourceOf(options: Options, given: ReadonlySet<string>): Source {
  if (isNumbered(options)) return { type: 'number', number: options['rpc-port'] ?? goremanPort };
  const isCluster = options.members !== null || (given.has('state-dir') && !given.has('procfile'));
  return isCluster
    ? { type: 'cluster', stateDir: stateDirOf(options) }
    : { type: 'procfile', file: resolve(options.procfile) };
}

/** Where generated clusters live. */
export function stateDirOf(options: Options): string {
  if (options['state-dir'] !== '') return resolve(options['state-dir']);
  const beside = options.members !== null || options.procfile === '-' ? '.' : dirname(options.procfile);
  return resolve(beside, '.clusterctl');
}

/**
 * The supervisor that flags name; else the one of this folder's Procfile or generated cluster; else the only one that runs,
 * unless this folder has a Procfile of its own. The error says what runs instead.
 */
export async function findSupervisor(options: Options, given: ReadonlySet<string>): Promise<Result<Target, string>> {
  if (options['control-tcp'] !== null) return findOverTcp(options['control-tcp'], options, given);
  const folder = controlFolder();
  if (!folder.ok) return folder;
  const wanted = sourceOf(options, given);
  for (const source of sourcesHere(options, given)) {
    const found = await targetAt(socketPath(folder.value, source));
    if (found !== null) return ok(found);
  }
  const all = await Promise.all(socketsIn(folder.value).map(targetAt));
  const running = all.filter((target) => target !== null);
  const [only] = running;
  if (!isNamed(options, given) && !existsSync(options.procfile) && only !== undefined && running.length === 1)
    return ok(only);
  const list = running.map(({ status }) => `\n  ${status.source} (process ${status.pid})`).join('');
  return err(`no supervisor runs ${sourceText(wanted)}${list === '' ? '' : `; choose with -f among:${list}`}`);
}

async function targetAt(address: ControlAddress): Promise<Target | null> {
  const reply = await askSupervisor(address, { command: 'status', names: [] });
  return reply?.ok === true ? { address, status: reply.status } : null;
}

async function findOverTcp(
  { host, port }: { readonly host: string; readonly port: number },
  options: Options,
  given: ReadonlySet<string>,
): Promise<Result<Target, string>> {
  const token = clientToken(options, given);
  if (!token.ok) return token;
  const address = { host, port, token: token.value };
  const reply = await askSupervisor(address, { command: 'status', names: [] });
  if (reply === null) return err(`no supervisor answers at ${host}:${port}`);
  return reply.ok
    ? ok({ address, status: reply.status })
    : err(`the supervisor at ${host}:${port} says: ${reply.error}`);
}

function clientToken(options: Options, given: ReadonlySet<string>): Result<string, string> {
  const fromEnvironment = process.env['CLUSTERCTL_TOKEN'] ?? '';
  if (options['control-token-file'] === null && fromEnvironment !== '') return ok(fromEnvironment);
  const file = tokenFileOf(options, given);
  return file.ok ? readToken(file.value) : file;
}

/** The file of the token for the control over TCP: the one that is named, else one beside the socket. */
export function tokenFileOf(options: Options, given: ReadonlySet<string>): Result<string, string> {
  if (options['control-token-file'] !== null) return ok(resolve(options['control-token-file']));
  const folder = controlFolder();
  return folder.ok ? ok(socketPath(folder.value, sourceOf(options, given)).replace(/\.sock$/, '.token')) : folder;
}

/** Where the log history goes when there is no home folder. */
export function historyFallback(): string {
  const folder = controlFolder();
  return folder.ok ? folder.value : tmpdir();
}

/** Sources that a command without flags may mean, the likeliest first. */
export function sourcesHere(options: Options, given: ReadonlySet<string>): Source[] {
  const wanted = sourceOf(options, given);
  return isNamed(options, given) ? [wanted] : [wanted, { type: 'cluster', stateDir: stateDirOf(options) }];
}

function isNamed(options: Options, given: ReadonlySet<string>): boolean {
  return isNumbered(options) || ['procfile', 'state-dir', 'members'].some((flag) => given.has(flag));
}

/** Finds the supervisor that a command in another terminal means, without asking for flags where there is no doubt. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { askSupervisor } from '../supervisor/control-client.ts';
import type { Source } from '../supervisor/control-path.ts';
import { controlFolder, socketPath, socketsIn, sourceText } from '../supervisor/control-path.ts';
import type { RunStatus } from '../supervisor/control-protocol.ts';
import type { Options } from './syntax.ts';

export interface Target {
  readonly socket: string;
  readonly status: RunStatus;
}

/** What a supervisor started with these options runs. */
export function sourceOf(options: Options, given: ReadonlySet<string>): Source {
  if (options['rpc-port'] !== null) return { type: 'number', number: options['rpc-port'] };
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
  if (!isNamed(given) && !existsSync(options.procfile) && only !== undefined && running.length === 1) return ok(only);
  const list = running.map(({ status }) => `\n  ${status.source} (process ${status.pid})`).join('');
  return err(`no supervisor runs ${sourceText(wanted)}${list === '' ? '' : `; choose with -f among:${list}`}`);
}

async function targetAt(socket: string): Promise<Target | null> {
  const reply = await askSupervisor(socket, { command: 'status', names: [] });
  return reply?.ok === true ? { socket, status: reply.status } : null;
}

/** Where the log history goes when there is no home folder. */
export function historyFallback(): string {
  const folder = controlFolder();
  return folder.ok ? folder.value : tmpdir();
}

/** Sources that a command without flags may mean, the likeliest first. */
export function sourcesHere(options: Options, given: ReadonlySet<string>): Source[] {
  const wanted = sourceOf(options, given);
  return isNamed(given) ? [wanted] : [wanted, { type: 'cluster', stateDir: stateDirOf(options) }];
}

function isNamed(given: ReadonlySet<string>): boolean {
  return ['procfile', 'state-dir', 'members', 'rpc-port'].some((flag) => given.has(flag));
}

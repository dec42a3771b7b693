/** Before a process starts: who holds the ports that it is going to listen on? */
import { createServer } from 'node:net';
import type { ListenUrl } from './etcd-members.ts';
import { listenUrlsOf } from './etcd-members.ts';
import { programOf } from './plan.ts';
import { holderText, listeners } from './port-holder.ts';
import type { ProcessSpec } from './process.ts';

const secondLookMs = 50;

export interface PortConflicts {
  /** For each process that could not listen, an etcd that would end at once: why. */
  readonly refused: ReadonlyMap<string, readonly string[]>;
  /** A PORT that is taken is no more than that, since many processes do not use theirs. */
  readonly warnings: readonly string[];
}

export async function portConflicts(
  specs: readonly Pick<ProcessSpec, 'name' | 'command' | 'env' | 'port'>[],
): Promise<PortConflicts> {
  const listening = new Set(listeners().map((one) => one.port));
  const warnings = specs.flatMap(({ name, port }) => {
    if (port === null || !listening.has(port)) return [];
    return [`port ${port}, the PORT of ${name}, is in use${holderText(port)}`];
  });
  const etcds = specs.filter((spec) => programOf(spec.command) === 'etcd');
  const busy = await Promise.all(
    etcds.map(async ({ name, command, env }) => [name, await busyUrls(command, env, listening)] as const),
  );
  return { refused: new Map(busy.filter(([, reasons]) => reasons.length > 0)), warnings };
}

async function busyUrls(
  command: string,
  env: ProcessSpec['env'],
  listening: ReadonlySet<number>,
): Promise<readonly string[]> {
  // Where the kernel shows no table of sockets, all are tried.
  const urls = listenUrlsOf(command, env).filter(({ port }) => listening.size === 0 || listening.has(port));
  const busy = await Promise.all(urls.map(async (url) => ((await staysTaken(url)) ? [url] : [])));
  return busy.flat().map(({ port, flag, isDefault }) => {
    const of = isDefault ? `, etcd's default for --${flag},` : ` of --${flag}`;
    return `port ${port}${of} is in use${holderText(port)}: stop that, or choose another port`;
  });
}

/** Others try ports as we do, and hold them for a moment. */
async function staysTaken(url: ListenUrl): Promise<boolean> {
  if (!(await isTaken(url))) return false;
  await new Promise((resolve) => setTimeout(resolve, secondLookMs));
  return isTaken(url);
}

/** Asked of the kernel: only it knows which addresses exclude each other. */
function isTaken({ host, port }: ListenUrl): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // Anything but EADDRINUSE is for etcd itself to say.
    server.once('error', (error) => resolve('code' in error && error.code === 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

/** Before anything starts: who holds the ports that processes are going to listen on? */
import { createServer } from 'node:net';
import type { ListenUrl } from '../supervisor/etcd-members.ts';
import { listenUrlsOf } from '../supervisor/etcd-members.ts';
import { programOf } from '../supervisor/plan.ts';
import { holderText, listeners } from '../supervisor/port-holder.ts';
import type { ProcessSpec } from '../supervisor/process.ts';
import { complain } from './read-procfile.ts';

const secondLookMs = 50;

/**
 * False after saying why an etcd could not listen: it would end at once. A PORT that is taken is only a warning, since many
 * processes do not use theirs.
 */
export async function checkPorts(specs: readonly ProcessSpec[]): Promise<boolean> {
  const listening = new Set(listeners().map((one) => one.port));
  for (const { name, port } of specs) {
    if (port === null || !listening.has(port)) continue;
    complain(`warning: port ${port}, the PORT of ${name}, is in use${holderText(port)}`);
  }
  const etcds = specs.filter((spec) => programOf(spec.command) === 'etcd');
  const busy = await Promise.all(etcds.map((spec) => busyUrls(spec, listening)));
  const messages = busy.flat();
  for (const message of messages) complain(message);
  return messages.length === 0;
}

async function busyUrls({ name, command, env }: ProcessSpec, listening: ReadonlySet<number>): Promise<string[]> {
  // Where the kernel shows no table of sockets, all are tried.
  const urls = listenUrlsOf(command, env).filter(({ port }) => listening.size === 0 || listening.has(port));
  const busy = await Promise.all(urls.map(async (url) => ((await staysTaken(url)) ? [url] : [])));
  return busy.flat().map(({ port, flag }) => {
    return `${name}: port ${port} of --${flag} is in use${holderText(port)}: stop that, or choose another port`;
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

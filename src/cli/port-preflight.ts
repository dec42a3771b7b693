/** Before anything starts: who holds the ports that processes are going to listen on? */
import { createServer } from 'node:net';
import type { ListenUrl } from '../supervisor/etcd-members.ts';
import { listenUrlsOf } from '../supervisor/etcd-members.ts';
import { programOf } from '../supervisor/plan.ts';
import { holderText, listeners } from '../supervisor/port-holder.ts';
import type { ProcessSpec } from '../supervisor/process.ts';
import { complain } from './read-procfile.ts';

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
  const busy = await Promise.all(specs.filter((spec) => programOf(spec.command) === 'etcd').map(busyUrls));
  const messages = busy.flat();
  for (const message of messages) complain(message);
  return messages.length === 0;
}

async function busyUrls({ name, command, env }: ProcessSpec): Promise<string[]> {
  const urls = listenUrlsOf(command, env);
  const busy = await Promise.all(urls.map(async (url) => ((await isTaken(url)) ? [url] : [])));
  return busy.flat().map(({ port, flag }) => {
    return `${name}: port ${port} of --${flag} is in use${holderText(port)}: stop that, or choose another port`;
  });
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

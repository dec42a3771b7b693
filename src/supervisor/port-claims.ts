/**
 * Ports that belong to generated clusters as long as their supervisor lives, also while a member is down: else the next cluster on the
 * machine would take them, and the member could not come back. A claim is a socket in Linux's abstract namespace, which goes with its
 * process however that ends, and which two cannot have. Elsewhere nothing is claimed.
 */
import { createServer } from 'node:net';

const held = new Set<number>();

/** True if the port is this process's from now on, or cannot be claimed here; false if it is claimed already. */
export function claimPort(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return Promise.resolve(true);
  if (held.has(port)) return Promise.resolve(false);
  held.add(port);
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => {
      const isTaken = 'code' in error && error.code === 'EADDRINUSE';
      if (isTaken) held.delete(port);
      resolve(!isTaken); // where there is no such namespace, nothing can be claimed
    });
    server.listen(`\0clusterctl-port-${port}`, () => resolve(true));
    server.unref();
  });
}

/** Free ports for members under test: below the kernel's ephemeral range, so that no outgoing connection takes one meanwhile. */
import { createServer } from 'node:net';

const lowest = 10_000;
const highest = 32_000;
const taken = new Set<number>();

/** Each port was free when asked, and is given out once in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (taken.has(port)) continue;
    taken.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

/** The engine's thread. */
import { parentPort } from 'node:worker_threads';
import { nodeDisk } from '../node-disk.ts';
import { Engine } from './engine.ts';

const port = parentPort;
if (port !== null) {
  const engine = new Engine(nodeDisk, (reply) => port.postMessage(reply));
  port.on('message', (request) => engine.handle(request));
}

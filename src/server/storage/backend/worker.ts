/** The engine's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeDisk } from '../node-disk.ts';
import { SyncFaults } from '../sync-faults.ts';
import { Engine } from './engine.ts';

const port = parentPort;
if (port !== null) {
  const faults: unknown = workerData;
  const disk = faults instanceof SharedArrayBuffer ? new SyncFaults(faults).wrap(nodeDisk) : nodeDisk;
  const engine = new Engine(disk, (reply) => port.postMessage(reply));
  port.on('message', (request) => engine.handle(request));
}

/** The thread of the fabric: whatever the supervisor is busy with, heartbeats of members are not late for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant, unreachable } from '../../base/assert.ts';
import { seededRandom } from '../../base/prng.ts';
import { Fabric } from './fabric.ts';
import type { FabricAnswer, FabricOrder, FabricThreadData } from './fabric-protocol.ts';

function carryOut(fabric: Fabric, order: FabricOrder): FabricAnswer {
  switch (order.op) {
    case 'add-members':
      fabric.addMembers(order.members);
      return { type: 'done' };
    case 'set-links': {
      const set = fabric.setLinks(order.rules);
      return set.ok ? { type: 'done' } : { type: 'failed', error: set.error };
    }
    case 'probe':
      fabric.probe(order.links);
      return { type: 'done' };
    case 'observe':
      return { type: 'observed', links: fabric.observed() };
    default:
      return unreachable(order);
  }
}

async function main(): Promise<void> {
  const port = parentPort;
  invariant(port !== null, 'this is a worker thread');
  const { password, seed }: FabricThreadData = workerData;
  const fabric = await Fabric.listen(password, seededRandom(seed));
  const answer = (value: FabricAnswer) => port.postMessage(value);
  port.on('message', (order: FabricOrder) => answer(carryOut(fabric, order)));
  answer({ type: 'listening', port: fabric.port });
}

void main();

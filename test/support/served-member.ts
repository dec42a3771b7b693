/** The gRPC services over a fake member, on a port of their own. */

import { createClientPort } from '../../src/server/grpc/client-port.ts';
import { GrpcServer } from '../../src/server/grpc/server.ts';
import { Admission } from '../../src/server/grpc/services/admission.ts';
import { registerCluster } from '../../src/server/grpc/services/cluster.ts';
import { registerHealth } from '../../src/server/grpc/services/health.ts';
import { registerKv } from '../../src/server/grpc/services/kv.ts';
import { registerLease } from '../../src/server/grpc/services/lease.ts';
import { registerMaintenance } from '../../src/server/grpc/services/maintenance.ts';
import { registerNotServed } from '../../src/server/grpc/services/not-served.ts';
import { ServingStatus } from '../../src/server/grpc/services/serving-status.ts';
import { FakeMember } from './fake-member.ts';

export interface ServedMember {
  readonly member: FakeMember;
  /** host:port */
  readonly address: string;
  /** Calls counted, as "type version". */
  readonly counted: readonly string[];
  /** What the maintenance service told of. */
  readonly events: readonly string[];
  close(): Promise<void>;
}

export async function serveFakeMember(): Promise<ServedMember> {
  const member = new FakeMember();
  const counted: string[] = [];
  const admission = new Admission(member, (type, version) => ({
    inc: () => {
      counted.push(`${type} ${version}`);
    },
  }));
  const grpc = new GrpcServer();
  registerKv(grpc, member, admission);
  registerCluster(grpc, member, admission);
  registerLease(grpc, member, admission);
  const events: string[] = [];
  const status = new ServingStatus();
  registerMaintenance(grpc, member, '3.6.5', admission, {
    defragmenting: () => {
      events.push('defragmenting');
      status.set(false);
    },
    defragmented: () => {
      events.push('defragmented');
      status.set(true);
    },
    sendingSnapshot: (bytes, version) => void events.push(`sending ${bytes} bytes of ${version}`),
    sentSnapshot: (bytes, version) => void events.push(`sent ${bytes} bytes of ${version}`),
  });
  registerHealth(grpc, member, admission, status);
  registerNotServed(grpc);
  const port = createClientPort({ grpc, http1: null });
  const address = await port.listen('127.0.0.1', 0);
  return { member, address: `127.0.0.1:${address.port}`, counted, events, close: () => port.close(0) };
}

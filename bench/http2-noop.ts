/**
 * The transport alone: a client port whose KV/Put answers a fixed PutResponse, to be driven by etcd's own load generator:
 *
 *   node --experimental-strip-types bench/http2-noop.ts 23790   (Node >= 22.6; else bundle it with esbuild first)
 *   benchmark put --endpoints=127.0.0.1:23790 --conns 100 --clients 1000 --total 100000
 *
 * Prints requests and CPU time per request of this process whenever half a second passes without requests after some came.
 */

import { createClientPort } from '../src/server/grpc/client-port.ts';
import { GrpcServer } from '../src/server/grpc/server.ts';

const quietMs = 500;

/** PutResponse { header { cluster_id, member_id, revision, raft_term } } with ids of the usual size. */
const putResponse = Buffer.from('0a1b08aabbccddeeff8899a10110aabbccddeeff8899a10118e8072002', 'hex');

const grpc = new GrpcServer();
let requests = 0;
grpc.addUnary('/etcdserverpb.KV/Put', (_request, call) => {
  requests++;
  call.respond(putResponse);
});
const port = createClientPort({ grpc, http1: null });
const address = await port.listen('127.0.0.1', Number(process.argv[2] ?? 0));
console.log(`listening on ${address.address}:${address.port}`);

process.on('SIGINT', () => process.exit(0));
let reported = 0;
let seen = 0;
let start = process.cpuUsage();
setInterval(() => {
  if (requests === seen && requests > reported) {
    const { user, system } = process.cpuUsage(start);
    const count = requests - reported;
    const each = (us: number): string => (us / count).toFixed(2);
    console.log(`${count} requests: ${each(user + system)} µs CPU each (${each(user)} user, ${each(system)} system)`);
    reported = requests;
  }
  if (requests === reported) start = process.cpuUsage();
  seen = requests;
}, quietMs);

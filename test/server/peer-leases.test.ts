/** The peer port's answers about leases, and who asks for them. The texts are those of etcd 3.6.5. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaseInternalRequest, leaseKeepAliveRequest } from '../../src/proto/etcdserverpb-lease.ts';
import type { ClusterMember } from '../../src/server/member/api.ts';
import { nodeClock } from '../../src/server/node-ports.ts';
import { Requester } from '../../src/server/peer/requester.ts';
import {
  answerRenewal,
  answerTimeToLive,
  internalLeasesPath,
  leasesPath,
  PeerLeases,
} from '../../src/server/peer-leases.ts';
import { LeaseBench } from '../support/lease-bench.ts';

let bench: LeaseBench;
let server: http.Server;
let url: string;
const requester = new Requester(nodeClock);

beforeEach(async () => {
  bench = new LeaseBench();
  bench.lessor.grant(7n, 60);
  server = http.createServer((request, response) => {
    const { keeper } = bench.leases;
    if (request.url === leasesPath) void answerRenewal(keeper, request, response);
    else void answerTimeToLive(keeper, request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  requester.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

async function ask(path: string, body: Uint8Array | string, method = 'POST'): Promise<string> {
  const init = method === 'GET' ? { method } : { method, body };
  const response = await fetch(`${url}${path}`, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const isMessage = response.headers.get('content-type') === 'application/protobuf';
  return `${response.status} ${isMessage ? bytes.toString('hex') : bytes.toString()}`;
}

const renewal = (id: bigint) => leaseKeepAliveRequest.encode({ id });
const question = (id: bigint, keys = false) => leaseInternalRequest.encode({ request: { id, keys } });

describe('the leader', () => {
  it('answers renewals with the bytes of etcd', async () => {
    expect(await ask(leasesPath, renewal(7n))).toBe('200 1007183c');
    expect(await ask(leasesPath, renewal(8n))).toBe('404 lease not found\n');
    expect(await ask(leasesPath, Buffer.from('ff', 'hex'))).toBe('400 error unmarshalling request\n');
    expect(await ask(leasesPath, '', 'GET')).toBe('405 Method Not Allowed\n');
  });

  it('answers what is left of a lease with the bytes of etcd', async () => {
    expect(await ask(internalLeasesPath, question(7n))).toBe('200 0a080a001007183c203c');
    expect(await ask(internalLeasesPath, question(8n))).toBe('404 lease not found\n');
    expect(await ask(internalLeasesPath, Buffer.from('ff', 'hex'))).toBe('400 error unmarshalling request\n');
    bench.lessor.keyLeaseChanged(Buffer.from('k'), 7n);
    expect(await ask(internalLeasesPath, question(7n, true))).toBe('200 0a0b0a001007183c203c2a016b');
  });

  it('says that it is late when it has not applied what is committed within a second', async () => {
    bench.committed = 5;
    let told: readonly string[] | null = null;
    const asking = Promise.all([ask(leasesPath, renewal(7n)), ask(internalLeasesPath, question(7n))]);
    void asking.then((answers) => {
      told = answers;
    });
    while (told === null) await bench.clock.advance(50);
    const text = '408 waiting for node to catch up its applied index has timed out\n';
    expect(told).toEqual([text, text]);
  });
});

describe('a member that does not lead', () => {
  it('says so to whoever believes that it does', async () => {
    bench.lead(2n);
    expect(await ask(leasesPath, renewal(7n))).toBe('400 not a primary lessor\n');
    expect(await ask(internalLeasesPath, question(7n))).toBe('500 not a primary lessor\n');
  });
});

describe('asking the leader', () => {
  const leaderAt = (...peerUrls: readonly string[]): ClusterMember => ({
    id: 1n,
    name: 'leader',
    peerUrls,
    clientUrls: [],
    isLearner: false,
  });

  it('gives what it says, over the first of its URLs that answers', async () => {
    const leases = new PeerLeases(requester, nodeClock);
    const leader = leaderAt('http://127.0.0.1:1', url);
    expect(await leases.renew(leader, 7n, 5_000)).toEqual({ type: 'found', value: 60 });
    expect(await leases.renew(leader, 8n, 5_000)).toEqual({ type: 'notFound' });
    bench.lessor.keyLeaseChanged(Buffer.from('k'), 7n);
    expect(await leases.timeToLive(leader, { id: 7n, keys: true }, 5_000)).toEqual({
      type: 'found',
      value: { ttl: 60, grantedTtl: 60, keys: [Buffer.from('k')] },
    });
    bench.lead(2n);
    expect(await leases.renew(leader, 7n, 5_000)).toEqual({ type: 'failed' });
    expect(await leases.renew(leaderAt('http://127.0.0.1:1'), 7n, 5_000)).toEqual({ type: 'failed' });
  });

  it('does not flood it: of many renewals, all are answered over few connections', async () => {
    const connections = new Set<unknown>();
    server.on('connection', (socket) => connections.add(socket));
    const leases = new PeerLeases(requester, nodeClock);
    const answers = await Promise.all(Array.from({ length: 300 }, () => leases.renew(leaderAt(url), 7n, 5_000)));
    expect(answers.every(({ type }) => type === 'found')).toBe(true);
    expect(connections.size).toBeLessThanOrEqual(64 + 16);
  });
});

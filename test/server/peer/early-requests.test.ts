import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { nodeClock } from '../../../src/server/node-ports.ts';
import { EarlyRequests } from '../../../src/server/peer/early-requests.ts';
import { earlyMessageAgeMaxMs, earlyRequestsMax } from '../../../src/server/peer/limits.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ask, closeAll, established, startMember, until } from './harness.ts';

const servers: http.Server[] = [];
afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A port that is open, of a member that has not started. */
async function opened(isFounder: boolean, clock = new ManualClock()) {
  const early = new EarlyRequests({ clock, isFounder });
  let arrived = 0;
  const server = http.createServer((request, response) => {
    early.handler(request, response);
    arrived++;
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = () => ask(`${url}/raft`, { method: 'POST', body: Buffer.from('message') });
  return { early, clock, url, post, arrived: (count: number) => until(() => arrived >= count) };
}

const answersOk: http.RequestListener = (_, response) => {
  response.end('ok');
};

describe('a member that has not started', () => {
  it('answers a stream that was asked for early as soon as it starts, however long that took', async () => {
    const { early, clock, url, arrived } = await opened(false);
    const stream = ask(`${url}/raft/stream/message/a`);
    await arrived(1);
    await clock.advance(60_000);
    early.serve(answersOk);
    expect([(await stream).status, (await ask(`${url}/raft`, { method: 'POST' })).status]).toEqual([200, 200]);
  });

  it('takes messages that came just now, and refuses those that have waited', async () => {
    const { early, clock, post, arrived } = await opened(false);
    const old = post();
    await arrived(1);
    await clock.advance(earlyMessageAgeMaxMs);
    expect(await old).toMatchObject({ status: 503, body: 'etcdserver: the member is starting\n' });
    const young = post();
    await arrived(2);
    await clock.advance(earlyMessageAgeMaxMs - 1);
    early.serve(answersOk);
    expect((await young).status).toBe(200);
  });

  it('tells other founders at once that it knows no members, if it is one; else they wait', async () => {
    const founder = await opened(true);
    expect((await ask(`${founder.url}/members`)).status).toBe(503);
    const restarted = await opened(false);
    const answer = ask(`${restarted.url}/members`);
    await restarted.arrived(1);
    restarted.early.serve(answersOk);
    expect((await answer).status).toBe(200);
  });

  it('lets no more wait than it says', async () => {
    const { early, url, arrived } = await opened(false);
    const all = Array.from({ length: earlyRequestsMax }, () => ask(`${url}/version`));
    await arrived(earlyRequestsMax);
    expect((await ask(`${url}/version`)).status).toBe(503);
    early.serve(answersOk);
    expect((await Promise.all(all)).every(({ status }) => status === 200)).toBe(true);
  });
});

describe('a leader whose new peer starts slowly', () => {
  it('is not heard late: the joiner gets no heartbeat of its past', async () => {
    const early = new EarlyRequests({ clock: nodeClock, isFounder: false });
    const port = http.createServer(early.handler);
    servers.push(port);
    await new Promise<void>((done) => port.listen(0, '127.0.0.1', done));
    const [leader, joiner] = await Promise.all([startMember(0xan), startMember(0xbn)]);
    leader.transport.addPeer(joiner.id, [`http://127.0.0.1:${(port.address() as AddressInfo).port}`]);
    const beat = (commit: number): Message => newMessage(messageType.heartbeat, 0xan, 0xbn, { term: 2, commit });
    leader.transport.send([beat(1), beat(2)]);
    // Refused: the leader knows that they are lost.
    await until(() => leader.unreachable.length > 0);
    early.serve(joiner.transport.handler);
    joiner.transport.addPeer(leader.id, [leader.url]);
    await until(() => established(leader, 'writer') === 2);
    leader.transport.send([beat(3)]);
    await until(() => joiner.received.length > 0);
    expect(joiner.received.map(({ commit }) => commit)).toEqual([3]);
  });
});

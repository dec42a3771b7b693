import { afterEach, describe, expect, it } from 'vitest';
import { encodeMessage, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { ask, closeAll, startMember, type TestMember, testClusterId } from './harness.ts';

afterEach(closeAll);

const cluster = testClusterId.toString(16);
const good = {
  'X-Server-From': 'b',
  'X-Server-Version': '3.5.21',
  'X-Min-Cluster-Version': '3.0.0',
  'X-Etcd-Cluster-ID': cluster,
  'X-PeerURLs': 'http://127.0.0.1:1',
};

async function member(): Promise<TestMember> {
  const started = await startMember(0xan);
  started.transport.addPeer(0xcn, ['http://127.0.0.1:1']);
  started.removedIds.add(0xdn);
  return started;
}

describe('the peer port answers as etcd 3.6.5', () => {
  it.each([
    ['GET', '/raft', {}, 405, 'Method Not Allowed\n'],
    ['POST', '/raft', {}, 412, 'incompatible version\n'],
    ['POST', '/raft', { ...good, 'X-Server-Version': '2.3.8' }, 412, 'incompatible version\n'],
    ['POST', '/raft', { ...good, 'X-Min-Cluster-Version': '3.7.0' }, 412, 'incompatible version\n'],
    ['POST', '/raft', { ...good, 'X-Server-Version': 'nonsense' }, 412, 'incompatible version\n'],
    ['POST', '/raft', { ...good, 'X-Etcd-Cluster-ID': '1' }, 412, 'cluster ID mismatch\n'],
    ['POST', '/raft', { ...good, 'X-Etcd-Cluster-ID': `0${cluster}` }, 412, 'cluster ID mismatch\n'],
    ['POST', '/raft', good, 400, 'error unmarshalling raft message\n'],
    ['GET', '/raft/stream/msgapp', {}, 412, 'incompatible version\n'],
    ['POST', '/raft/stream/msgapp/c', good, 405, 'Method Not Allowed\n'],
    ['GET', '/raft/stream/msgappv2/c', good, 404, 'invalid path\n'],
    ['GET', '/raft/stream/msgapp/xyz', good, 404, 'invalid from\n'],
    ['GET', '/raft/stream/msgapp/d', good, 410, 'removed member\n'],
    ['GET', '/raft/stream/message/b', good, 404, 'error sender not found\n'],
    ['GET', '/raft/stream/message/c', { ...good, 'X-Raft-To': 'b' }, 412, 'to field mismatch\n'],
    ['GET', '/raft/snapshot', good, 405, 'Method Not Allowed\n'],
    ['POST', '/raft/snapshot', good, 400, 'failed to decode raft message (unexpected EOF)\n'],
    ['GET', '/raft/other', good, 404, '404 page not found\n'],
    ['GET', '/health', {}, 404, '404 page not found\n'],
    ['GET', '/members/', {}, 404, '404 page not found\n'],
    ['POST', '/members', {}, 405, 'Method Not Allowed\n'],
    ['POST', '/version', {}, 405, 'Method Not Allowed\n'],
  ])('%s %s %j: %i', async (method, path, headers, status, body) => {
    const { url } = await member();
    const sent =
      method === 'POST' ? { method, headers, body: Buffer.from('nonsense').subarray(0, 4) } : { method, headers };
    const answer = await ask(url + path, sent);
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    if (status === 405) expect(answer.headers['allow']).toBe(method === 'GET' ? 'POST' : 'GET');
    else if (path.startsWith('/raft') && path !== '/raft/other')
      expect(answer.headers['x-etcd-cluster-id']).toBe(cluster);
    if (status !== 405 && path.startsWith('/raft/stream')) expect(answer.headers['x-server-version']).toBe('3.6.5');
  });

  it('takes a message and refuses those of removed members and for others', async () => {
    const started = await member();
    const post = (from: bigint, to: bigint) =>
      ask(`${started.url}/raft`, {
        method: 'POST',
        headers: good,
        body: encodeMessage(newMessage(messageType.heartbeat, from, to, { term: 1 })),
      });
    expect(await post(0xbn, 0xan)).toMatchObject({ status: 204, body: '', headers: { 'x-etcd-cluster-id': cluster } });
    expect(await post(0xdn, 0xan)).toMatchObject({ status: 500, body: 'error processing raft message\n' });
    expect(await post(0xbn, 0xcn)).toMatchObject({ status: 500, body: 'error processing raft message\n' });
    expect(started.received.length).toBe(1);
  });

  it('serves probes, the version and the members', async () => {
    const { url } = await member();
    const probe = await ask(`${url}/raft/probing`);
    expect(probe.status).toBe(200);
    expect(probe.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(probe.body).toMatch(/^\{"OK":true,"Now":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z"\}\n$/);
    const version = await ask(`${url}/version`);
    expect(version.headers['content-type']).toBe('application/json');
    expect(version.body).toBe('{"etcdserver":"3.6.5","etcdcluster":"3.6.0","storage":"3.6.0"}');
    const members = await ask(`${url}/members?x=1`);
    expect(members.headers['x-etcd-cluster-id']).toBe(cluster);
    expect(members.body).toBe('[]\n');
  });

  it('warns of a refused peer once, not with each of its dials', async () => {
    const started = await member();
    for (let i = 0; i < 5; i++)
      await ask(`${started.url}/raft`, { method: 'POST', headers: { ...good, 'X-Etcd-Cluster-ID': '1' } });
    const lines = started.logged.filter((line) => line.includes('request cluster ID mismatch'));
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'debug', 'debug', 'debug', 'debug']);
  });
});

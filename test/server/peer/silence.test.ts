import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/ports.ts';
import { entryType, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { nodeClock } from '../../../src/server/node-ports.ts';
import { noPeerMetrics } from '../../../src/server/peer/metrics.ts';
import { ask, closeAll, connect, connected, established, startMember, testClusterId, until } from './harness.ts';

/** A clock on which seconds pass in milliseconds: time limits are the same, tests need not wait for them. */
function clockOf(speed: number): Clock {
  return {
    now: () => nodeClock.now(),
    monotonicMs: () => nodeClock.monotonicMs() * speed,
    after: (delayMs, callback) => nodeClock.after(delayMs / speed, callback),
    every: (intervalMs, callback) => nodeClock.every(intervalMs / speed, callback),
  };
}

const fastClock = clockOf(50);

const servers: http.Server[] = [];
afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A peer that accepts streams and then says what `answer` lets it say. */
async function startStranger(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const streamHeaders = { 'X-Server-Version': '3.6.5', 'X-Etcd-Cluster-ID': testClusterId.toString(16) };

describe('a silent peer', () => {
  it('that sends nothing on its streams is dialled again after the read timeout', async () => {
    let dials = 0;
    const url = await startStranger((request, response) => {
      if (request.url?.startsWith('/raft/stream/') === true) dials++;
      response.writeHead(200, streamHeaders).flushHeaders();
    });
    const member = await startMember(0xan, { clock: fastClock });
    member.transport.addPeer(0xbn, [url]);
    await until(() => dials >= 4);
    expect(member.logged.join('\n')).toContain('(i/o timeout)');
  });

  it('that does not answer a dial is dialled again', async () => {
    let dials = 0;
    const url = await startStranger((request) => {
      if (request.url?.startsWith('/raft/stream/') === true) dials++;
    });
    const member = await startMember(0xan, { clock: fastClock });
    member.transport.addPeer(0xbn, [url]);
    await until(() => dials >= 4);
    expect(established(member, 'reader')).toBe(0);
  });

  it('that reads nothing from its stream loses it after the write timeout', async () => {
    const member = await startMember(0xan, { clock: fastClock });
    member.transport.addPeer(0xbn, ['http://127.0.0.1:1']);
    let paused: Socket | null = null;
    const request = http.request(`${member.url}/raft/stream/msgapp/b`, {
      agent: false,
      headers: { ...streamHeaders, 'X-Min-Cluster-Version': '3.0.0', 'X-Raft-To': 'a' },
    });
    request.on('socket', (socket) => {
      paused = socket;
    });
    request.on('error', () => {});
    request.on('response', (response) => {
      response.on('error', () => {});
      response.pause();
    });
    request.end();
    await until(() => established(member, 'writer') === 1 && paused !== null);
    const entries = [{ type: entryType.normal, term: 1, index: 1, data: Buffer.alloc(32 * 1024 * 1024) }];
    member.transport.send([newMessage(messageType.app, 0xan, 0xbn, { term: 1, entries })]);
    await until(() => member.unreachable.length > 0);
    expect(member.logged.join('\n')).toContain('failed to heartbeat b on stream MsgApp v2 (i/o timeout)');
    request.destroy();
  });

  it('keeps its streams for as long as link heartbeats come', async () => {
    // A busy machine that stands still for longer than a quarter of a second would be a silent peer.
    const clock = clockOf(12);
    const [a, b] = await Promise.all([startMember(0xan, { clock }), startMember(0xbn, { clock })]);
    connect(a, b);
    await connected(a, b);
    const startedAt = clock.monotonicMs();
    await until(() => clock.monotonicMs() - startedAt > 12_000);
    expect(established(a, 'reader')).toBe(2);
    expect(a.transport.activeSince(b.id)).not.toBeNull();
  });
});

describe('a probe', () => {
  it('measures a healthy peer and warns of a dead one', async () => {
    const [a, b] = await Promise.all([
      startMember(0xan, { clock: fastClock }),
      startMember(0xbn, { clock: fastClock }),
    ]);
    const samples: number[] = [];
    const metrics = { ...noPeerMetrics, roundTripSeconds: (_: string, seconds: number) => samples.push(seconds) };
    const watcher = await startMember(0xcn, { clock: fastClock, metrics });
    watcher.transport.addPeer(b.id, [b.url]);
    await until(() => samples.some((seconds) => seconds > 0));
    a.transport.addPeer(0xdn, ['http://127.0.0.1:1']);
    await until(() => a.logged.some((line) => line.startsWith('warn prober detected unhealthy status')));
    const line = a.logged.find((one) => one.startsWith('warn prober'));
    expect(line).toMatch(/"round-tripper-name":"ROUND_TRIPPER_(SNAPSHOT|RAFT_MESSAGE)"/);
    expect(line).toContain('connection refused');
  });
});

describe('a peer that breaks the encoding', () => {
  it('is dialled anew, and nobody else is disturbed', async () => {
    let dials = 0;
    const url = await startStranger((_, response) => {
      dials++;
      response.writeHead(200, streamHeaders);
      response.write(Buffer.from('ffffffffffffffff00', 'hex'));
    });
    const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn)]);
    connect(a, b);
    a.transport.addPeer(0xcn, [url]);
    await until(() => dials >= 4);
    await connected(a, b);
    expect(a.logged.join('\n')).toContain('failed to parse type 255 in msgappv2 stream');
    expect((await ask(`${a.url}/version`)).status).toBe(200);
  });
});

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Reader } from '../../../src/proto/codec.ts';
import { decodeMessage, entryType, type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { pipelineAgeMaxMs, pipelineMessagesMax, streamMessagesMax } from '../../../src/server/peer/limits.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ask, closeAll, connect, connected, established, startMember, type TestMember, until } from './harness.ts';

afterEach(closeAll);

function append(from: TestMember, to: TestMember, index: number, data: Uint8Array): Message {
  const entries = [{ type: entryType.normal, term: 2, index: index + 1, data }];
  return newMessage(messageType.app, from.id, to.id, { term: 2, logTerm: 2, index, entries, commit: index });
}

function heartbeat(from: TestMember, to: TestMember, commit: number): Message {
  return newMessage(messageType.heartbeat, from.id, to.id, { term: 2, commit });
}

async function pair(): Promise<readonly [TestMember, TestMember]> {
  const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn)]);
  connect(a, b);
  await connected(a, b);
  return [a, b];
}

describe('connected transports', () => {
  it('carry messages of three members in order, appends and others on their own streams', async () => {
    const [a, b, c] = await Promise.all([startMember(1n), startMember(2n), startMember(0xffffffffffffffffn)]);
    connect(a, b, c);
    await connected(a, b, c);
    for (let i = 0; i < 50; i++) {
      a.transport.send([
        append(a, b, i, Buffer.from(`entry ${i}`)),
        heartbeat(a, c, i),
        append(a, c, i, Buffer.alloc(20_000, i)),
      ]);
    }
    await until(() => b.received.length === 50 && c.received.length === 100);
    expect(b.received.map((message) => message.index)).toEqual([...Array(50).keys()]);
    expect(b.received.map((message) => Buffer.from(message.entries[0]?.data ?? []).toString())).toContain('entry 49');
    const appends = c.received.filter((message) => message.type === messageType.app);
    expect(
      appends.every((message, i) => message.entries[0]?.data?.length === 20_000 && message.entries[0].data[0] === i),
    ).toBe(true);
    expect(a.transport.activeSince(2n)).not.toBeNull();
    expect(a.unreachable).toEqual([]);
  });

  it('send the last of several MsgAppResp to a member, and nothing to removed ones', async () => {
    const [a, b] = await pair();
    const response = (index: number): Message => newMessage(messageType.appResp, a.id, b.id, { term: 2, index });
    a.transport.send([response(1), heartbeat(a, b, 7), response(2), response(3)]);
    await until(() => b.received.length === 2);
    a.removedIds.add(b.id);
    a.transport.send([response(4)]);
    a.removedIds.delete(b.id);
    a.transport.send([response(5)]);
    await until(() => b.received.length === 3);
    expect(b.received.map((message) => [message.type, message.index])).toEqual([
      [messageType.heartbeat, 0],
      [messageType.appResp, 3],
      [messageType.appResp, 5],
    ]);
  });

  it('carry an entry of many megabytes', async () => {
    const [a, b] = await pair();
    const data = Buffer.alloc(8 * 1024 * 1024, 'x');
    a.transport.send([append(a, b, 1, data), append(a, b, 2, data)]);
    await until(() => b.received.length === 2);
    expect(b.received.every((message) => data.equals(message.entries[0]?.data ?? Buffer.alloc(0)))).toBe(true);
  });

  it('report messages beyond a full queue as lost, once', async () => {
    const [a, b] = await pair();
    const messages = Array.from({ length: streamMessagesMax + 1 }, (_, i) => heartbeat(a, b, i));
    a.transport.send(messages.slice(0, streamMessagesMax));
    await until(() => b.received.length === streamMessagesMax);
    expect(a.unreachable).toEqual([]);
    a.transport.send([...messages, ...messages.slice(0, 3)]);
    await until(() => b.received.length === 2 * streamMessagesMax && a.unreachable.length > 0);
    expect(a.unreachable).toEqual([b.id]);
  });

  it('do not hand Raft what only a node says to itself, nor what is for another', async () => {
    const [a, b] = await pair();
    a.transport.send([
      newMessage(messageType.hup, a.id, b.id),
      newMessage(messageType.storageAppend, a.id, b.id),
      heartbeat(a, b, 1),
    ]);
    await until(() => b.received.length === 1);
    expect(b.received[0]?.type).toBe(messageType.heartbeat);
  });
});

describe('a peer that dies', () => {
  it('is inactive at once, reported gone, and found again when it is back', async () => {
    const [a, b] = await pair();
    const port = Number(new URL(b.url).port);
    await b.kill();
    await until(() => a.gone.length === 1);
    expect(a.gone).toEqual([b.id]);
    expect(a.transport.activeSince(b.id)).toBeNull();
    a.transport.send([heartbeat(a, b, 1)]);
    await until(() => a.unreachable.length === 1);
    const again = await startMember(b.id, {}, port);
    connect(a, again);
    await connected(again, a);
    await until(() => established(a, 'reader') === 4 && established(a, 'writer') === 4);
    a.transport.send([heartbeat(a, again, 2)]);
    await until(() => again.received.length === 1);
    expect(a.gone).toEqual([b.id]);
    expect(a.transport.activeSince(b.id)).not.toBeNull();
  });

  it('in order is seen as an orderly end', async () => {
    const [a, b] = await pair();
    await b.close();
    await until(() => a.gone.length === 1);
    const lost = a.logged.filter((line) => line.startsWith('warn lost TCP') && line.includes('reader'));
    expect(lost.length).toBe(2);
    expect(lost.every((line) => line.includes('"error":"EOF"'))).toBe(true);
  });

  it('is looked for without flooding the log', async () => {
    const a = await startMember(0xan);
    a.transport.addPeer(0xbn, ['http://127.0.0.1:1']);
    await until(() => a.logged.filter((line) => line.startsWith('debug peer deactivated again')).length >= 4);
    expect(a.logged.filter((line) => line.startsWith('warn'))).toEqual([]);
    expect(a.logged.join()).toContain('dial tcp 127.0.0.1:1: connect: connection refused');
    expect(a.gone).toEqual([]);
  });
});

describe('messages without streams', () => {
  it('are posted, and their loss is reported', async () => {
    const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn)]);
    a.transport.addPeer(b.id, [b.url]); // b does not know a: it refuses a's streams with 404 and dials none
    a.transport.send([heartbeat(a, b, 1), newMessage(messageType.vote, a.id, b.id, { term: 3 })]);
    await until(() => b.received.length === 2);
    await until(() => a.logged.some((line) => line.startsWith('info peer became active')));
    await until(() => b.logged.some((line) => line.startsWith('warn failed to find remote peer in cluster')));
    b.transport.send([newMessage(messageType.voteResp, b.id, a.id, { term: 3 })]);
    await until(() => a.received.length === 1); // b remembers who asked, and posts its answer
    a.transport.addPeer(0xcn, ['http://127.0.0.1:1']);
    a.transport.send([newMessage(messageType.vote, a.id, 0xcn)]);
    await until(() => a.unreachable.length > 0);
    expect(a.unreachable).toEqual([0xcn]);
  });

  it('lose what has waited too long for a peer that accepts connections and does not answer', async () => {
    const posts: Message[] = [];
    const silent = http.createServer((request) => {
      if (request.method !== 'POST') return;
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => posts.push(decodeMessage(new Reader(Buffer.concat(chunks)))));
    });
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const clock = new ManualClock();
    const a = await startMember(0xan, { clock });
    const b = { ...a, id: 0xbn };
    a.transport.addPeer(b.id, [`http://127.0.0.1:${(silent.address() as AddressInfo).port}`]);
    for (let i = 1; i <= pipelineMessagesMax; i++) a.transport.send([heartbeat(a, b, i)]);
    await until(() => posts.length === 4);
    expect(a.unreachable).toEqual([]);
    await clock.advance(pipelineAgeMaxMs);
    a.transport.send([heartbeat(a, b, 100)]);
    await until(() => a.unreachable.length > 0);
    await clock.advance(pipelineAgeMaxMs - 1);
    silent.closeAllConnections();
    await until(() => posts.length === 5);
    expect(posts.map(({ commit }) => commit)).toEqual([1, 2, 3, 4, 100]);
    await a.close();
    await new Promise((done) => silent.close(done));
  });

  it('use the next URL of a peer when one fails', async () => {
    const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn)]);
    b.transport.addPeer(a.id, [a.url]);
    a.transport.addPeer(b.id, ['http://127.0.0.1:1', b.url]);
    await connected(a, b);
  });

  it('reach a peer at its new URL', async () => {
    const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn)]);
    a.transport.addPeer(b.id, ['http://127.0.0.1:1']);
    b.transport.addPeer(a.id, [a.url]);
    await until(() => established(a, 'writer') === 2);
    expect(established(a, 'reader')).toBe(0);
    a.transport.updatePeer(b.id, [b.url]);
    await until(() => established(a, 'reader') === 2);
  });
});

describe('membership', () => {
  it('tells a removed member to stop', async () => {
    const [a, b] = await pair();
    b.removedIds.add(a.id);
    b.transport.removePeer(a.id);
    await until(() => a.removals > 0);
    expect(a.removals).toBeGreaterThan(0);
    expect(b.transport.activeSince(a.id)).toBeNull();
    b.transport.removePeer(a.id);
    expect(b.logged.at(-1)).toContain('skipped removing already removed peer');
  });

  it('replaces a stream that is dialled twice', async () => {
    const [a, b] = await pair();
    const before = established(a, 'writer');
    void ask(`${a.url}/raft/stream/message/${b.id.toString(16)}`, {
      headers: {
        'X-Server-Version': '3.4.0',
        'X-Min-Cluster-Version': '3.0.0',
        'X-Etcd-Cluster-ID': 'ef37ad9dc622a7c4',
        'X-Raft-To': a.id.toString(16),
      },
    }).catch(() => {});
    await until(() => established(a, 'writer') > before);
    await until(() => b.logged.some((line) => line.startsWith('warn lost TCP') && line.includes('"EOF"')));
    await until(() => established(b, 'reader') === 3);
    a.transport.send([heartbeat(a, b, 9)]);
    await until(() => b.received.length === 1);
  });
});

describe('snapshots', () => {
  it('are refused clearly by a member that cannot store them', async () => {
    const [a, b] = await pair();
    const message = newMessage(messageType.snap, a.id, b.id, {
      term: 2,
      snapshot: {
        data: null,
        metadata: {
          confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
          index: 5,
          term: 2,
        },
      },
    });
    await a.transport.sendSnapshot({ message, bytes: 3, database: chunksOf('abc') });
    expect(a.snapshots).toEqual([{ id: b.id, ok: false }]);
    expect(b.logged.join('\n')).toContain('this member cannot store snapshots');
    expect(b.received).toEqual([]);
  });

  it('arrive as a database and a message', async () => {
    const saved: string[] = [];
    const snapshots = {
      async save(message: Message, database: AsyncIterable<Uint8Array>) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of database) chunks.push(chunk);
        saved.push(`${message.snapshot?.metadata.index} ${Buffer.concat(chunks)}`);
      },
    };
    const [a, b] = await Promise.all([startMember(0xan), startMember(0xbn, { snapshots })]);
    connect(a, b);
    const message = newMessage(messageType.snap, a.id, b.id, {
      term: 2,
      snapshot: {
        data: Buffer.from('{}'),
        metadata: {
          confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
          index: 5,
          term: 2,
        },
      },
    });
    await a.transport.sendSnapshot({
      message,
      bytes: 300_000,
      database: chunksOf('x'.repeat(100_000), 'y', 'z'.repeat(199_999)),
    });
    expect(a.snapshots).toEqual([{ id: b.id, ok: true }]);
    expect(saved).toEqual([`5 ${'x'.repeat(100_000)}y${'z'.repeat(199_999)}`]);
    expect(b.received.map((one) => one.snapshot?.metadata.index)).toEqual([5]);
  });
});

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

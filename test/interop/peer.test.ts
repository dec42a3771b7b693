/**
 * A real etcd and this transport as the two members of a cluster. The TypeScript side is a voter without a disk that grants every
 * vote and accepts every append: it proves the wire, not safety.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type Message, messageType, newMessage } from '../../src/proto/raftpb.ts';
import { type NewCluster, newCluster } from '../../src/server/cluster/bootstrap.ts';
import { formatId, memberId } from '../../src/server/cluster/ids.ts';
import { type Member, membersJson } from '../../src/server/cluster/member.ts';
import { fetchMembersOverHttp } from '../../src/server/cluster/remote-members.ts';
import { nodeClock } from '../../src/server/node-ports.ts';
import { createPeerPort } from '../../src/server/peer/peer-port.ts';
import { PeerTransport } from '../../src/server/peer/transport.ts';

const folder = process.env['REAL_ETCD_DIR'] ?? '';
const binaries = ['etcd', 'etcd-last-release'].filter((name) => folder !== '' && existsSync(join(folder, name)));
const run = promisify(execFile);

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

interface Voter {
  readonly url: string;
  readonly cluster: NewCluster;
  readonly received: Message[];
  readonly logged: string[];
  readonly transport: PeerTransport;
}

/** A member named "ours" of a cluster with "real" at `realUrl`. */
async function startVoter(realUrl: string, token: string): Promise<Voter> {
  let handler: PeerTransport['handler'] = (_, response) => response.end();
  const port = createPeerPort({ handler: (request, response) => handler(request, response) });
  const url = `http://127.0.0.1:${await port.listen('127.0.0.1', 0)}`;
  const member = (name: string, peerUrl: string): Member => ({
    id: memberId([peerUrl], token),
    name,
    peerUrls: [peerUrl],
    clientUrls: [],
    isLearner: false,
  });
  const [ours, real] = [member('ours', url), member('real', realUrl)];
  const cluster = newCluster(ours.id, [ours, real]);
  const received: Message[] = [];
  const logged: string[] = [];
  const log = (message: string, fields?: unknown) =>
    logged.push(
      `${message} ${JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))}`,
    );
  const transport: PeerTransport = new PeerTransport({
    localId: ours.id,
    clusterId: cluster.clusterId,
    localPeerUrls: () => [url],
    serverVersion: '3.6.5',
    minClusterVersion: '3.0.0',
    clock: nodeClock,
    logger: { debug: log, info: log, warn: log, error: log },
    versionJson: () => '{"etcdserver":"3.6.5","etcdcluster":"not_decided","storage":"unknown"}',
    membersJson: () => membersJson(cluster.members),
    raft: {
      process: (message) => {
        received.push(message);
        transport.send(answersTo(message));
      },
      isIdRemoved: () => false,
      reportUnreachable: () => {},
      reportSnapshot: () => {},
      removedFromCluster: () => {},
    },
  });
  handler = transport.handler;
  transport.addPeer(real.id, [realUrl]);
  cleanups.push(async () => {
    await transport.close();
    await port.close();
  });
  return { url, cluster, received, logged, transport };
}

function answersTo(message: Message): Message[] {
  const answer = (type: Message['type'], rest: Partial<Message> = {}): Message[] => [
    newMessage(type, message.to, message.from, { term: message.term, ...rest }),
  ];
  switch (message.type) {
    case messageType.preVote:
      return answer(messageType.preVoteResp);
    case messageType.vote:
      return answer(messageType.voteResp);
    case messageType.heartbeat:
      return answer(messageType.heartbeatResp, { context: message.context });
    case messageType.app:
      return answer(messageType.appResp, { index: message.entries.at(-1)?.index ?? message.index });
    default:
      return [];
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function startReal(binary: string, peerUrl: string, clientUrl: string, voterUrl: string, token: string): ChildProcess {
  const directory = mkdtempSync(join(tmpdir(), 'real-peer-'));
  const child = spawn(
    join(folder, binary),
    [
      ...['--name', 'real', '--data-dir', join(directory, 'data'), '--initial-cluster-token', token],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--initial-cluster', `real=${peerUrl},ours=${voterUrl}`],
    ],
    { stdio: 'ignore' },
  );
  cleanups.push(async () => {
    await stop(child);
    rmSync(directory, { recursive: true, force: true });
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe.skipIf(binaries.length === 0)('a real member (needs REAL_ETCD_DIR with etcd and etcdctl)', () => {
  it.each(binaries)(
    '%s: streams both ways, is elected with our vote and commits with our acknowledgements',
    async (binary) => {
      const token = `interop-${binary}`;
      const peerUrl = `http://127.0.0.1:${await freePort()}`;
      const clientUrl = `http://127.0.0.1:${await freePort()}`;
      const voter = await startVoter(peerUrl, token);
      const real = startReal(binary, peerUrl, clientUrl, voter.url, token);
      const has = (type: Message['type']) => voter.received.some((message) => message.type === type);
      await until(() => has(messageType.vote) && has(messageType.heartbeat), 'a vote and a heartbeat');
      const lines = (text: string) => voter.logged.filter((line) => line.includes(text));
      await until(() => lines('established TCP streaming connection').length >= 4, 'four streams');

      const etcdctl = (...args: string[]) => run(join(folder, 'etcdctl'), ['--endpoints', clientUrl, ...args]);
      for (let i = 0; i < 5; i++) expect((await etcdctl('put', `k${i}`, 'v'.repeat(10_000 * i))).stdout).toBe('OK\n');
      expect((await etcdctl('get', 'k1', '--print-value-only')).stdout).toBe(`${'v'.repeat(10_000)}\n`);

      const id = memberId([peerUrl], token);
      const entries = voter.received.filter((message) => message.type === messageType.app).flatMap((m) => m.entries);
      expect(entries.some((entry) => (entry.data?.length ?? 0) > 40_000)).toBe(true);
      expect(voter.transport.activeSince(id)).not.toBeNull();
      const running = await fetchMembersOverHttp(() => {})([peerUrl]);
      expect(running?.clusterId).toBe(voter.cluster.clusterId);
      expect(running?.members.map((member) => member.id)).toEqual(voter.cluster.members.map((member) => member.id));

      await stop(real);
      await until(() => voter.transport.activeSince(id) === null, 'the dead member is inactive');
      expect(lines('lost TCP streaming connection').length).toBeGreaterThan(0);
      expect(lines(`"peer-id":"${formatId(id)}"`).length).toBeGreaterThan(0);
    },
  );

  it('of another cluster is refused, and refuses us, with status 412', async () => {
    const peerUrl = `http://127.0.0.1:${await freePort()}`;
    const voter = await startVoter(peerUrl, 'one');
    const clientUrl = `http://127.0.0.1:${await freePort()}`;
    startReal(binaries[0] ?? '', peerUrl, clientUrl, voter.url, 'another');
    await until(
      () =>
        voter.logged.some((line) => line.startsWith('request cluster ID mismatch')) &&
        voter.logged.some((line) => line.includes('due to cluster ID mismatch')),
      'both refusals',
    );
    expect(voter.received).toEqual([]);
  });
});

/** Members of nothing but a transport: what they receive is kept, what they should do is told to them. */
import http from 'node:http';
import type { Message } from '../../../src/proto/raftpb.ts';
import { nodeClock } from '../../../src/server/node-ports.ts';
import type { StructuredLogger } from '../../../src/server/peer/logger.ts';
import { createPeerPort } from '../../../src/server/peer/peer-port.ts';
import { PeerTransport, type PeerTransportOptions } from '../../../src/server/peer/transport.ts';

export interface TestMember {
  readonly id: bigint;
  readonly url: string;
  readonly transport: PeerTransport;
  /** Everything that happened, oldest first. */
  readonly received: Message[];
  readonly logged: string[];
  readonly unreachable: bigint[];
  readonly snapshots: { readonly id: bigint; readonly ok: boolean }[];
  readonly gone: bigint[];
  readonly removedIds: Set<bigint>;
  removals: number;
  /** Closes the transport in order, then the port. */
  close(): Promise<void>;
  /** Cuts all connections first, as the end of a process does. */
  kill(): Promise<void>;
}

export const testClusterId = 0xef37ad9dc622a7c4n;

const open = new Set<TestMember>();

/** To be called after each test. */
export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((member) => member.close()));
}

export async function startMember(id: bigint, rest: Partial<PeerTransportOptions> = {}, port = 0): Promise<TestMember> {
  let transport: PeerTransport | null = null;
  const peerPort = createPeerPort({ handler: (request, response) => transport?.handler(request, response) });
  const url = `http://127.0.0.1:${await peerPort.listen('127.0.0.1', port)}`;
  const log = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    member.logged.push(
      `${level} ${message} ${JSON.stringify(fields ?? {}, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))}`,
    );
  };
  const logger: StructuredLogger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const options: PeerTransportOptions = {
    localId: id,
    clusterId: testClusterId,
    localPeerUrls: () => [url],
    serverVersion: '3.6.5',
    minClusterVersion: '3.0.0',
    clock: nodeClock,
    logger,
    versionJson: () => '{"etcdserver":"3.6.5","etcdcluster":"3.6.0","storage":"3.6.0"}',
    membersJson: () => '[]\n',
    raft: {
      process: (message) => member.received.push(message),
      isIdRemoved: (removed) => member.removedIds.has(removed),
      reportUnreachable: (peer) => member.unreachable.push(peer),
      reportSnapshot: (peer, ok) => member.snapshots.push({ id: peer, ok }),
      removedFromCluster: () => {
        member.removals++;
      },
      peerProcessGone: (peer) => member.gone.push(peer),
    },
    ...rest,
  };
  const member: TestMember = {
    id,
    url,
    transport: new PeerTransport(options),
    received: [],
    logged: [],
    unreachable: [],
    snapshots: [],
    gone: [],
    removedIds: new Set(),
    removals: 0,
    async close() {
      open.delete(member);
      await member.transport.close();
      await peerPort.close();
    },
    async kill() {
      open.delete(member);
      await peerPort.close();
      await member.transport.close();
    },
  };
  transport = member.transport;
  open.add(member);
  return member;
}

/** Makes each a peer of all others. */
export function connect(...members: readonly TestMember[]): void {
  for (const one of members) for (const other of members) one.transport.addPeer(other.id, [other.url]);
}

/** Waits until both streams of `member` from each other are up, in both directions. */
export async function connected(...members: readonly TestMember[]): Promise<void> {
  await Promise.all(
    members.map((member) =>
      until(
        () =>
          established(member, 'reader') >= 2 * (members.length - 1) &&
          established(member, 'writer') >= 2 * (members.length - 1),
      ),
    ),
  );
}

export function established(member: TestMember, side: 'reader' | 'writer'): number {
  const text = `established TCP streaming connection with remote peer {"stream-${side}`;
  return member.logged.filter((line) => line.includes(text)).length;
}

/** Resolves as soon as the condition holds; rejects after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`never became true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** One request; the answer's body is read to its end. */
export function ask(
  url: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: Uint8Array } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = options;
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

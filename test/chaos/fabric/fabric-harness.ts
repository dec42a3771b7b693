/** Stand-ins for members around a fabric in this process: they say what rafthttp says, when a test wants it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { seededRandom } from '../../../src/base/prng.ts';
import type { FabricLimits, FabricMember } from '../../../src/chaos/fabric/fabric.ts';
import { Fabric } from '../../../src/chaos/fabric/fabric.ts';

export const password = 'secret';

/** A socket, and all that arrived on it. */
export class End {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  /** Set once the other side has gone. */
  over: 'ended' | 'reset' | null = null;
  /** Bytes that arrived. */
  length = 0;
  #received: Buffer[] = [];
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.length += chunk.length;
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      socket.on('error', () => {
        this.over ??= 'reset';
      });
      socket.on('end', () => {
        this.over ??= 'ended';
        // Go closes a connection whose other side has gone.
        socket.end();
      });
      socket.on('close', () => resolve());
    });
  }

  get received(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  /** Resolves once that much, or what matches, has arrived. */
  async until(wanted: number | string): Promise<void> {
    const has = () => (typeof wanted === 'number' ? this.length >= wanted : this.text.includes(wanted));
    while (!has()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }
}

export class FakeCluster {
  readonly fabric: Fabric;
  readonly members: readonly FabricMember[];
  readonly #accepted = new Map<string, ((end: End) => void)[]>();
  readonly #closers: (() => void)[] = [];

  private constructor(fabric: Fabric, members: readonly FabricMember[]) {
    this.fabric = fabric;
    this.members = members;
  }

  static async start(count: number, tls = false, limits?: FabricLimits): Promise<FakeCluster> {
    const fabric = await Fabric.listen(password, seededRandom(7), limits);
    const members: FabricMember[] = [];
    const cluster = new FakeCluster(fabric, members);
    for (let at = 1; at <= count; at++) {
      const name = `m${at}`;
      const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
        cluster.#closers.push(() => socket.destroy());
        cluster.#accepted.get(name)?.shift()?.(new End(socket));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      cluster.#closers.push(() => server.close());
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      members.push({ name, cluster: 'etcd', host: `192.0.2.${at}`, port, tls });
    }
    fabric.addMembers(members);
    return cluster;
  }

  member(name: string): FabricMember {
    const found = this.members.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  get pairs(): [string, string][] {
    const names = this.members.map((one) => one.name);
    return names.flatMap((from) => names.filter((to) => to !== from).map((to): [string, string] => [from, to]));
  }

  /** The end of the dialer, which has said hello to the fabric; what the fabric answered is not waited for. */
  async greet(from: string, host: string, port: number, secret = password): Promise<End> {
    const socket = connect({ host: '127.0.0.1', port: this.fabric.port, noDelay: true });
    this.#closers.push(() => socket.destroy());
    const end = new End(socket);
    await once(socket, 'connect');
    const portBytes = Buffer.alloc(2);
    portBytes.writeUInt16BE(port);
    const name = Buffer.from(from);
    const key = Buffer.from(secret);
    const target = Buffer.of(5, 1, 0, 1, ...host.split('.').map(Number), ...portBytes);
    socket.write(Buffer.concat([Buffer.of(5, 1, 2, 1, name.length), name, Buffer.of(key.length), key, target]));
    await end.until(4);
    return end;
  }

  /** A connection: both ends, after the handshake. */
  async connect(from: string, to: string): Promise<{ readonly dialer: End; readonly server: End }> {
    const { host, port } = this.member(to);
    const accepted = new Promise<End>((resolve) => {
      const waiting = this.#accepted.get(to) ?? [];
      waiting.push(resolve);
      this.#accepted.set(to, waiting);
    });
    const dialer = await this.greet(from, host, port);
    const server = await accepted;
    await dialer.until(handshakeBytes);
    return { dialer, server };
  }

  /** A stream of messages of `from` to `to`: dialled by the receiver. */
  async stream(from: string, to: string, type = 'message'): Promise<{ readonly dialer: End; readonly server: End }> {
    const { dialer, server } = await this.connect(to, from);
    dialer.socket.write(`GET /raft/stream/${type}/1 HTTP/1.1\r\nHost: x\r\n\r\n`);
    await server.until('\r\n\r\n');
    server.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    await dialer.until('\r\n\r\n');
    return { dialer, server };
  }

  async close(): Promise<void> {
    for (const close of this.#closers) close();
    await this.fabric.close();
  }
}

/** What the fabric says before it lets through. */
export const handshakeBytes = 2 + 2 + 10;

/** A chunk with one frame of a message stream. */
export function chunkOf(text: string): Buffer {
  const frame = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
  frame.writeBigUInt64BE(BigInt(text.length), 0);
  return Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, Buffer.from('\r\n')]);
}

export function post(text: string): string {
  return `POST /raft HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

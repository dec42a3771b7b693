/** Listens for the remote control of a supervisor: on a private socket, and on a loopback port if that is asked for. */
import { chmodSync, unlinkSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Result } from '../base/result.ts';
import { err } from '../base/result.ts';
import { askSupervisor } from './control-client.ts';
import type {
  ControlReply,
  ControlRequest,
  EventLine,
  FaultRequest,
  LookRequest,
  RunStatus,
} from './control-protocol.ts';
import { parseRequest, requestBytesMax, tokenOf } from './control-protocol.ts';
import { isToken } from './control-token.ts';
import type { RunEvent } from './observe/model.ts';

/** More are turned away. */
const connectionsMax = 64;
/** How long the last answers may take to be read. */
const farewellMs = 500;

/** A follower that leaves more than this unread is cut off. */
const unreadBytesMax = 1024 * 1024;

export interface Handler {
  answer(request: ControlRequest | LookRequest | FaultRequest): Promise<ControlReply>;
  /** Calls `hear` for events, those since `sinceMs` first if it is not null, until the result is called. */
  follow(sinceMs: number | null, hear: (event: RunEvent) => void): () => void;
  /** Calls `hear` with records of what these say, whole lines of JSON, until the result is called. */
  lines(names: readonly string[], hear: (records: Buffer) => void): () => void;
}

export type Listening =
  | { readonly type: 'listening'; readonly server: ControlServer }
  /** Another supervisor of the same source lives. */
  | { readonly type: 'taken'; readonly by: RunStatus };

export class ControlServer {
  readonly #server: Server;
  /** Of the socket; null over TCP. */
  readonly #path: string | null;
  /** What requests over TCP must have; null on the private socket. */
  readonly #token: string | null;
  readonly #handler: Handler;
  readonly #sockets = new Set<Socket>();
  readonly #answering = new Set<Promise<void>>();

  private constructor(path: string | null, token: string | null, handler: Handler) {
    this.#path = path;
    this.#token = token;
    this.#handler = handler;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = connectionsMax;
  }

  /** Listens at `path`, in place of a socket that nobody answers at any more. Rejects if it cannot. */
  static async listen(path: string, handler: Handler): Promise<Listening> {
    const other = await askSupervisor(path, { command: 'status', names: [] });
    if (other?.ok === true) return { type: 'taken', by: other.status };
    remove(path);
    const server = new ControlServer(path, null, handler);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    server.#server.unref();
    return { type: 'listening', server };
  }

  /** Listens on a loopback address for requests that have the token; port 0 takes any. Rejects if it cannot. */
  static async listenTcp(host: string, port: number, token: string, handler: Handler): Promise<ControlServer> {
    const server = new ControlServer(null, token, handler);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen({ host, port, exclusive: true }, resolve);
    });
    server.#server.unref();
    return server;
  }

  /** Over TCP. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no more requests; resolves when the answers to those under way have been read. */
  async close(): Promise<void> {
    if (this.#path !== null) remove(this.#path);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, farewellMs);
    void Promise.all(this.#answering).then(() => {
      for (const socket of this.#sockets) socket.end();
    });
    await closed;
    clearTimeout(timer);
  }

  #serve(socket: Socket): void {
    let pending = '';
    let last: Promise<void> = Promise.resolve();
    this.#sockets.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy()); // the other side is gone: nobody is left to tell
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (text: string) => {
      pending += text;
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        const answered: Promise<void> = last
          .then(async () => {
            const request = this.#read(line);
            const reply: ControlReply = request.ok
              ? await this.#handler.answer(request.value)
              : { ok: false, error: request.error };
            if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
            if (!this.#isAllowed(line)) socket.end();
            if (request.ok) this.#follow(socket, request.value);
          })
          .finally(() => this.#answering.delete(answered));
        this.#answering.add(answered);
        last = answered;
      }
      if (pending.length > requestBytesMax) socket.destroy();
    });
  }

  #isAllowed(line: string): boolean {
    return this.#token === null || isToken(tokenOf(line), this.#token);
  }

  #read(line: string): Result<ControlRequest | LookRequest | FaultRequest, string> {
    return this.#isAllowed(line) ? parseRequest(line) : err('the token is wrong or missing');
  }

  #follow(socket: Socket, request: ControlRequest | LookRequest | FaultRequest): void {
    const { command } = request;
    if (command !== 'events' && command !== 'lines') return;
    socket.removeAllListeners('data');
    socket.resume(); // so that its end is seen
    const send = (text: string | Buffer) => {
      if (socket.writable) socket.write(text);
      if (socket.writableLength > unreadBytesMax) socket.destroy();
    };
    const tell = (event: RunEvent) => {
      const line: EventLine = { event };
      send(`${JSON.stringify(line)}\n`);
    };
    const end =
      command === 'events' ? this.#handler.follow(request.sinceMs, tell) : this.#handler.lines(request.names, send);
    if (socket.destroyed) end();
    else socket.once('close', end);
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is not there, or listen() says why it cannot be replaced.
  }
}

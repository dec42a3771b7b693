/**
 * The client port: gRPC over HTTP/2 and plain HTTP/1.1 on one socket, told apart by a connection's first bytes. HTTP/2 goes to
 * our own connection; anything else to Node's HTTP server, which is loaded by the first connection that needs it.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionHost, Http2Connection } from '../http2/connection.ts';
import { type ConnectionError, clientPreface } from '../http2/frame.ts';
import { OutputScheduler } from '../http2/output.ts';
import { http1Options } from './http1-options.ts';
import type { GrpcServer } from './server.ts';

export interface ClientPortHooks {
  /** A client broke the rules of HTTP/2 or of good behaviour, and its connection was ended. */
  readonly connectionFailed?: (remoteAddress: string, error: ConnectionError) => void;
}

export interface ClientPortOptions {
  readonly grpc: GrpcServer;
  /** Serves HTTP/1.1; null: such connections are closed (a port for gRPC alone). */
  readonly http1: ((request: IncomingMessage, response: ServerResponse) => void) | null;
  readonly hooks?: ClientPortHooks;
}

export interface ClientPort {
  /** Listens on a TCP address; rejects with the OS error. Several addresses may be listened on. */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Listens on a Unix socket. */
  listenUnix(path: string): Promise<void>;
  /** Serves a connection that was accepted elsewhere, such as a TLS socket after its handshake. */
  accept(duplex: Duplex): void;
  /** Open connections of both kinds. */
  connectionCount(): number;
  /**
   * Stops listening, tells HTTP/2 clients to go away and waits until all calls and requests are done, at most `graceMs`; then
   * ends what is left. Resolves when every connection is closed.
   */
  close(graceMs: number): Promise<void>;
}

/** How long a client may take to say enough to tell its protocol. */
const sniffTimeoutMs = 120_000;

/** From here on HTTP/1.1 requests cannot be meant ("PRI * HTTP/2.0"); Go's gRPC decides by the same prefix. */
const prefixThatDecides = 14;

export function createClientPort(options: ClientPortOptions): ClientPort {
  return new SniffingPort(options);
}

class SniffingPort implements ClientPort {
  private readonly options: ClientPortOptions;
  private readonly servers: Server[] = [];
  private readonly host: ConnectionHost;
  /** Every open connection, and what ends it. */
  private readonly open = new Map<Duplex, Http2Connection | 'sniffing' | 'http1'>();
  private readonly duplexes = new Map<Http2Connection, Duplex>();
  private readonly busyHttp1 = new Set<Duplex>();
  private httpServer: Promise<HttpServer> | null = null;
  private closing = false;
  private whenEmpty: (() => void) | null = null;

  constructor(options: ClientPortOptions) {
    this.options = options;
    const { grpc } = options;
    this.host = {
      clock: grpc.options.clock,
      scheduler: new OutputScheduler(),
      options: grpc.options.connection,
      open: (connection, id, headers) => grpc.open(connection, id, headers),
      closed: (connection, error) => this.connectionClosed(connection, error),
    };
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    const server = await this.startServer((server) => server.listen({ host, port, backlog: listenBacklog }));
    const address = server.address();
    if (address === null || typeof address === 'string')
      throw new Error(`no address after listening on ${host}:${port}`);
    return address;
  }

  async listenUnix(path: string): Promise<void> {
    await this.startServer((server) => server.listen({ path, backlog: listenBacklog }));
  }

  private startServer(listen: (server: Server) => void): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        // Errors of accept(2), such as EMFILE, pass; the clients will try again.
        server.on('error', () => {});
        this.servers.push(server);
        resolve(server);
      });
      listen(server);
    });
  }

  accept(duplex: Duplex): void {
    // One that is destroyed already may never say so again.
    if (this.closing || duplex.destroyed) {
      duplex.destroy();
      return;
    }
    this.open.set(duplex, 'sniffing');
    duplex.once('close', () => this.forget(duplex));
    this.sniff(duplex);
  }

  connectionCount(): number {
    return this.open.size;
  }

  async close(graceMs: number): Promise<void> {
    this.closing = true;
    const stopped = this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const [duplex, kind] of this.open) {
      if (kind instanceof Http2Connection) kind.drain();
      else if (!this.busyHttp1.has(duplex)) duplex.destroy();
    }
    if (this.open.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.whenEmpty = resolve;
      });
      const timer = setTimeout(() => this.destroyAll(), graceMs);
      await empty;
      clearTimeout(timer);
    }
    await Promise.all(stopped);
  }

  private destroyAll(): void {
    for (const [duplex, kind] of this.open) {
      if (kind instanceof Http2Connection) kind.destroy();
      else duplex.destroy();
    }
  }

  private forget(duplex: Duplex): void {
    this.open.delete(duplex);
    this.busyHttp1.delete(duplex);
    if (this.open.size === 0) this.whenEmpty?.();
  }

  private connectionClosed(connection: Http2Connection, error: ConnectionError | null): void {
    const duplex = this.duplexes.get(connection);
    this.duplexes.delete(connection);
    if (error !== null) this.options.hooks?.connectionFailed?.(remoteAddress(duplex), error);
  }

  private sniff(duplex: Duplex): void {
    let seen: Buffer = Buffer.alloc(0);
    const timer = this.host.clock.after(sniffTimeoutMs, () => duplex.destroy());
    const fail = (): void => {
      duplex.destroy();
    };
    const onData = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const isHttp2 = startsLikeHttp2(seen);
      if (isHttp2 && seen.length < prefixThatDecides) return;
      timer.cancel();
      duplex.off('data', onData);
      duplex.off('end', fail);
      duplex.off('close', timer.cancel);
      if (isHttp2) this.startHttp2(duplex, seen);
      else void this.startHttp1(duplex, seen);
    };
    duplex.on('data', onData);
    duplex.on('error', fail);
    duplex.on('end', fail);
    duplex.on('close', timer.cancel);
  }

  private startHttp2(duplex: Duplex, firstBytes: Buffer): void {
    const connection = new Http2Connection(duplex, this.host, firstBytes);
    this.open.set(duplex, connection);
    this.duplexes.set(connection, duplex);
    if (this.closing) connection.drain();
  }

  private async startHttp1(duplex: Duplex, firstBytes: Buffer): Promise<void> {
    const { http1 } = this.options;
    if (http1 === null) {
      duplex.destroy();
      return;
    }
    this.open.set(duplex, 'http1');
    duplex.pause();
    duplex.unshift(firstBytes);
    this.httpServer ??= this.createHttpServer(http1);
    const server = await this.httpServer;
    if (duplex.destroyed) return;
    server.emit('connection', duplex);
    duplex.resume();
  }

  private async createHttpServer(
    http1: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<HttpServer> {
    const { createServer: createHttpServer } = await import('node:http');
    return createHttpServer(http1Options, (request, response) => {
      const { socket } = request;
      this.busyHttp1.add(socket);
      response.once('close', () => {
        this.busyHttp1.delete(socket);
        if (this.closing) socket.destroySoon();
      });
      http1(request, response);
    });
  }
}

const listenBacklog = 4096;

function startsLikeHttp2(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, prefixThatDecides);
  return bytes.toString('latin1', 0, length) === clientPreface.slice(0, length);
}

function remoteAddress(duplex: Duplex | undefined): string {
  const socket = duplex as Partial<Socket> | undefined; // TLS and TCP sockets have it, other streams have not
  return socket?.remoteAddress === undefined ? 'unknown' : `${socket.remoteAddress}:${socket.remotePort ?? 0}`;
}

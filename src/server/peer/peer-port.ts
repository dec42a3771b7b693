/** The listening side of the peer protocol: plain HTTP/1.1, or HTTPS with certificates. */
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface PeerPortOptions {
  readonly handler: RequestListener;
  /** Serves HTTPS when given. */
  readonly tls?: https.ServerOptions;
}

export interface PeerPort {
  /** Resolves with the port listened on (for port 0: the one chosen); rejects with the OS error. */
  listen(host: string, port: number): Promise<number>;
  /** Listens on a unix socket. */
  listenUnix(path: string): Promise<void>;
  /** Serves a connection that was accepted elsewhere. */
  accept(socket: Socket): void;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/** Idle connections are kept longer than any peer's own limit, so that it is the client who closes them. */
const keepAliveTimeoutMs = 60_000;
/** A whole request, a snapshot's database included; etcd's figure. */
const requestTimeoutMs = 300_000;

export function createPeerPort(options: PeerPortOptions): PeerPort {
  const settings = {
    noDelay: true,
    keepAliveTimeout: keepAliveTimeoutMs,
    requestTimeout: requestTimeoutMs,
    insecureHTTPParser: false,
  };
  const server =
    options.tls === undefined
      ? http.createServer(settings, options.handler)
      : https.createServer({ ...settings, ...options.tls }, options.handler);
  const listen = (begin: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        resolve();
      });
      begin();
    });
  return {
    async listen(host, port) {
      await listen(() => server.listen(port, host));
      return (server.address() as AddressInfo).port; // an address of TCP, because a port was given
    },
    accept: (socket) => {
      server.emit('connection', socket);
    },
    listenUnix: (path) => listen(() => server.listen(path)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

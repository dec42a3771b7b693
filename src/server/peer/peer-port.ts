/** The listening side of the peer protocol: HTTP/1.1. Secured connections are accepted elsewhere and handed over. */
import http, { type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface PeerPortOptions {
  readonly handler: RequestListener;
}

export interface PeerPort {
  /** Resolves with the port listened on (for port 0: the one chosen); rejects with the OS error. */
  listen(host: string, port: number): Promise<number>;
  /** Listens on a unix socket. */
  listenUnix(path: string): Promise<void>;
  /** Serves a connection that was accepted elsewhere. */
  accept(connection: Duplex): void;
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
  const server = http.createServer(settings, options.handler);
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
    accept: (connection) => {
      server.emit('connection', connection);
    },
    listenUnix: (path) => listen(() => server.listen(path)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

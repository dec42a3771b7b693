/**
 * The addresses that a member listens on. Ports come first, as in etcd: one that is in use is the commonest mistake, and is told before
 * anything is written. An address may serve plain and secured connections at once, told apart by their first byte.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { invariant } from '../base/assert.ts';
import { ok, type Result } from '../base/result.ts';
import { ClaimedPort } from './claimed-port.ts';
import type { EtcdConfig } from './config/config.ts';
import { type EtcdUrl, isSecure } from './config/urls.ts';
import { clientConnectionsMax, descriptorLimit } from './descriptors.ts';
import type { Logger } from './log/logger.ts';
import type { MemberTls } from './tls/open.ts';

export interface Listener {
  readonly address: string;
  readonly plain: boolean;
  readonly secure: boolean;
  readonly port: ClaimedPort;
}

export interface Listeners {
  readonly peer: readonly Listener[];
  readonly client: readonly Listener[];
  readonly clientHttp: readonly Listener[];
  readonly metrics: readonly Listener[];
}

/** Listens on everything; `opened` is given each port at once, to be closed. The error is worded as Go's. */
export async function claimListeners(
  config: EtcdConfig,
  logger: Logger,
  opened: (port: ClaimedPort) => void,
): Promise<Result<Listeners, string>> {
  const claim = async (
    urls: readonly EtcdUrl[],
    connectionsMax = Number.POSITIVE_INFINITY,
  ): Promise<Result<readonly Listener[], string>> => {
    const listeners: Listener[] = [];
    for (const address of new Set(urls.map((url) => url.address))) {
      const served = urls.filter((url) => url.address === address);
      const [url] = served;
      if (url === undefined) continue;
      const port = await ClaimedPort.claim(url, connectionsMax);
      if (!port.ok) return port;
      opened(port.value);
      const secure = served.some(isSecure);
      listeners.push({ address, secure, plain: !served.every(isSecure), port: port.value });
    }
    return ok(listeners);
  };
  logger.info('configuring peer listeners', { 'listen-peer-urls': config.listenPeerUrls.map(({ text }) => text) });
  const peer = await claim(config.listenPeerUrls);
  if (!peer.ok) return peer;
  logger.info('configuring client listeners', {
    'listen-client-urls': config.listenClientUrls.map(({ text }) => text),
  });
  const connectionsMax = clientConnectionsMax(
    descriptorLimit(),
    config.listenClientUrls.length + config.listenClientHttpUrls.length,
  );
  if (!connectionsMax.ok) return connectionsMax;
  const client = await claim(config.listenClientUrls, connectionsMax.value);
  if (!client.ok) return client;
  const clientHttp = await claim(config.listenClientHttpUrls, connectionsMax.value);
  if (!clientHttp.ok) return clientHttp;
  const metrics = await claim(config.listenMetricsUrls);
  if (!metrics.ok) return metrics;
  return ok({ peer: peer.value, client: client.value, clientHttp: clientHttp.value, metrics: metrics.value });
}

/** The first byte of a TLS handshake record; no method of HTTP begins with it. */
const handshakeRecord = 0x16;

/** How long a client may take to say its first byte where that decides how it is served. */
const firstByteTimeoutMs = 120_000;

/** Who gets the connections of one kind of listener. */
export interface Entrance {
  readonly side: 'client' | 'peer';
  /** What is spoken over TLS, most wanted first. */
  readonly protocols: readonly string[];
  /** Owns the connections that it is given. */
  accept(connection: Duplex): void;
}

/**
 * Opens listeners to their server. gRPC clients offer "h2" alone; whoever can speak HTTP/1.1 too is answered in it.
 */
export function serveListeners(listeners: readonly Listener[], entrance: Entrance, tls: MemberTls | null): void {
  const accept = (socket: Duplex) => entrance.accept(socket);
  const gate = tls?.gate(entrance.side, entrance.protocols, accept) ?? null;
  for (const { address, port, plain, secure } of listeners) {
    if (!secure) {
      port.serve(accept);
      continue;
    }
    invariant(gate !== null, `there is a certificate for ${address}: openMemberTls has checked it`);
    if (!plain) port.serve((socket) => gate.accept(socket));
    else port.serve((socket) => sniff(socket, accept, (secured) => gate.accept(secured)));
  }
}

function sniff(socket: Socket, plain: (socket: Socket) => void, secure: (socket: Socket) => void): void {
  const fail = () => socket.destroy();
  socket.once('error', fail);
  socket.once('end', fail);
  socket.setTimeout(firstByteTimeoutMs, fail);
  socket.once('data', (chunk: Buffer) => {
    socket.setTimeout(0);
    socket.off('timeout', fail);
    socket.off('error', fail);
    socket.off('end', fail);
    socket.pause();
    socket.unshift(chunk);
    if (chunk[0] === handshakeRecord) {
      // TLS takes what was read out of the socket by itself, if it does not flow.
      secure(socket);
      return;
    }
    plain(socket);
    socket.resume();
  });
}

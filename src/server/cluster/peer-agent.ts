/**
 * Connections to peers: direct ones, or through the SOCKS5 proxy that the environment names, as Go's net/http makes them
 * (HTTP_PROXY, HTTPS_PROXY, NO_PROXY; never to this machine). That is how clusterctl puts members on a fault fabric.
 */
import http from 'node:http';
import https from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** From the dial to the proxy's answer that the peer is there. */
const proxyTimeoutMs = 5_000;
const replyBytesMin = 5;
/** RFC 1928 section 6. */
const replyRefused = 5;

export interface SocksProxy {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What new https connections are made with, besides their address. It may throw. */
export type TlsSource = () => https.RequestOptions;

export class PlainPeerAgent extends http.Agent {
  override createConnection(
    ...[options, callback]: Parameters<http.Agent['createConnection']>
  ): Duplex | null | undefined {
    const proxy = proxyFor('http', options, process.env);
    if (proxy === null) return super.createConnection(options, callback);
    dialThrough(proxy, options, (error, socket) => answer(callback, error, socket));
    return undefined;
  }
}

export class SecurePeerAgent extends https.Agent {
  readonly #tls: TlsSource;

  constructor(tls: TlsSource, options: https.AgentOptions = {}) {
    // A resumed session would show the certificate of its beginning.
    super({ ...options, maxCachedSessions: 0 });
    this.#tls = tls;
  }

  override createConnection(
    ...[options, callback]: Parameters<https.Agent['createConnection']>
  ): Duplex | null | undefined {
    let tls: https.RequestOptions;
    try {
      tls = this.#tls();
    } catch (error) {
      const problem = error instanceof Error ? error : new Error(String(error));
      process.nextTick(() => answer(callback, problem, null));
      return undefined;
    }
    const proxy = proxyFor('https', options, process.env);
    if (proxy === null) return super.createConnection({ ...options, ...tls }, callback);
    dialThrough(proxy, options, (error, socket) => {
      // Known to Node's agent, not to its types.
      const over = { ...options, ...tls, socket };
      answer(callback, error, socket === null ? null : (super.createConnection(over) ?? null));
    });
    return undefined;
  }
}

/** With an error there is no stream; the type of the callback does not say so. */
function answer(callback: unknown, error: Error | null, stream: Duplex | null): void {
  if (typeof callback === 'function') (callback as (error: Error | null, stream: Duplex | null) => void)(error, stream);
}

/** The proxy for connections to an address; null: none is to be used, or none of the kind that is understood. */
export function proxyFor(
  scheme: 'http' | 'https',
  target: { readonly host?: string | null | undefined; readonly socketPath?: string | undefined },
  environment: Environment,
): SocksProxy | null {
  const { host, socketPath } = target;
  if (socketPath !== undefined || typeof host !== 'string' || isLoopback(host)) return null;
  const excluded = (environment['NO_PROXY'] || environment['no_proxy'] || '').split(',').map((one) => one.trim());
  if (excluded.includes('*') || excluded.includes(host)) return null;
  const variable = `${scheme}_proxy`;
  return parseProxy(environment[variable.toUpperCase()] || environment[variable] || '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function parseProxy(text: string): SocksProxy | null {
  if (!/^socks5h?:\/\//.test(text) || !URL.canParse(text)) return null;
  const { hostname, port, username, password } = new URL(text);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 1080 : Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** The client's side of RFC 1928, with a name and a password (RFC 1929) if there are any. */
function dialThrough(
  proxy: SocksProxy,
  target: { readonly host?: string | null | undefined; readonly port?: number | string | null | undefined },
  done: (error: Error | null, socket: Socket | null) => void,
): void {
  const to = `${target.host}:${target.port}`;
  const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
  let received = Buffer.alloc(0);
  const finish = (error: Error | null) => {
    socket.setTimeout(0);
    socket.off('timeout', onTimeout);
    socket.off('data', onData);
    socket.off('error', finish);
    socket.off('close', onClose);
    if (error !== null) socket.destroy();
    done(error, error === null ? socket : null);
  };
  const fail = (why: string, code?: string) => {
    const text = `socks connect tcp ${proxy.host}:${proxy.port}->${to}: ${why}`;
    finish(Object.assign(new Error(text), code === undefined ? {} : { code }));
  };
  const onTimeout = () => fail('i/o timeout');
  const onClose = () => fail('EOF');
  const steps = handshake(proxy, target.host ?? '', Number(target.port), fail, () => finish(null));
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    received = received.subarray(steps(received, socket));
  };
  socket.setTimeout(proxyTimeoutMs, onTimeout);
  socket.on('data', onData);
  socket.once('error', finish);
  socket.once('close', onClose);
  const methods = proxy.username === '' ? [0] : [0, 2];
  socket.write(Buffer.of(5, methods.length, ...methods));
}

/** Takes what has arrived of the next answer; gives how much of it that was, 0 if it is not complete. */
function handshake(
  proxy: SocksProxy,
  host: string,
  port: number,
  fail: (why: string, code?: string) => void,
  succeed: () => void,
): (bytes: Buffer, socket: Socket) => number {
  let awaits: 'method' | 'password' | 'reply' = 'method';
  return (bytes, socket) => {
    if (awaits === 'reply') return takeReply(bytes, fail, succeed);
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return 0;
    if (awaits === 'method' && second === 2) {
      awaits = 'password';
      socket.write(Buffer.concat([Buffer.of(1), sized(proxy.username), sized(proxy.password)]));
    } else if (second !== 0) {
      fail(awaits === 'method' ? 'no acceptable authentication methods' : 'username/password authentication failed');
    } else {
      awaits = 'reply';
      const portBytes = Buffer.of(port >> 8, port & 0xff);
      socket.write(Buffer.concat([Buffer.of(5, 1, 0), addressBytes(host), portBytes]));
    }
    return 2;
  };
}

function takeReply(bytes: Buffer, fail: (why: string, code?: string) => void, succeed: () => void): number {
  const [, reply, , type, first = 0] = bytes;
  if (bytes.length < replyBytesMin) return 0;
  const length = 6 + (type === 1 ? 4 : type === 4 ? 16 : 1 + first);
  if (bytes.length < length) return 0;
  if (reply === 0) succeed();
  else if (reply === replyRefused) fail('connection refused', 'ECONNREFUSED');
  else fail(`reply ${reply}`);
  return length;
}

function addressBytes(host: string): Buffer {
  const parts = host.split('.').map(Number);
  const isIpv4 = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256);
  return isIpv4 ? Buffer.of(1, ...parts) : Buffer.concat([Buffer.of(3), sized(host)]);
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

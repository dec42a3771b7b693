/** Requests to peer URLs (http, https, unix, unixs), over connections of two kinds: used once for streams, kept for posts. */
import http from 'node:http';
import https from 'node:https';
import { errnoCode } from '../../base/go-errno.ts';
import type { Clock } from '../../base/ports.ts';
import { PlainPeerAgent, SecurePeerAgent } from '../cluster/peer-agent.ts';
import { answerTimeoutMs, dialTimeoutMs, pipelineIdleMs, pipelineWorkersMax } from './limits.ts';

export type ConnectionKind = 'stream' | 'pipeline';

export interface PeerRequest {
  readonly method: 'GET' | 'POST';
  /** One of the peer's URLs. */
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly kind: ConnectionKind;
  /** From the connection to the answer's headers; absent: `answerTimeoutMs`. */
  readonly answerTimeoutMs?: number;
}

/** Certificates and trust for https and unixs. */
export type TlsOptions = Pick<
  https.AgentOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'secureContext'
  | 'rejectUnauthorized'
  | 'servername'
  | 'crl'
  | 'ciphers'
  | 'minVersion'
  | 'maxVersion'
>;

type Agents = Readonly<Record<ConnectionKind, http.Agent>>;

export class Requester {
  private readonly clock: Clock;
  private readonly plain: Agents;
  private readonly secure: Agents;

  /** `tls` says what each new connection is made with, so that a rotated certificate is shown from the next one on. It may throw. */
  constructor(clock: Clock, tls: () => TlsOptions = () => ({})) {
    this.clock = clock;
    const kept = { keepAlive: true, maxFreeSockets: pipelineWorkersMax, timeout: pipelineIdleMs };
    this.plain = { stream: new PlainPeerAgent(), pipeline: new PlainPeerAgent(kept) };
    this.secure = { stream: new SecurePeerAgent(tls), pipeline: new SecurePeerAgent(tls, kept) };
  }

  /**
   * A request to be ended by the caller. It fails (its 'error' event) when the connection takes longer than `dialTimeoutMs`, or
   * the answer's headers longer than allowed after that; an answer's body may take for ever.
   */
  request(request: PeerRequest): http.ClientRequest {
    const secure = request.url.startsWith('https:') || request.url.startsWith('unixs:');
    const options: http.RequestOptions = {
      ...addressOf(request.url),
      agent: (secure ? this.secure : this.plain)[request.kind],
      method: request.method,
      path: request.path,
      headers: request.headers,
    };
    const clientRequest = secure ? https.request(options) : http.request(options);
    clientRequest.setNoDelay(true);
    this.limitWaiting(clientRequest, request.answerTimeoutMs ?? answerTimeoutMs);
    return clientRequest;
  }

  private limitWaiting(request: http.ClientRequest, answerMs: number): void {
    const timeout = (): void => {
      request.destroy(new Error('i/o timeout'));
    };
    let timer = this.clock.after(dialTimeoutMs, timeout);
    const restart = (): void => {
      timer.cancel();
      timer = this.clock.after(answerMs, timeout);
    };
    request.once('socket', (socket) => {
      if (!socket.connecting) restart();
      else socket.once('connect', restart);
    });
    const stop = (): void => timer.cancel();
    request.once('response', stop);
    request.once('close', stop);
  }

  /** Ends all connections that no request uses, and those in use at their end. */
  close(): void {
    for (const agents of [this.plain, this.secure]) {
      agents.stream.destroy();
      agents.pipeline.destroy();
    }
  }
}

/** Etcd's unix URLs name a file relative to the working directory: unix://name:port is "name:port". */
function addressOf(url: string): http.RequestOptions {
  const unix = /^unixs?:\/\/(.*)$/.exec(url);
  if (unix !== null) return { socketPath: unix[1] ?? '' };
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (url.startsWith('https:') ? 443 : 80) : port };
}

/** True if the peer's machine answered, but nothing listens there. */
export function isRefused(problem: unknown): boolean {
  if (problem instanceof AggregateError) return problem.errors.some(isRefused);
  const code = errnoCode(problem);
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

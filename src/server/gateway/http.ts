/**
 * The HTTP/1.1 endpoints of the client port: health, version, metrics, and what a browser needs to be let in. The decisions are
 * values (`answerQuestion`); only `httpHandler` and `metricsHandler` touch requests and responses.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MemberApi } from '../member/api.ts';
import { type AccessRules, corsHeaders, refuseHost } from './access.ts';
import { gatewayError, type HttpAnswer, type HttpQuestion, notFound, onlyGet } from './answer.ts';
import { debugVars } from './debug-vars.ts';
import { answerChecks, answerHealth, type HealthCounters } from './health.ts';

export interface HttpOptions {
  readonly member: Pick<
    MemberApi,
    | 'alarms'
    | 'leaderId'
    | 'isLearner'
    | 'linearizableRead'
    | 'clusterVersion'
    | 'storageVersion'
    | 'memberId'
    | 'raftTerm'
    | 'committedIndex'
    | 'appliedIndex'
  >;
  /** The etcd version that this member speaks, "3.6.5". */
  readonly serverVersion: string;
  readonly access: AccessRules;
  /** --enable-grpc-gateway: whether /v3 is anything at all. */
  readonly gateway: boolean;
  /** The text of /metrics. */
  metrics(): string;
  readonly counters: HealthCounters;
}

/** The media type that etcd's /metrics answers with. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** gRPC's UNIMPLEMENTED, as the JSON gateway numbers errors. */
const unimplemented = 12;

/** Serves a client URL. */
export function httpHandler(options: HttpOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const secure = 'encrypted' in request.socket;
    const { host = '', origin = '' } = request.headers;
    const refusal = secure ? null : refuseHost(options.access, host);
    if (refusal !== null) {
      write(request, response, refusal, {});
      return;
    }
    const cors = corsHeaders(options.access, origin);
    if (request.method === 'OPTIONS') {
      write(request, response, { status: 200, headers: {}, body: '' }, cors);
      return;
    }
    const question = questionOf(request);
    if (question === null) write(request, response, { status: 400, headers: {}, body: '' }, cors);
    else answerQuestion(options, question, (answer) => write(request, response, answer, cors));
  };
}

/** Serves a --listen-metrics-urls URL: metrics and health, to anyone. */
export function metricsHandler(options: HttpOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const question = questionOf(request);
    if (question === null) write(request, response, { status: 400, headers: {}, body: '' }, {});
    else answerMonitoring(options, question, (answer) => write(request, response, answer, {}));
  };
}

function questionOf(request: IncomingMessage): HttpQuestion | null {
  // What is sent to a proxy names the server too; any server must take it (RFC 9112 3.2.2).
  const url = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/i, '');
  const mark = url.indexOf('?');
  try {
    return {
      method: request.method ?? 'GET',
      path: decodeURIComponent(mark < 0 ? url : url.slice(0, mark)),
      query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    };
  } catch {
    return null; // not a percent-encoding
  }
}

/** Answers a request that passed the access rules; `done` is called once. */
function answerQuestion(options: HttpOptions, question: HttpQuestion, done: (answer: HttpAnswer) => void): void {
  // Old clients say /v3beta.
  const path = question.path.replace(/^\/v3beta\//, '/v3/');
  if (path.startsWith('/v3/')) done(options.gateway ? notYetServed(path) : notFound);
  else if (path === '/version') done(question.method === 'GET' ? versionAnswer(options) : onlyGet);
  else if (path === '/debug/vars') done(question.method === 'GET' ? debugVars(options.member) : onlyGet);
  else answerMonitoring(options, question, done);
}

function answerMonitoring(options: HttpOptions, question: HttpQuestion, done: (answer: HttpAnswer) => void): void {
  if (question.path === '/health') answerHealth(options.member, options.counters, question, done);
  else if (question.path === '/metrics')
    done({ status: 200, headers: { 'Content-Type': metricsType }, body: options.metrics() });
  else {
    const run = answerChecks(options.member, options.counters, question);
    if (run === null) done(notFound);
    else run(done);
  }
}

function notYetServed(path: string): HttpAnswer {
  return gatewayError(
    501,
    unimplemented,
    `clusterctl's etcd does not serve the JSON gateway (${path}) in this version`,
  );
}

function versionAnswer({ member, serverVersion }: HttpOptions): HttpAnswer {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: versionJson(member, serverVersion),
  };
}

/** The body of GET /version, on client and peer ports alike. */
export function versionJson(
  member: Pick<MemberApi, 'clusterVersion' | 'storageVersion'>,
  serverVersion: string,
): string {
  const storage = member.storageVersion();
  return JSON.stringify({
    etcdserver: serverVersion,
    etcdcluster: member.clusterVersion() ?? 'not_decided',
    storage: storage === '' ? 'unknown' : storage,
  });
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpAnswer,
  cors: Readonly<Record<string, string>>,
): void {
  if (response.destroyed) return; // the client has gone
  const body = Buffer.from(answer.body);
  // HTTP/1.1 keeps connections without saying so, and etcd does not say so either.
  if (response.shouldKeepAlive && request.httpVersion === '1.1') response.removeHeader('Connection');
  response.writeHead(answer.status, { ...cors, ...answer.headers, 'Content-Length': body.length });
  response.end(body);
}

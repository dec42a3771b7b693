/** Looks at a process from outside, once: does it listen, answer, or satisfy a command? */
import { spawn } from 'node:child_process';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { unreachable } from '../base/assert.ts';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import { httpGet } from '../client/http-get.ts';
import type { ReadyCheck } from './ready-check.ts';

/** The checks that are looks; the others are events. */
export type Look = Exclude<ReadyCheck, { type: 'started' | 'finished' | 'log' }>;

/** Where a command of a check runs. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What matters of an answer, its status, comes before. */
const answerBytesMax = 16 * 1024;

/** Null if the look succeeds, else why it does not. Never rejects; over after `timeoutMs`, or at once when `signal` aborts. */
export async function probe(look: Look, surroundings: Surroundings, signal: AbortSignal): Promise<string | null> {
  // By hand: AbortSignal.any would leave something behind at `signal`, which outlives many looks.
  const limit = new AbortController();
  const abort = () => limit.abort();
  const timer = setTimeout(abort, look.timeoutMs);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const reason = await start(look, surroundings, limit.signal);
  clearTimeout(timer);
  signal.removeEventListener('abort', abort);
  return reason === null || !limit.signal.aborted ? reason : `no answer within ${look.timeoutMs / 1000} s`;
}

function start(look: Look, surroundings: Surroundings, signal: AbortSignal): Promise<string | null> {
  switch (look.type) {
    case 'port':
      return connects(look.port, signal);
    case 'http':
      return answers(look.url, look.status, signal);
    case 'exec':
      return succeeds(look.command, surroundings, signal);
    case 'etcd':
      return knowsLeader(look.endpoint, look.timeoutMs, signal);
    default:
      return unreachable(look);
  }
}

/** Null if the etcd is healthy, which it is only while it knows a leader; else why not. */
export function etcdHealth(endpoint: MemberEndpoint, timeoutMs: number): Promise<string | null> {
  const look: Look = { type: 'etcd', endpoint, timeoutMs, intervalMs: 0 };
  return probe(look, { cwd: '/', env: {} }, new AbortController().signal);
}

function connects(port: number, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: 'localhost', signal });
    socket.once('connect', () => {
      resolve(null);
      socket.destroy();
    });
    socket.once('error', (error) => resolve(messageOf(error)));
  });
}

async function answers(url: string, status: number, signal: AbortSignal): Promise<string | null> {
  const answer = await get(url, signal);
  if (typeof answer === 'string') return answer;
  return answer.status === status ? null : `${url} answers ${answer.status}`;
}

async function knowsLeader(endpoint: MemberEndpoint, timeoutMs: number, signal: AbortSignal): Promise<string | null> {
  const answer = await httpGet(endpoint, '/health', timeoutMs, signal);
  if (!answer.ok) return `${endpoint.url}: ${answer.error}`;
  const healthy = answer.value.status === 200 && /"health"\s*:\s*"true"/.test(answer.value.body);
  return healthy ? null : `${endpoint.url} does not know a leader`;
}

interface Answer {
  readonly status: number;
  /** The beginning of it, as it comes over the wire. */
  readonly text: string;
}

/** The answer to a GET, or why there is none. */
function get(url: string, signal: AbortSignal): Promise<Answer | string> {
  return url.startsWith('https:') ? getSecurely(url, signal) : getPlainly(new URL(url), signal);
}

/** Without node:http, which would be an eighth of the supervisor's memory for the sake of one status line. */
function getPlainly({ hostname, host, port, pathname, search }: URL, signal: AbortSignal): Promise<Answer | string> {
  return new Promise((resolve) => {
    let text = '';
    const address = { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port), signal };
    const socket = createConnection(address, () => {
      socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\nConnection: close\r\n\r\n`);
    });
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > answerBytesMax) socket.destroy();
    });
    socket.once('error', (error) => resolve(messageOf(error)));
    socket.once('close', () => {
      const [, status] = /^HTTP\/1\.\d (\d{3})\b/.exec(text) ?? [];
      resolve(status === undefined ? `no HTTP answer from ${host}` : { status: Number(status), text });
    });
  });
}

async function getSecurely(url: string, signal: AbortSignal): Promise<Answer | string> {
  const { get } = await import('node:https');
  // Whom to trust with data is not the question here, only whether it is up.
  const options = { signal, agent: false, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = get(url, options, (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) response.destroy();
      });
      response.on('error', () => {}); // what has come until then is the answer
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('error', (error) => resolve(messageOf(error)));
  });
}

function succeeds(command: string, { cwd, env }: Surroundings, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { cwd, env, stdio: 'ignore', detached: true });
    const { pid } = child;
    const kill = () => {
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    const ended = (reason: string | null) => {
      signal.removeEventListener('abort', kill);
      resolve(reason);
    };
    signal.addEventListener('abort', kill);
    if (signal.aborted) kill();
    child.once('error', (error) => ended(messageOf(error)));
    child.once('exit', (code, by) => {
      ended(code === 0 ? null : `\`${command}\` ${by === null ? `exits with ${code}` : `dies of ${by}`}`);
    });
  });
}

/** Both addresses of localhost refuse in one error that has no words of its own. */
function messageOf(error: Error): string {
  return error instanceof AggregateError ? String(error.errors[0]?.message ?? error.message) : error.message;
}

/** Looks at a process from outside, once: does it listen, answer, or satisfy a command? */
import { spawn } from 'node:child_process';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { unreachable } from '../base/assert.ts';
import type { ReadyCheck } from './ready-check.ts';

/** The checks that are looks; the others are events. */
export type Look = Exclude<ReadyCheck, { type: 'started' | 'finished' | 'log' }>;

/** Where a command of a check runs. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** An answer of /health is shorter. */
const healthBytesMax = 4_096;

/** Null if the look succeeds, else why it does not. Never rejects; over after `timeoutMs`, or at once when `signal` aborts. */
export async function probe(look: Look, surroundings: Surroundings, signal: AbortSignal): Promise<string | null> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(look.timeoutMs)]);
  const reason = await start(look, surroundings, limited);
  if (reason === null || !limited.aborted) return reason;
  return `no answer within ${look.timeoutMs / 1000} s`;
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
      return knowsLeader(look.url, signal);
    default:
      return unreachable(look);
  }
}

/** Null if the etcd at `url` is healthy, which it is only while it knows a leader; else why not. */
export function etcdHealth(url: string, timeoutMs: number): Promise<string | null> {
  const look: Look = { type: 'etcd', url, timeoutMs, intervalMs: 0 };
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

async function knowsLeader(url: string, signal: AbortSignal): Promise<string | null> {
  const answer = await get(new URL('/health', url).href, signal);
  if (typeof answer === 'string') return answer;
  const healthy = answer.status === 200 && /"health"\s*:\s*"true"/.test(answer.text);
  return healthy ? null : `${url} does not know a leader`;
}

/** Status and beginning of the answer, or why there is none. */
async function get(
  url: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string } | string> {
  // Loaded late: most runs ask nobody.
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  // Whom to trust with data is not the question here, only whether it is up.
  const options = { signal, agent: false, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = get(url, options, (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > healthBytesMax) response.destroy();
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

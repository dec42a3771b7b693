/** A GET without node:http, which would be memory for nothing: etcd answers HTTP/1.0 whole and closes the connection. */
import type { Socket } from 'node:net';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import { isSecure } from '../base/member-endpoint.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { failureText, hostOf, openSocket, silenceText } from './member-socket.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Metrics of an etcd are 150 KB; more than this is something else. */
export const bodyBytesMax = 4 * 1024 * 1024;

/** The answer of an etcd, or why there is none. Never rejects; over after `timeoutMs`, or when `signal` aborts. */
export async function httpGet(
  endpoint: MemberEndpoint,
  path: string,
  timeoutMs: number,
  signal: AbortSignal | null = null,
): Promise<Result<HttpAnswer, string>> {
  let socket: Socket;
  try {
    socket = openSocket(endpoint, isSecure(endpoint) ? await import('node:tls') : null, 'http/1.1');
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let failure: string | null = null;
    const giveUp = (reason: string) => {
      failure ??= reason;
      socket.destroy();
    };
    const abort = () => giveUp('nobody waits for the answer any more');
    const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    signal?.addEventListener('abort', abort);
    socket.write(`GET ${path} HTTP/1.0\r\nHost: ${hostOf(endpoint)}\r\nAccept: */*\r\n\r\n`);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bodyBytesMax) giveUp('the answer is too long');
    });
    socket.on('error', (error) => giveUp(failureText(error, endpoint)));
    socket.on('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      if (failure === null && bytes === 0) failure = silenceText('no HTTP answer', endpoint);
      resolve(failure === null ? parse(Buffer.concat(chunks).toString('utf8')) : err(failure));
    });
    if (signal?.aborted === true) abort();
  });
}

function parse(text: string): Result<HttpAnswer, string> {
  const [, status] = /^HTTP\/1\.\d (\d{3})\b/.exec(text) ?? [];
  const head = text.indexOf('\r\n\r\n');
  return status === undefined || head < 0
    ? err('no HTTP answer')
    : ok({ status: Number(status), body: text.slice(head + 4) });
}

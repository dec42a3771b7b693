/** A GET without node:http, which would be memory for nothing: etcd answers HTTP/1.0 whole and closes the connection. */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Metrics of an etcd are 150 KB; more than this is something else. */
export const bodyBytesMax = 4 * 1024 * 1024;

/** The answer, or why there is none. Never rejects; over after `timeoutMs`. Whom an https address belongs to is not checked. */
export async function httpGet(address: string, timeoutMs: number): Promise<Result<HttpAnswer, string>> {
  const url = new URL(address);
  const connect = url.protocol === 'https:' ? await tlsConnect() : createConnection;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let failure: string | null = null;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    const socket = connect({ host, port });
    const giveUp = (reason: string) => {
      failure ??= reason;
      socket.destroy();
    };
    const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    socket.write(`GET ${url.pathname}${url.search} HTTP/1.0\r\nHost: ${url.host}\r\nAccept: */*\r\n\r\n`);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bodyBytesMax) giveUp('the answer is too long');
    });
    socket.on('error', (error) => giveUp(error.message));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(failure === null ? parse(Buffer.concat(chunks).toString('utf8')) : err(failure));
    });
  });
}

async function tlsConnect(): Promise<(address: { host: string; port: number }) => Socket> {
  const { connect } = await import('node:tls');
  return (address) => connect({ ...address, rejectUnauthorized: false });
}

function parse(text: string): Result<HttpAnswer, string> {
  const [, status] = /^HTTP\/1\.\d (\d{3})\b/.exec(text) ?? [];
  const head = text.indexOf('\r\n\r\n');
  return status === undefined || head < 0
    ? err('no HTTP answer')
    : ok({ status: Number(status), body: text.slice(head + 4) });
}

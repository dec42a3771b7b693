/** Short questions to other members over their peer ports: one request, one answer. */
import { errorText } from './cluster/dial-error.ts';
import type { Requester } from './peer/requester.ts';

/** More of an answer is not read. */
const bodyBytesMax = 64 * 1024;

export interface PeerQuestion {
  readonly method: 'GET' | 'POST';
  /** One of the member's peer URLs. */
  readonly url: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From the connection to the answer's headers; absent: the transport's default. */
  readonly timeoutMs?: number;
}

export type PeerAnswer =
  | { readonly type: 'answered'; readonly status: number; readonly body: string }
  | { readonly type: 'failed'; readonly error: string };

/** Never rejects. */
export function askPeer(requester: Requester, question: PeerQuestion): Promise<PeerAnswer> {
  const { method, url, path, headers = {}, body = '', timeoutMs } = question;
  return new Promise((done) => {
    const fail = (problem: unknown): void => done({ type: 'failed', error: errorText(problem) });
    const request = requester.request({
      method,
      url,
      path,
      headers: { ...headers, ...(body !== '' && { 'Content-Length': Buffer.byteLength(body) }) },
      // A connection for each question: a kept one may be to a process that is gone.
      kind: 'stream',
      ...(timeoutMs !== undefined && { answerTimeoutMs: timeoutMs }),
    });
    request.once('error', fail);
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > bodyBytesMax) request.destroy(new Error(`the answer is longer than ${bodyBytesMax} bytes`));
      });
      response.once('error', fail);
      response.once('end', () => done({ type: 'answered', status: response.statusCode ?? 0, body: text }));
    });
    request.end(body);
  });
}

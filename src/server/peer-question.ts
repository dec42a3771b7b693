/** Short questions to other members over their peer ports: one request, one answer. */
import { errorText } from './cluster/dial-error.ts';
import type { Requester } from './peer/requester.ts';

/** More of an answer is not read, unless the question says so. */
const bodyBytesMax = 64 * 1024;

export interface PeerQuestion {
  readonly method: 'GET' | 'POST';
  /** One of the member's peer URLs. */
  readonly url: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** From the connection to the answer's headers; absent: the transport's default. */
  readonly timeoutMs?: number;
  /** A longer answer is a failure. */
  readonly answerBytesMax?: number;
  /** For questions that come often. A kept connection may be to a process that is gone: such a question fails, and is asked again. */
  readonly keepsConnection?: boolean;
}

export type PeerAnswer =
  | { readonly type: 'answered'; readonly status: number; readonly body: string; readonly bytes: Buffer }
  | { readonly type: 'failed'; readonly error: string };

/** Never rejects. */
export function askPeer(requester: Requester, question: PeerQuestion): Promise<PeerAnswer> {
  const { method, url, path, headers = {}, timeoutMs, answerBytesMax = bodyBytesMax } = question;
  const body = Buffer.from(question.body ?? '');
  return new Promise((done) => {
    const fail = (problem: unknown): void => done({ type: 'failed', error: errorText(problem) });
    const request = requester.request({
      method,
      url,
      path,
      headers: { ...headers, ...(body.length > 0 && { 'Content-Length': body.length }) },
      kind: question.keepsConnection === true ? 'pipeline' : 'stream',
      ...(timeoutMs !== undefined && { answerTimeoutMs: timeoutMs }),
    });
    request.once('error', fail);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > answerBytesMax) request.destroy(new Error(`the answer is longer than ${answerBytesMax} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        const bytes = Buffer.concat(chunks);
        done({ type: 'answered', status: response.statusCode ?? 0, body: bytes.toString('utf8'), bytes });
      });
    });
    request.end(body);
  });
}

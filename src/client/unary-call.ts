/** One gRPC connection to an etcd for small unary calls, over Node's own HTTP/2. It is made when it is needed, and again when it broke. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:http2';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import { isSecure } from '../base/member-endpoint.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { failureText, hostOf, openSocket, silenceText } from './member-socket.ts';

/** A longer answer is refused: what is asked for here is small. */
export const answerBytesMax = 1024 * 1024;
/** Length prefix of a message: compressed or not, then four bytes of length. */
const prefixBytes = 5;

export class UnaryConnection {
  readonly #endpoint: MemberEndpoint;
  #session: ClientHttp2Session | null = null;
  /** Why the last connection broke. */
  #broken: string | null = null;

  /** Nothing is done until the first call. */
  constructor(endpoint: MemberEndpoint) {
    this.#endpoint = endpoint;
  }

  /** The answer's bytes, or why there are none. Never rejects; over after `timeoutMs`. */
  call(path: string, request: Uint8Array, timeoutMs: number): Promise<Result<Buffer, string>> {
    return new Promise((resolve) => {
      let session: ClientHttp2Session;
      try {
        session = this.#open();
      } catch (error) {
        resolve(err(messageOf(error)));
        return;
      }
      let stream: ClientHttp2Stream;
      try {
        stream = session.request({
          ':method': 'POST',
          ':path': path,
          'content-type': 'application/grpc',
          te: 'trailers',
          'grpc-timeout': `${Math.ceil(timeoutMs)}m`,
        });
      } catch (error) {
        this.#drop(session);
        resolve(err(messageOf(error)));
        return;
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      let [failure, status]: [string | null, IncomingHttpHeaders] = [null, {}];
      const timer = setTimeout(() => {
        failure = `no answer within ${timeoutMs / 1000} s`;
        stream.destroy();
        this.#drop(session); // a peer that is paused or cut off answers nothing on it any more
      }, timeoutMs);
      const told = (headers: IncomingHttpHeaders) => {
        status = { ...status, ...headers };
      };
      stream.on('response', told);
      stream.on('trailers', told);
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= answerBytesMax) return;
        failure = 'the answer is too long';
        stream.destroy();
      });
      stream.on('error', (error) => {
        failure ??= this.#broken ?? silenceText(messageOf(error), this.#endpoint);
      });
      stream.on('close', () => {
        clearTimeout(timer);
        if (failure === null && status[':status'] === undefined)
          failure = silenceText('no gRPC answer', this.#endpoint);
        resolve(failure === null ? answerOf(Buffer.concat(chunks), status) : err(failure));
      });
      stream.end(frame(request));
    });
  }

  close(): void {
    if (this.#session !== null) this.#drop(this.#session);
  }

  #open(): ClientHttp2Session {
    if (this.#session !== null) return this.#session;
    const endpoint = this.#endpoint;
    const isTls = isSecure(endpoint);
    const socket: Socket = openSocket(endpoint, isTls ? tls : null, 'h2');
    this.#broken = null;
    socket.on('error', (error) => {
      if (this.#session === session) this.#broken = failureText(error, endpoint);
    });
    const session = connect(`${isTls ? 'https' : 'http'}://${hostOf(endpoint)}`, { createConnection: () => socket });
    this.#session = session;
    session.on('error', () => this.#drop(session)); // its streams say so to those who wait
    session.on('goaway', () => this.#forget(session));
    session.on('close', () => this.#forget(session));
    session.unref();
    return session;
  }

  #forget(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = null;
  }

  #drop(session: ClientHttp2Session): void {
    this.#forget(session);
    session.destroy();
  }
}

function frame(request: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + request.length);
  framed.writeUInt32BE(request.length, 1);
  framed.set(request, prefixBytes);
  return framed;
}

function answerOf(bytes: Buffer, status: IncomingHttpHeaders): Result<Buffer, string> {
  const code = status['grpc-status'];
  if (code !== '0') {
    const message = String(status['grpc-message'] ?? '');
    return err(code === undefined ? `no gRPC answer (HTTP ${status[':status']})` : `code ${code}: ${message}`);
  }
  const isWhole = bytes.length >= prefixBytes && bytes[0] === 0;
  const end = isWhole ? prefixBytes + bytes.readUInt32BE(1) : 0;
  return isWhole && end === bytes.length ? ok(bytes.subarray(prefixBytes)) : err('the answer is cut off');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

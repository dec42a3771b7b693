/**
 * Finds out what a dialer wants, request by request: rafthttp keeps connections and sends requests of different kinds on one.
 * The bytes come out as they went in. Pure.
 */
import type { ConnectionKind } from './link-policy.ts';
import type { StreamType } from './raft-frames.ts';

/** Bytes to pass on; those of a request's head come with what the connection is used for from there on. */
export interface Piece {
  readonly bytes: Buffer;
  /** Null: as before. */
  readonly request: SniffedRequest | null;
}

export interface SniffedRequest {
  readonly kind: ConnectionKind;
  /** Of a stream; null: it is none, or none that is known. */
  readonly stream: StreamType | null;
}

/** What is longer is no request of a member: from there on the connection is opaque. */
export const headBytesMax = 16 * 1024;
const methodBytesMax = 10;
const chunkLineBytesMax = 1_024;
const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');

type Expected =
  | { readonly type: 'head' }
  | { readonly type: 'body'; left: number }
  | { readonly type: 'chunkLine' }
  /** A chunk's data and the end of its line. */
  | { readonly type: 'chunk'; left: number }
  | { readonly type: 'trailer' }
  | { readonly type: 'opaque' };

export class RequestSniffer {
  #expected: Expected = { type: 'head' };
  /** Not passed on yet: a head or a line that has not ended. */
  #pending: Buffer = Buffer.alloc(0);

  /** What of the bytes so far can be passed on. */
  push(chunk: Buffer): readonly Piece[] {
    const pieces: Piece[] = [];
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = Buffer.alloc(0);
    while (rest.length > 0) {
      const [piece, taken] = this.#next(rest);
      if (piece === null) {
        this.#pending = rest;
        break;
      }
      pieces.push(piece);
      rest = rest.subarray(taken);
    }
    return pieces;
  }

  /** What was kept back: nothing comes any more. */
  end(): Buffer {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    return rest;
  }

  /** The next piece and its length; null if more must come first. */
  #next(rest: Buffer): readonly [Piece | null, number] {
    const expected = this.#expected;
    switch (expected.type) {
      case 'opaque':
        return [plain(rest), rest.length];
      case 'head':
        return this.#head(rest);
      case 'body':
      case 'chunk': {
        const bytes = rest.subarray(0, expected.left);
        expected.left -= bytes.length;
        if (expected.left === 0) this.#expected = { type: expected.type === 'body' ? 'head' : 'chunkLine' };
        return [plain(bytes), bytes.length];
      }
      case 'chunkLine':
      case 'trailer':
        return this.#line(rest, expected.type);
    }
  }

  #head(rest: Buffer): readonly [Piece | null, number] {
    if (!mayBeginRequest(rest)) return this.#giveUp(rest);
    const end = rest.indexOf(headEnd);
    if (end < 0) return rest.length > headBytesMax ? this.#giveUp(rest) : [null, 0];
    const length = end + headEnd.length;
    const head = rest.toString('latin1', 0, end);
    const request = requestOf(head);
    const body = bodyOf(head);
    if (request === null || body === null || length > headBytesMax) return this.#giveUp(rest);
    this.#expected = body;
    return [{ bytes: rest.subarray(0, length), request }, length];
  }

  #line(rest: Buffer, type: 'chunkLine' | 'trailer'): readonly [Piece | null, number] {
    const end = rest.indexOf(lineEnd);
    if (end < 0) return rest.length > chunkLineBytesMax ? this.#giveUp(rest) : [null, 0];
    const length = end + lineEnd.length;
    const line = rest.toString('latin1', 0, end);
    if (type === 'trailer') {
      if (line === '') this.#expected = { type: 'head' };
      return [plain(rest.subarray(0, length)), length];
    }
    const size = chunkSize(line);
    if (size === null) return this.#giveUp(rest);
    this.#expected = size === 0 ? { type: 'trailer' } : { type: 'chunk', left: size + lineEnd.length };
    return [plain(rest.subarray(0, length)), length];
  }

  #giveUp(rest: Buffer): readonly [Piece, number] {
    this.#expected = { type: 'opaque' };
    return [{ bytes: rest, request: { kind: 'opaque', stream: null } }, rest.length];
  }
}

function plain(bytes: Buffer): Piece {
  return { bytes, request: null };
}

/** Methods are upper-case words; a TLS record begins with 0x16. */
function mayBeginRequest(bytes: Buffer): boolean {
  return /^[A-Z]{1,10}(?: |$)/.test(bytes.toString('latin1', 0, Math.min(bytes.length, methodBytesMax + 1)));
}

function requestOf(head: string): SniffedRequest | null {
  const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.[01](?:\r\n|$)/.exec(head) ?? [];
  if (method === undefined || path === undefined) return null;
  if (method === 'GET' && path.startsWith('/raft/stream/')) {
    const [, stream] = /^\/raft\/stream\/(message|msgapp)\//.exec(path) ?? [];
    return { kind: 'stream', stream: stream === 'message' || stream === 'msgapp' ? stream : null };
  }
  const isPost = method === 'POST' && (path === '/raft' || path === '/raft/snapshot');
  return { kind: isPost ? 'post' : 'other', stream: null };
}

/** What follows a head; null if its length cannot be told. */
function bodyOf(head: string): Expected | null {
  if (/\r\nTransfer-Encoding:/i.test(head)) {
    return /\r\nTransfer-Encoding:[ \t]*chunked[ \t]*(?:\r\n|$)/i.test(head) ? { type: 'chunkLine' } : null;
  }
  const [, length] = /\r\nContent-Length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)/i.exec(head) ?? [];
  if (length === undefined) return /\r\nContent-Length:/i.test(head) ? null : { type: 'head' };
  return Number(length) === 0 ? { type: 'head' } : { type: 'body', left: Number(length) };
}

/** The size that begins a chunk (RFC 9112 section 7.1), extensions ignored; null if it is none. */
export function chunkSize(line: string): number | null {
  const [, digits] = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line) ?? [];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

/**
 * The response to a stream request: a head, then Raft messages in HTTP chunks until the connection ends. Chunks are cut anew around
 * whole messages, so that a message can be left out. Whatever is not such a response passes unchanged. Pure.
 */
import type { Framed, StreamType } from './raft-frames.ts';
import { RaftFrames } from './raft-frames.ts';
import { chunkSize, headBytesMax } from './request-sniffer.ts';

const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
const chunkLineBytesMax = 1_024;

type Expected =
  | { readonly type: 'head' | 'chunkLine' | 'chunkEnd' | 'opaque' }
  | { readonly type: 'chunk'; left: number };

export class StreamResponse {
  readonly #frames: RaftFrames;
  #expected: Expected = { type: 'head' };
  /** Not passed on yet: a head or a line that has not ended. */
  #pending: Buffer = Buffer.alloc(0);

  constructor(type: StreamType) {
    this.#frames = new RaftFrames(type);
  }

  /** What of the bytes so far can be passed on, without the messages of which `lose` says so. */
  push(chunk: Buffer, lose: () => boolean): Framed {
    const isWhole = this.#isBetweenChunks;
    const out: Buffer[] = [];
    const payload: Buffer[] = [];
    let [passed, lost, broken] = [0, 0, false];
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = Buffer.alloc(0);
    while (rest.length > 0 && !broken) {
      const expected = this.#expected;
      if (expected.type === 'chunk') {
        const bytes = rest.subarray(0, expected.left);
        const framed = this.#frames.push(bytes, lose);
        payload.push(...framed.bytes);
        passed += framed.passed;
        lost += framed.lost;
        broken = framed.broken;
        expected.left -= bytes.length;
        if (expected.left === 0) this.#expected = { type: 'chunkEnd' };
        rest = rest.subarray(bytes.length);
        continue;
      }
      const taken = this.#takeFraming(rest, payload, out);
      if (taken === 0) {
        this.#pending = rest;
        break;
      }
      rest = rest.subarray(taken);
    }
    // Members send whole messages in whole chunks, nearly always: those need not be put together again.
    if (isWhole && lost === 0 && !broken && this.#isBetweenChunks) return { bytes: [chunk], passed, lost, broken };
    closeChunk(payload, out);
    return { bytes: out, passed, lost, broken };
  }

  get #isBetweenChunks(): boolean {
    return this.#expected.type === 'chunkLine' && this.#pending.length === 0 && this.#frames.isBetween;
  }

  /** A chunk between the others that says only that the link is alive; null while there can be none. */
  linkHeartbeat(): readonly Buffer[] | null {
    const { type } = this.#expected;
    const frame = type === 'head' || type === 'opaque' ? null : this.#frames.linkHeartbeat();
    if (frame === null) return null;
    const out: Buffer[] = [];
    closeChunk([frame], out);
    return out;
  }

  /** What was kept back: nothing comes any more. */
  end(): Buffer {
    const out: Buffer[] = [];
    closeChunk([this.#frames.end()], out);
    out.push(this.#pending);
    this.#pending = Buffer.alloc(0);
    return Buffer.concat(out);
  }

  /** Takes what is not in a chunk; returns its length, 0 if more must come first. */
  #takeFraming(rest: Buffer, payload: Buffer[], out: Buffer[]): number {
    switch (this.#expected.type) {
      case 'head':
        return this.#takeHead(rest, out);
      case 'chunkEnd':
        if (rest.length < lineEnd.length) return 0;
        this.#expected = { type: 'chunkLine' };
        return lineEnd.length;
      case 'chunkLine':
        return this.#takeChunkLine(rest, payload, out);
      default:
        out.push(rest);
        return rest.length;
    }
  }

  #takeHead(rest: Buffer, out: Buffer[]): number {
    const end = rest.indexOf(headEnd);
    if (end < 0 && rest.length <= headBytesMax) return 0;
    const head = rest.toString('latin1', 0, Math.max(end, 0));
    const isStream = /^HTTP\/1\.1 200 /.test(head) && /\r\nTransfer-Encoding:[ \t]*chunked[ \t]*(?:\r\n|$)/i.test(head);
    if (!isStream) return this.#giveUp(rest, out);
    const length = end + headEnd.length;
    out.push(rest.subarray(0, length));
    this.#expected = { type: 'chunkLine' };
    return length;
  }

  #takeChunkLine(rest: Buffer, payload: Buffer[], out: Buffer[]): number {
    const end = rest.indexOf(lineEnd);
    if (end < 0 && rest.length <= chunkLineBytesMax) return 0;
    const size = chunkSize(rest.toString('latin1', 0, Math.max(end, 0)));
    if (size === null || size === 0) {
      // The last chunk, or no chunk at all: what was kept back goes first, the rest as it comes.
      payload.push(this.#frames.end());
      closeChunk(payload, out);
      return this.#giveUp(rest, out);
    }
    this.#expected = { type: 'chunk', left: size };
    return end + lineEnd.length;
  }

  #giveUp(rest: Buffer, out: Buffer[]): number {
    this.#expected = { type: 'opaque' };
    out.push(rest);
    return rest.length;
  }
}

/** Moves gathered payload to the output, as one chunk. */
function closeChunk(payload: Buffer[], out: Buffer[]): void {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  if (length > 0) out.push(Buffer.from(`${length.toString(16)}\r\n`, 'latin1'), ...payload, lineEnd);
  payload.length = 0;
}

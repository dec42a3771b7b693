/** A call with a stream of requests, of responses, or of both. */
import type { Http2Connection } from '../http2/connection.ts';
import { Call, type CallContext, type CallServer, heldBytesMax } from './call.ts';
import { decodeMessage } from './compression.ts';
import { declaredLength, prefixBytes } from './framing.ts';
import type { MethodCounters } from './registry.ts';
import type { RequestHead } from './request-head.ts';
import { okTrailers, trailersOnly } from './response.ts';
import { type RpcError, statusCode } from './status.ts';
import { unexpectedEnd } from './unary-call.ts';

/** Callbacks are to be set before the handler returns. One of `end` and `fail` ends the call; later calls are ignored. */
export interface StreamCall extends CallContext {
  /** A request message; it may be a view of the socket's buffer, valid only during the call. */
  onMessage(callback: (message: Uint8Array) => void): void;
  /** The client sends no more messages. Not called if the call is cancelled before. */
  onHalfClose(callback: () => void): void;
  /** Sends a message, which the caller must not change any more. False: enough is queued, wait for `onDrain`. */
  write(message: Uint8Array): boolean;
  /** Bytes of messages that have not left yet. */
  readonly queuedBytes: number;
  /** After a `write` that returned false: half of the queue is gone. */
  onDrain(callback: () => void): void;
  end(): void;
  fail(error: RpcError): void;
  /** No more messages until `resume`; the client is held back by flow control. */
  pause(): void;
  resume(): void;
}

export type StreamHandler = (call: StreamCall) => void;

/** What may be queued per call before `write` returns false: bytes. */
const queuedBytesMax = 1 << 20;

export class StreamServerCall extends Call implements StreamCall {
  private readonly handler: StreamHandler;
  private messageCallback: (message: Uint8Array) => void = ignore;
  private halfCloseCallback: () => void = ignore;
  private drainCallback: () => void = ignore;
  private overfull = false;
  private paused = false;
  /** Messages are being handed on: whoever resumes meanwhile must not overtake them. */
  private reading = false;
  /** Data that has arrived while paused. */
  private unread: Buffer[] = [];
  private unreadBytes = 0;
  private endUnread = false;

  constructor(
    connection: Http2Connection,
    id: number,
    head: RequestHead,
    server: CallServer,
    counters: MethodCounters,
    handler: StreamHandler,
  ) {
    super(connection, id, head, server, counters);
    this.handler = handler;
  }

  onMessage(callback: (message: Uint8Array) => void): void {
    this.messageCallback = callback;
  }

  onHalfClose(callback: () => void): void {
    this.halfCloseCallback = callback;
  }

  onDrain(callback: () => void): void {
    this.drainCallback = callback;
  }

  write(message: Uint8Array): boolean {
    if (this.settled) return true;
    this.sendMessage(message, false);
    this.overfull = this.queuedBytes >= queuedBytesMax;
    return !this.overfull;
  }

  end(): void {
    if (!this.settle(statusCode.ok)) return;
    if (this.headersSent) this.connection.sendTrailers(this, okTrailers);
    else this.connection.sendHeaders(this, trailersOnly(200, this.head.subtype, okTrailers), true);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    if (this.reading) return;
    while (this.unread.length > 0 && !this.paused && !this.settled) {
      const chunk = this.unread.shift() as Buffer; // not empty
      this.unreadBytes -= chunk.length;
      this.server.heldBytes -= chunk.length;
      this.read(chunk, 0, chunk.length);
    }
    if (this.endUnread && this.unread.length === 0 && !this.paused) {
      this.endUnread = false;
      this.finishInput();
    }
  }

  handleOpen(): void {
    this.startDeadline();
    if (!this.settled) this.handler(this);
  }

  handleData(bytes: Buffer, start: number, end: number): void {
    if (this.paused) this.keep(bytes, start, end);
    else this.read(bytes, start, end);
  }

  handleRemoteEnd(): void {
    if (this.paused && this.unread.length > 0) this.endUnread = true;
    else this.finishInput();
  }

  handleDrain(): void {
    if (!this.overfull || this.queuedBytes > queuedBytesMax / 2) return;
    this.overfull = false;
    if (!this.settled) this.drainCallback();
  }

  protected override settle(code: number): boolean {
    if (!super.settle(code)) return false;
    this.server.heldBytes -= this.unreadBytes;
    this.unread = [];
    this.unreadBytes = 0;
    return true;
  }

  /** Hands on the messages in bytes[start, end), as far as the handler does not pause. */
  private read(bytes: Buffer, start: number, end: number): void {
    let pos = start;
    this.reading = true;
    while (pos < end && !this.settled) {
      if (this.paused) {
        this.keepFirst(bytes, pos, end);
        break;
      }
      const messageStart = pos + prefixBytes;
      const whole = this.assembler === null || this.assembler.empty;
      if (whole && messageStart <= end) {
        const next = messageStart + declaredLength(bytes, pos);
        if (next <= end && next - messageStart <= this.server.maxRecvBytes) {
          const flags = bytes[pos] as number;
          pos = next;
          this.take(flags, bytes.subarray(messageStart, next));
          continue;
        }
      }
      const complete = this.assemble(bytes, pos, end);
      if (complete === null) {
        pos = end;
        break;
      }
      pos = this.assembler === null ? end : this.assembler.pos;
      this.take(complete.flags, complete.message);
    }
    this.reading = false;
    if (!this.settled) this.connection.consume(this, pos - start);
  }

  private take(flags: number, message: Buffer): void {
    let request = message;
    if (flags !== 0) {
      const decoded = decodeMessage(flags, this.head.encoding, message, this.server.maxRecvBytes);
      if (!decoded.ok) {
        this.fail(decoded.error);
        return;
      }
      request = decoded.value;
    }
    this.counters.messagesReceived++;
    this.server.receivedBytes += request.length;
    this.messageCallback(request);
  }

  private finishInput(): void {
    if (this.settled) return;
    if (this.assembler === null || this.assembler.empty) this.halfCloseCallback();
    else this.fail(unexpectedEnd);
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    this.unread.push(Buffer.from(bytes.subarray(start, end)));
    this.count(end - start);
  }

  /** For the rest of a chunk whose beginning has made the handler pause: what came later stays behind it. */
  private keepFirst(bytes: Buffer, start: number, end: number): void {
    this.unread.unshift(Buffer.from(bytes.subarray(start, end)));
    this.count(end - start);
  }

  private count(bytes: number): void {
    this.unreadBytes += bytes;
    this.server.heldBytes += bytes;
    if (this.server.heldBytes > heldBytesMax) this.failHeldTooMuch();
  }
}

function ignore(): void {}

/**
 * One gRPC call on a server: an HTTP/2 stream that knows its method, its deadline and who wants to hear of its end.
 *
 * Hot path: calls are created per request; what is rare hangs off fields that stay null.
 */
import type { Http2Connection } from '../http2/connection.ts';
import { frameFlag, frameHeaderBytes, frameType } from '../http2/frame.ts';
import { ServerStream } from '../http2/stream.ts';
import type { Deadline, DeadlineWheel, Expiring } from './deadline.ts';
import { MessageAssembler, prefixBytes, writePrefix } from './framing.ts';
import type { Metadata } from './metadata.ts';
import type { MethodCounters } from './registry.ts';
import type { RequestHead } from './request-head.ts';
import { errorTrailers, okTrailers, trailersOnly } from './response.ts';
import { type RpcError, rpcErrors, statusCode } from './status.ts';

/** What the handler of any call can see. */
export interface CallContext {
  /** The request's headers. */
  readonly metadata: Metadata;
  /** "/package.Service/Method". */
  readonly method: string;
  /** Milliseconds from the request's arrival to its deadline, or null if the client sets none. */
  readonly deadlineMs: number | null;
  /** True once nobody waits for the answer: the client has reset the call, its deadline has passed, or the connection is gone. */
  readonly cancelled: boolean;
  /** Calls back once when the call is cancelled (at once if it is already); not if it ends otherwise. */
  onCancel(callback: () => void): void;
}

/** What calls need of their server. */
export interface CallServer {
  readonly maxRecvBytes: number;
  /** Sums of message sizes, without prefixes: bytes. */
  receivedBytes: number;
  sentBytes: number;
  /** What all calls hold of requests that their handlers have not got: at most `heldBytesMax`. */
  heldBytes: number;
  readonly deadlines: DeadlineWheel;
  /** Puts a call's deadline into the wheel and keeps that turning. */
  expect(call: Expiring, timeoutMs: number): Deadline;
}

/** Unfinished messages and unread data that the calls of a server may hold: bytes. Beyond, calls fail. */
export const heldBytesMax = 1 << 29;

/** Responses up to this size are copied into the connection's output; larger ones are passed on by reference. */
const inlineBytesMax = 4096;

export abstract class Call extends ServerStream implements CallContext, Expiring {
  cancelled = false;
  protected readonly head: RequestHead;
  protected readonly server: CallServer;
  protected readonly counters: MethodCounters;
  /** A status has been decided: what the handler does from now on is ignored. */
  protected settled = false;
  protected headersSent = false;
  /** Holds a message that has arrived in part. */
  protected assembler: MessageAssembler | null = null;
  private deadline: Deadline | null = null;
  private onCancelled: (() => void) | null = null;

  constructor(
    connection: Http2Connection,
    id: number,
    head: RequestHead,
    server: CallServer,
    counters: MethodCounters,
  ) {
    super(connection, id);
    this.head = head;
    this.server = server;
    this.counters = counters;
    counters.started++;
  }

  get metadata(): Metadata {
    return this.head.metadata;
  }

  get method(): string {
    return this.head.path;
  }

  get deadlineMs(): number | null {
    return this.head.timeoutMs;
  }

  onCancel(callback: () => void): void {
    if (this.cancelled) {
      callback();
      return;
    }
    const earlier = this.onCancelled;
    this.onCancelled =
      earlier === null
        ? callback
        : () => {
            earlier();
            callback();
          };
  }

  /** Ends the call with an error. Ignored after its end. */
  fail(error: RpcError): void {
    if (!this.settle(error.code)) return;
    const trailers = errorTrailers(error);
    if (this.headersSent) this.connection.sendTrailers(this, trailers);
    else this.connection.sendHeaders(this, trailersOnly(200, this.head.subtype, trailers), true);
  }

  onExpire(): void {
    if (this.settled) return;
    this.fail(rpcErrors.deadlineExceeded);
    this.cancel();
  }

  handleGone(): void {
    if (this.settle(statusCode.canceled)) this.cancel();
  }

  handleUncongested(): void {}

  /** False if the call has ended before. Frees what it holds. */
  protected settle(code: number): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.counters.handled[code] = (this.counters.handled[code] as number) + 1;
    if (this.deadline !== null) this.server.deadlines.remove(this.deadline);
    if (this.assembler !== null) {
      this.server.heldBytes -= this.assembler.heldBytes;
      this.assembler = null;
    }
    return true;
  }

  private cancel(): void {
    this.cancelled = true;
    const callback = this.onCancelled;
    this.onCancelled = null;
    callback?.();
  }

  protected startDeadline(): void {
    const { timeoutMs } = this.head;
    if (timeoutMs === null) return;
    if (timeoutMs <= 0) this.onExpire();
    else this.deadline = this.server.expect(this, timeoutMs);
  }

  protected failTooLarge(length: number): void {
    const message = `grpc: received message larger than max (${length} vs. ${this.server.maxRecvBytes})`;
    this.fail({ code: statusCode.resourceExhausted, message });
  }

  protected failHeldTooMuch(): void {
    const message = `grpc: unfinished requests take more than ${heldBytesMax} bytes`;
    this.fail({ code: statusCode.resourceExhausted, message });
  }

  /** Feeds the assembler from `start` on; returns a complete message's flags and bytes, or null: `assembler.pos` tells how far it got. */
  protected assemble(bytes: Buffer, start: number, end: number): { flags: number; message: Buffer } | null {
    this.assembler ??= new MessageAssembler(this.server.maxRecvBytes);
    const { assembler, server } = this;
    const held = assembler.heldBytes;
    assembler.pos = start;
    const taken = assembler.take(bytes, end);
    server.heldBytes += assembler.heldBytes - held;
    if (taken.type === 'message') return taken;
    if (taken.type === 'tooLarge') this.failTooLarge(taken.length);
    else if (server.heldBytes > heldBytesMax) this.failHeldTooMuch();
    return null;
  }

  /** Sends a message, after the response headers if they are due; `last`: and a good end. The message must not be changed any more. */
  protected sendMessage(message: Uint8Array, last: boolean): void {
    const { connection, head } = this;
    const size = prefixBytes + message.length;
    this.counters.messagesSent++;
    this.server.sentBytes += message.length;
    if (size > inlineBytesMax || !connection.claim(this, size)) {
      this.queueMessage(message, last);
      return;
    }
    const headers = this.headersSent ? null : connection.encode(head.responseHeaders);
    const trailers = last ? connection.encode(okTrailers) : null;
    const { output } = connection;
    output.reserve(3 * frameHeaderBytes + (headers?.length ?? 0) + size + (trailers?.length ?? 0));
    if (headers !== null) {
      output.frameHeader(headers.length, frameType.headers, frameFlag.endHeaders, this.id);
      output.copy(headers);
      this.headersSent = true;
    }
    output.frameHeader(size, frameType.data, 0, this.id);
    writePrefix(output.bytes, output.pos, 0, message.length);
    output.pos += prefixBytes;
    output.copy(message);
    if (trailers === null) return;
    output.frameHeader(trailers.length, frameType.headers, frameFlag.endHeaders | frameFlag.endStream, this.id);
    output.copy(trailers);
    connection.localEnd(this);
  }

  private queueMessage(message: Uint8Array, last: boolean): void {
    const { connection } = this;
    this.sendResponseHeaders();
    const prefix = Buffer.allocUnsafe(prefixBytes);
    writePrefix(prefix, 0, 0, message.length);
    connection.sendData(this, prefix);
    if (message.length > 0) connection.sendData(this, message);
    if (last) connection.sendTrailers(this, okTrailers);
  }

  private sendResponseHeaders(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    this.connection.sendHeaders(this, this.head.responseHeaders, false);
  }
}

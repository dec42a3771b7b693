/** A call of one request and one response. */
import type { Http2Connection } from '../http2/connection.ts';
import { Call, type CallContext, type CallServer, heldBytesMax } from './call.ts';
import { decodeMessage } from './compression.ts';
import { declaredLength, prefixBytes } from './framing.ts';
import type { MethodCounters } from './registry.ts';
import type { RequestHead } from './request-head.ts';
import { type RpcError, statusCode } from './status.ts';

/** Exactly one of `respond` and `fail` is called, once; later calls are ignored, and so are calls after a cancellation. */
export interface UnaryCall extends CallContext {
  /** The message is handed over: the caller must not change it any more. */
  respond(message: Uint8Array): void;
  fail(error: RpcError): void;
}

/** `request` may be a view of the socket's buffer: it is valid only during the call. */
export type UnaryHandler = (request: Uint8Array, call: UnaryCall) => void;

const noRequest: RpcError = {
  code: statusCode.internal,
  message: 'cardinality violation: received no request message from non-server-streaming RPC',
};
export const unexpectedEnd: RpcError = { code: statusCode.unknown, message: 'unexpected EOF' };

export class UnaryServerCall extends Call implements UnaryCall {
  private readonly handler: UnaryHandler;
  /** The request is complete; the handler has it, or it waits its turn in `parked`. */
  private taken = false;
  private parked: Buffer | null = null;

  constructor(
    connection: Http2Connection,
    id: number,
    head: RequestHead,
    server: CallServer,
    counters: MethodCounters,
    handler: UnaryHandler,
  ) {
    super(connection, id, head, server, counters);
    this.handler = handler;
  }

  respond(message: Uint8Array): void {
    if (this.settle(statusCode.ok)) this.sendMessage(message, true);
  }

  handleOpen(): void {
    this.startDeadline();
  }

  handleData(bytes: Buffer, start: number, end: number): void {
    this.connection.consume(this, end - start);
    // Whatever follows the first message is of no interest (grpc-go answers it, too).
    if (this.taken) return;
    if (this.assembler === null && end - start >= prefixBytes) {
      const length = declaredLength(bytes, start);
      const messageStart = start + prefixBytes;
      if (end - messageStart >= length && length <= this.server.maxRecvBytes) {
        this.take(bytes[start] as number, bytes.subarray(messageStart, messageStart + length));
        return;
      }
    }
    const complete = this.assemble(bytes, start, end);
    if (complete !== null) this.take(complete.flags, complete.message);
  }

  handleRemoteEnd(): void {
    if (!this.taken) this.fail(this.assembler === null || this.assembler.empty ? noRequest : unexpectedEnd);
  }

  handleDrain(): void {}

  override handleUncongested(): void {
    const request = this.unpark();
    if (request !== null) this.handler(request, this);
  }

  protected override settle(code: number): boolean {
    if (!super.settle(code)) return false;
    this.unpark();
    return true;
  }

  private unpark(): Buffer | null {
    const request = this.parked;
    if (request === null) return null;
    this.parked = null;
    this.server.heldBytes -= request.length;
    return request;
  }

  private take(flags: number, message: Buffer): void {
    this.taken = true;
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
    if (this.connection.sendQueue.congested) {
      this.parked = Buffer.from(request);
      this.server.heldBytes += request.length;
      if (this.server.heldBytes > heldBytesMax) this.failHeldTooMuch();
      else this.connection.sendQueue.park(this);
      return;
    }
    this.handler(request, this);
  }
}

/** The gRPC server: methods by path, and a call object for every request that an HTTP/2 connection hands over. */
import type { Clock, Timer } from '../../base/ports.ts';
import { systemClock } from '../http2/clock.ts';
import { type ConnectionOptions, defaultConnectionOptions, type Http2Connection } from '../http2/connection.ts';
import type { HeaderList } from '../http2/hpack-decoder.ts';
import type { ServerStream } from '../http2/stream.ts';
import type { CallServer } from './call.ts';
import { Deadline, DeadlineWheel, type Expiring, tickMs } from './deadline.ts';
import { RefusedCall } from './refused-call.ts';
import { type Method, Registry } from './registry.ts';
import { RequestHead } from './request-head.ts';
import { type StreamHandler, StreamServerCall } from './stream-call.ts';
import { type UnaryHandler, UnaryServerCall } from './unary-call.ts';

export type { CallContext } from './call.ts';
export type { StreamCall, StreamHandler } from './stream-call.ts';
export type { UnaryCall, UnaryHandler } from './unary-call.ts';

export interface GrpcServerOptions {
  /** The largest request message, decompressed: bytes. Larger ones fail with RESOURCE_EXHAUSTED. */
  readonly maxRecvBytes: number;
  /** Of each connection. */
  readonly connection: ConnectionOptions;
  readonly clock: Clock;
}

/** What a caller wants to be different from etcd's defaults. */
export interface GrpcServerChoices {
  readonly maxRecvBytes?: number;
  readonly connection?: Partial<ConnectionOptions>;
  readonly clock?: Clock;
}

/** etcd's default of 1.5 MiB for requests and 512 KiB for what surrounds them. */
const defaultMaxRecvBytes = 2_097_152;

export class GrpcServer implements CallServer {
  readonly options: GrpcServerOptions;
  readonly maxRecvBytes: number;
  readonly deadlines: DeadlineWheel;
  receivedBytes = 0;
  sentBytes = 0;
  heldBytes = 0;
  private readonly registry = new Registry<UnaryHandler, StreamHandler>();
  private wheelTimer: Timer | null = null;

  /** What is left out of the options is as in etcd. */
  constructor(options: GrpcServerChoices = {}) {
    const { maxRecvBytes = defaultMaxRecvBytes, connection = {}, clock = systemClock } = options;
    this.options = { maxRecvBytes, connection: { ...defaultConnectionOptions, ...connection }, clock };
    this.maxRecvBytes = maxRecvBytes;
    this.deadlines = new DeadlineWheel(clock.monotonicMs());
  }

  /** `fullMethod`: "/package.Service/Method". */
  addUnary(fullMethod: string, handler: UnaryHandler): void {
    this.registry.add(fullMethod, { type: 'unary', call: handler });
  }

  addStream(fullMethod: string, handler: StreamHandler): void {
    this.registry.add(fullMethod, { type: 'stream', call: handler });
  }

  /** All methods with their counters. */
  methods(): IterableIterator<Method<UnaryHandler, StreamHandler>> {
    return this.registry.all();
  }

  /** Makes the call of a request. For HTTP/2 connections. */
  open(connection: Http2Connection, id: number, headers: HeaderList): ServerStream {
    const head = this.head(headers);
    if (head.refusal !== null) return new RefusedCall(connection, id, head.refusal, head.subtype);
    const method = this.registry.find(head.path);
    if (method === undefined) {
      return new RefusedCall(connection, id, { httpStatus: 200, error: this.registry.explainMissing(head.path) }, '');
    }
    const { handler, counters } = method;
    return handler.type === 'unary'
      ? new UnaryServerCall(connection, id, head, this, counters, handler.call)
      : new StreamServerCall(connection, id, head, this, counters, handler.call);
  }

  private head(headers: HeaderList): RequestHead {
    if (headers.memo instanceof RequestHead) return headers.memo;
    const head = new RequestHead(headers, this.explain);
    headers.memo = head;
    return head;
  }

  private readonly explain = (path: string): ReturnType<typeof this.registry.explainMissing> | null =>
    this.registry.find(path) === undefined ? this.registry.explainMissing(path) : null;

  /** For calls: see CallServer. */
  expect(call: Expiring, timeoutMs: number): Deadline {
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    if (this.wheelTimer === null) {
      // It has not turned while it was empty.
      this.deadlines.advance(nowMs);
      this.wheelTimer = clock.every(tickMs, () => this.turnWheel());
    }
    const deadline = new Deadline(call, nowMs + timeoutMs);
    this.deadlines.add(deadline);
    return deadline;
  }

  private turnWheel(): void {
    this.deadlines.advance(this.options.clock.monotonicMs());
    if (this.deadlines.count > 0) return;
    this.wheelTimer?.cancel();
    this.wheelTimer = null;
  }
}

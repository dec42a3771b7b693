/**
 * One request and its response on an HTTP/2 connection, as the server sees it. The layer above extends this class: one object
 * per call is all that a call costs.
 */
import type { Http2Connection } from './connection.ts';
import type { ErrorCode } from './frame.ts';
import type { StreamQueue } from './send-queue.ts';

export abstract class ServerStream {
  readonly connection: Http2Connection;
  readonly id: number;
  /** The peer has ended its side. */
  remoteEnded = false;
  /** We have ended ours, or the stream was reset: nothing more can be sent. */
  localEnded = false;
  /** What follows is the connection's book-keeping. */
  sendWindow: number;
  receiveAvailable: number;
  /** Consumed, but not given back to the peer yet. */
  unannounced = 0;
  /** What content-length still promises, or -1. */
  promisedBytes = -1;
  /** Data that flow control or a slow socket holds back. */
  queue: StreamQueue | null = null;

  constructor(connection: Http2Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.sendQueue.initialWindow;
    this.receiveAvailable = connection.streamWindow;
  }

  /** Bytes that wait in the queue. */
  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.bytes;
  }

  /** The stream is in the connection's table; data may follow. */
  abstract handleOpen(): void;
  /** Data, valid during the call only. Whoever takes the bytes calls `connection.consume`, now or later. */
  abstract handleData(bytes: Buffer, start: number, end: number): void;
  /** The peer has ended its side. */
  abstract handleRemoteEnd(): void;
  /** The peer has reset the stream, or the connection is gone: nothing can be sent. At most once; never after our own end. */
  abstract handleGone(code: ErrorCode): void;
  /** Queued data went out: there is less than before. */
  abstract handleDrain(): void;
  /** After `connection.park`: the connection takes up requests again. */
  abstract handleUncongested(): void;
}

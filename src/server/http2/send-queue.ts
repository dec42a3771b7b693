/**
 * Response data that cannot leave yet: what flow control or a full socket holds back waits per stream, uncopied, and leaves in
 * frames of all waiting streams in turn.
 */
import { defaultWindow, sendable, windowMax } from './flow.ts';
import { ConnectionError, defaultMaxFrameBytes, errorCode, frameHeaderBytes, frameType } from './frame.ts';
import type { HeaderTemplate } from './hpack-encoder.ts';
import type { Output } from './output.ts';
import type { ServerStream } from './stream.ts';

/** Output held back on one connection before new requests are parked: bytes. */
const queuedBytesMax = 1 << 26;
const unparkBatch = 16;

/** Larger frames than the default would gain nothing and delay other streams, whatever the peer allows. */
export const sendFrameBytesMax = defaultMaxFrameBytes;

/** The queue of one stream; exists while it holds data. */
export class StreamQueue {
  readonly chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that have gone. */
  offset = 0;
  bytes = 0;
  /** To be sent after the data. */
  trailers: HeaderTemplate | null = null;
  /** In the list of streams that could send. */
  waiting = false;
}

export interface SendQueueOwner {
  /** A frame of data leaves that had to wait. */
  handleDataSent(): void;
  /** A stream's queue has gone out whole: these trailers are due. */
  sendTrailers(stream: ServerStream, template: HeaderTemplate): void;
}

export class SendQueue {
  /** What streams start with: the peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  initialWindow = defaultWindow;
  /** Of the whole connection. */
  window = defaultWindow;
  /** Sum over all streams. */
  queuedBytes = 0;
  private readonly output: Output;
  private readonly owner: SendQueueOwner;
  private waiting: ServerStream[] = [];
  private readonly parked: ServerStream[] = [];

  constructor(output: Output, owner: SendQueueOwner) {
    this.output = output;
    this.owner = owner;
  }

  /** True when a frame of `bytes` of this stream may be written at once; the windows are then debited. */
  claim(stream: ServerStream, bytes: number): boolean {
    if (
      bytes > this.window ||
      bytes > stream.sendWindow ||
      bytes > sendFrameBytesMax ||
      stream.queue !== null ||
      this.output.stalled
    ) {
      return false;
    }
    this.window -= bytes;
    stream.sendWindow -= bytes;
    return true;
  }

  push(stream: ServerStream, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    stream.queue ??= new StreamQueue();
    stream.queue.chunks.push(bytes);
    stream.queue.bytes += bytes.length;
    this.queuedBytes += bytes.length;
    this.wait(stream, stream.queue);
  }

  /** Forgets a stream's queue. */
  drop(stream: ServerStream): void {
    if (stream.queue === null) return;
    this.queuedBytes -= stream.queue.bytes;
    stream.queue = null;
    // The end of the turn may take up parked requests.
    if (this.parked.length > 0) this.output.reserve(0);
  }

  clear(): void {
    this.waiting = [];
    this.parked.length = 0;
  }

  /** WINDOW_UPDATE for the connection. Throws ConnectionError. */
  growWindow(increment: number): void {
    this.window += increment;
    if (this.window > windowMax) {
      throw new ConnectionError(errorCode.flowControlError, 'the window of the connection overflows');
    }
  }

  /** WINDOW_UPDATE for a stream. False: its window overflows. */
  growStreamWindow(stream: ServerStream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > windowMax) return false;
    if (stream.queue !== null) this.wait(stream, stream.queue);
    return true;
  }

  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE, which holds for open streams, too (RFC 9113 §6.9.2). Throws ConnectionError. */
  setInitialWindow(value: number, streams: Iterable<ServerStream>): void {
    const delta = value - this.initialWindow;
    this.initialWindow = value;
    for (const stream of streams) {
      if (this.growStreamWindow(stream, delta)) continue;
      throw new ConnectionError(errorCode.flowControlError, `the window of stream ${stream.id} overflows`);
    }
  }

  /** True when so much is held back that new requests should wait. */
  get congested(): boolean {
    return this.queuedBytes > queuedBytesMax;
  }

  /** Calls `handleUncongested` when less is held back; in order of parking. */
  park(stream: ServerStream): void {
    this.parked.push(stream);
  }

  /** Sends what can be sent: a frame of each waiting stream in turn, as far as the windows and the socket allow. */
  pump(): void {
    let pass = this.waiting;
    while (pass.length > 0 && this.window > 0 && this.hasRoom()) {
      // Streams that go on after their turn, and those whose owners push data meanwhile, are in the next pass.
      this.waiting = [];
      for (let i = 0; i < pass.length; i++) {
        const stream = pass[i] as ServerStream;
        const { queue } = stream;
        if (queue === null) continue;
        if (this.window <= 0 || !this.hasRoom() || this.sendFrame(stream, queue)) this.waiting.push(stream);
        else queue.waiting = false;
      }
      pass = this.waiting;
    }
    this.unpark();
  }

  private wait(stream: ServerStream, queue: StreamQueue): void {
    if (queue.waiting) return;
    queue.waiting = true;
    this.waiting.push(stream);
    // The queue is pumped when the input or the turn is over, so that many streams share one pass.
    this.output.reserve(0);
  }

  private hasRoom(): boolean {
    if (!this.output.full) return true;
    this.output.flush();
    return !this.output.full;
  }

  /** Sends one frame of a stream's queue. True if the stream could go on. */
  private sendFrame(stream: ServerStream, queue: StreamQueue): boolean {
    const bytes = sendable(queue.bytes, this.window, stream.sendWindow, sendFrameBytesMax);
    if (bytes === 0) return false;
    this.window -= bytes;
    stream.sendWindow -= bytes;
    queue.bytes -= bytes;
    this.queuedBytes -= bytes;
    this.output.reserve(frameHeaderBytes);
    this.output.frameHeader(bytes, frameType.data, 0, stream.id);
    this.writeFrom(queue, bytes);
    this.owner.handleDataSent();
    if (queue.bytes > 0) {
      stream.handleDrain();
      return true;
    }
    stream.queue = null;
    if (queue.trailers !== null) this.owner.sendTrailers(stream, queue.trailers);
    else stream.handleDrain();
    return false;
  }

  private writeFrom(queue: StreamQueue, bytes: number): void {
    const { chunks } = queue;
    let left = bytes;
    let done = 0;
    while (left > 0) {
      const chunk = chunks[done] as Uint8Array;
      const end = Math.min(chunk.length, queue.offset + left);
      this.output.piece(chunk.subarray(queue.offset, end));
      left -= end - queue.offset;
      queue.offset = end;
      if (end === chunk.length) {
        done++;
        queue.offset = 0;
      }
    }
    if (done > 0) chunks.splice(0, done);
  }

  private unpark(): void {
    while (this.parked.length > 0 && !this.congested) {
      for (const stream of this.parked.splice(0, unparkBatch)) if (!stream.localEnded) stream.handleUncongested();
    }
  }
}

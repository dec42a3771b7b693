/**
 * Frames of HTTP/2 (RFC 9113 §4, §6, §7): names, numbers, and the splitting of a byte stream into frames.
 *
 * Hot path: a frame that lies whole in a chunk is handed on as a range of that chunk; only one that spans chunks is copied.
 */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;
export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const frameHeaderBytes = 9;
export const defaultMaxFrameBytes = 16_384;
export const largestMaxFrameBytes = 2 ** 24 - 1;

/** What a client sends first (RFC 9113 §3.4). */
export const clientPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A violation that ends the connection with a GOAWAY frame. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Receives frames; the payload is bytes[start, end), valid only during the call. May throw ConnectionError. */
export interface FrameSink {
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/** Splits a byte stream, in chunks of any size, into frames. */
export class FrameDecoder {
  private readonly sink: FrameSink;
  private readonly frameBytesMax: number;
  /** The beginning of a frame that continues in the next chunk; allocated when first needed. */
  private partial: Buffer | null = null;
  private partialBytes = 0;

  /** `frameBytesMax`: the SETTINGS_MAX_FRAME_SIZE that the peer was told. */
  constructor(sink: FrameSink, frameBytesMax: number) {
    this.sink = sink;
    this.frameBytesMax = frameBytesMax;
  }

  /** Hands on all frames that are complete now. Throws what the sink throws, and ConnectionError FRAME_SIZE_ERROR. */
  push(chunk: Buffer): void {
    let pos = this.partialBytes > 0 ? this.completePartial(chunk) : 0;
    const end = chunk.length;
    while (end - pos >= frameHeaderBytes) {
      const length = this.checkedLength(chunk, pos);
      const next = pos + frameHeaderBytes + length;
      if (next > end) break;
      this.emit(chunk, pos, next);
      pos = next;
    }
    if (pos < end) this.keep(chunk, pos, end);
  }

  /** Returns the position in `chunk` after the frame that was begun earlier, or its end if it is still not complete. */
  private completePartial(chunk: Buffer): number {
    let pos = 0;
    if (this.partialBytes < frameHeaderBytes) {
      pos = Math.min(frameHeaderBytes - this.partialBytes, chunk.length);
      this.keep(chunk, 0, pos);
      if (this.partialBytes < frameHeaderBytes) return pos;
    }
    const partial = this.buffer();
    const frameBytes = frameHeaderBytes + this.checkedLength(partial, 0);
    const taken = Math.min(frameBytes - this.partialBytes, chunk.length - pos);
    this.keep(chunk, pos, pos + taken);
    if (this.partialBytes < frameBytes) return pos + taken;
    // Not kept: ten thousand idle connections would hold a frame's size each.
    this.partial = null;
    this.partialBytes = 0;
    this.emit(partial, 0, frameBytes);
    return pos + taken;
  }

  private checkedLength(bytes: Buffer, pos: number): number {
    const length = ((bytes[pos] as number) << 16) | ((bytes[pos + 1] as number) << 8) | (bytes[pos + 2] as number);
    if (length > this.frameBytesMax) {
      throw new ConnectionError(
        errorCode.frameSizeError,
        `a frame of ${length} bytes, above the ${this.frameBytesMax} allowed`,
      );
    }
    return length;
  }

  private emit(bytes: Buffer, pos: number, end: number): void {
    const streamId =
      (((bytes[pos + 5] as number) & 0x7f) << 24) |
      ((bytes[pos + 6] as number) << 16) |
      ((bytes[pos + 7] as number) << 8) |
      (bytes[pos + 8] as number);
    this.sink.frame(bytes[pos + 3] as number, bytes[pos + 4] as number, streamId, bytes, pos + frameHeaderBytes, end);
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    chunk.copy(this.buffer(), this.partialBytes, start, end);
    this.partialBytes += end - start;
  }

  private buffer(): Buffer {
    this.partial ??= Buffer.allocUnsafeSlow(frameHeaderBytes + this.frameBytesMax);
    return this.partial;
  }
}

/** Writes a frame header into `out` at `pos`, which has room for its nine bytes. */
export function writeFrameHeader(
  out: Uint8Array,
  pos: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  out[pos] = length >>> 16;
  out[pos + 1] = length >>> 8;
  out[pos + 2] = length;
  out[pos + 3] = type;
  out[pos + 4] = flags;
  out[pos + 5] = streamId >>> 24;
  out[pos + 6] = streamId >>> 16;
  out[pos + 7] = streamId >>> 8;
  out[pos + 8] = streamId;
}

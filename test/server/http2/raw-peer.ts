/** An HTTP/2 client that sends whatever bytes a test wants, over a real socket, and keeps the frames that come back. */
import { connect, type Socket } from 'node:net';
import {
  clientPreface,
  FrameDecoder,
  frameFlag,
  frameHeaderBytes,
  frameType,
  writeFrameHeader,
} from '../../../src/server/http2/frame.ts';
import { HpackDecoder } from '../../../src/server/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/server/http2/hpack-encoder.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Decoded, for HEADERS. */
  readonly fields: readonly string[];
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(header, 0, payload.length, type, flags, streamId);
  return Buffer.concat([header, payload]);
}

export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(frameType.settings, 0, 0, payload);
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const preface = Buffer.concat([Buffer.from(clientPreface), settings()]);

/** Headers of a gRPC request, with changes: null removes a field. */
export function requestFields(path: string, changes: Readonly<Record<string, string | null>> = {}): string[] {
  const fields: Record<string, string | null> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...changes,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [name, value]));
}

/** A gRPC message in a DATA frame. */
export function dataFrame(streamId: number, message: Uint8Array, flags: number = frameFlag.endStream): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return frame(frameType.data, flags, streamId, Buffer.concat([prefix, message]));
}

export class RawPeer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  closed = false;
  private readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder(4096, 1 << 20);
  private waiters: (() => void)[] = [];
  private pings = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    // Until the server's SETTINGS are answered nothing changes for it, so the peer never acknowledges them.
    const frames = new FrameDecoder(
      {
        frame: (type, flags, streamId, bytes, start, end) => {
          const payload = Buffer.from(bytes.subarray(start, end));
          const fields = type === frameType.headers ? this.decoder.decode(payload, 0, payload.length).fields : [];
          this.frames.push({ type, flags, streamId, payload, fields });
        },
      },
      1 << 24,
    );
    socket.on('data', (chunk) => {
      frames.push(chunk);
      this.wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static async connect(port: number, first: Buffer = preface): Promise<RawPeer> {
    const socket = connect(port, '127.0.0.1');
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    if (first.length > 0) socket.write(first);
    return peer;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  headers(streamId: number, fields: readonly string[], flags = 0): Buffer {
    const block = Buffer.from(this.encoder.encode({ fields, repeats: false }));
    return frame(frameType.headers, flags | frameFlag.endHeaders, streamId, block);
  }

  /** A whole unary request. */
  call(streamId: number, path: string, message: Uint8Array = Buffer.alloc(0)): Buffer {
    return Buffer.concat([this.headers(streamId, requestFields(path)), dataFrame(streamId, message)]);
  }

  /** Waits for a frame that is not expected to be the last. */
  async until(matches: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.closed)
        throw new Error(
          `closed after ${JSON.stringify(this.frames.map(({ type, payload }) => [type, payload.toString('hex')]))}`,
        );
      await this.changed();
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.changed();
  }

  /** The error of the GOAWAY frame that ends the connection. */
  async goAway(): Promise<{ readonly code: number; readonly text: string; readonly lastStreamId: number }> {
    const { payload } = await this.until(({ type }) => type === frameType.goAway);
    return {
      lastStreamId: payload.readUInt32BE(0),
      code: payload.readUInt32BE(4),
      text: payload.toString('latin1', 8),
    };
  }

  /** The error of a stream's RST_STREAM frame. */
  async reset(streamId: number): Promise<number> {
    const found = await this.until((frame) => frame.type === frameType.rstStream && frame.streamId === streamId);
    return found.payload.readUInt32BE(0);
  }

  /** The last frame of a stream. */
  end(streamId: number): Promise<Frame> {
    return this.until(
      (frame) => frame.streamId === streamId && frame.type <= 1 && (frame.flags & frameFlag.endStream) !== 0,
    );
  }

  /** Concatenated DATA of a stream up to now. */
  data(streamId: number): Buffer {
    return Buffer.concat(
      this.frames
        .filter((frame) => frame.type === frameType.data && frame.streamId === streamId)
        .map(({ payload }) => payload),
    );
  }

  /** Waits until the server has worked through everything sent before, and what that made it send has come. */
  async sync(): Promise<void> {
    // What waits for its turn is sent after the input's last frame, so the first answer may come before it.
    await this.ping();
    await this.ping();
  }

  private async ping(): Promise<void> {
    const token = Buffer.alloc(8);
    token.writeUInt32BE(++this.pings, 4);
    this.send(frame(frameType.ping, 0, 0, token));
    await this.until(
      ({ type, flags, payload }) => type === frameType.ping && (flags & frameFlag.ack) !== 0 && payload.equals(token),
    );
  }

  destroy(): void {
    this.socket.destroy();
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}

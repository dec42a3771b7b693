/** Writes frames into a connection's output. Payloads that belong to streams' data are written by `SendQueue` and by calls. */
import { defaultWindow } from './flow.ts';
import { defaultMaxFrameBytes, type ErrorCode, frameFlag, frameHeaderBytes, frameType, settingId } from './frame.ts';
import type { Output } from './output.ts';

/** What the server tells a client about itself when the connection starts. */
export interface OwnSettings {
  readonly maxConcurrentStreams: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
}

/** This value of maxConcurrentStreams stands for no limit. */
export const noStreamLimit = 2 ** 32 - 1;

const debugTextMax = 1024;

export class FrameWriter {
  readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  /** SETTINGS, and the connection's window, which is no setting. */
  settings(own: OwnSettings): void {
    const pairs: number[] = [settingId.maxFrameSize, defaultMaxFrameBytes];
    if (own.maxConcurrentStreams < noStreamLimit) pairs.push(settingId.maxConcurrentStreams, own.maxConcurrentStreams);
    if (own.streamWindow !== defaultWindow) pairs.push(settingId.initialWindowSize, own.streamWindow);
    const { output } = this;
    output.reserve(frameHeaderBytes + 3 * pairs.length);
    output.frameHeader(3 * pairs.length, frameType.settings, 0, 0);
    for (let i = 0; i < pairs.length; i += 2) {
      output.bytes.writeUInt16BE(pairs[i] as number, output.pos);
      output.pos += 2;
      output.word(pairs[i + 1] as number);
    }
    if (own.connectionWindow > defaultWindow) this.windowUpdate(0, own.connectionWindow - defaultWindow);
  }

  settingsAck(): void {
    this.output.reserve(frameHeaderBytes);
    this.output.frameHeader(0, frameType.settings, frameFlag.ack, 0);
  }

  /** A header block, in as many frames as the peer's frame size asks for. */
  headers(streamId: number, block: Uint8Array, flags: number, frameBytesMax: number): void {
    const { output } = this;
    let pos = 0;
    do {
      const end = Math.min(block.length, pos + frameBytesMax);
      const type = pos === 0 ? frameType.headers : frameType.continuation;
      const own = pos === 0 ? flags : 0;
      output.reserve(frameHeaderBytes);
      output.frameHeader(end - pos, type, end === block.length ? own | frameFlag.endHeaders : own, streamId);
      output.piece(block.subarray(pos, end));
      pos = end;
    } while (pos < block.length);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.output.reserve(frameHeaderBytes + 4);
    this.output.frameHeader(4, frameType.windowUpdate, 0, streamId);
    this.output.word(increment);
  }

  reset(streamId: number, code: ErrorCode): void {
    this.output.reserve(frameHeaderBytes + 4);
    this.output.frameHeader(4, frameType.rstStream, 0, streamId);
    this.output.word(code);
  }

  ping(payload: Uint8Array): void {
    this.output.reserve(frameHeaderBytes + 8);
    this.output.frameHeader(8, frameType.ping, 0, 0);
    this.output.copy(payload);
  }

  /**
   * Answers a PING. grpc-go sends one with nearly every request to estimate the connection's bandwidth: while requests are under way
   * the answer leaves with a response, because a write of its own costs more than the whole request.
   */
  pingAcknowledgement(payload: Uint8Array, requestsUnderWay: boolean): void {
    if (requestsUnderWay) this.output.reserveInNoHurry(frameHeaderBytes + 8);
    else this.output.reserve(frameHeaderBytes + 8);
    this.output.frameHeader(8, frameType.ping, frameFlag.ack, 0);
    this.output.copy(payload);
  }

  goAway(lastStreamId: number, code: ErrorCode, text: string): void {
    const debug = Buffer.from(text.slice(0, debugTextMax), 'latin1');
    this.output.reserve(frameHeaderBytes + 8 + debug.length);
    this.output.frameHeader(8 + debug.length, frameType.goAway, 0, 0);
    this.output.word(lastStreamId);
    this.output.word(code);
    this.output.copy(debug);
  }
}

/**
 * The server's end of an HTTP/2 connection (RFC 9113) over any Duplex: frames in, streams, flow control, frames out.
 *
 * Hot path: a request is one object; frames are read where the socket put them and written into one chunk per turn of the
 * event loop (`output`), from which the layer above composes its responses directly.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/ports.ts';
import { Budget, type PingPolicy, PingStrikes } from './abuse.ts';
import { defaultWindow, ReceiveWindow, sendable, windowMax } from './flow.ts';
import {
  ConnectionError,
  clientPreface,
  defaultMaxFrameBytes,
  type ErrorCode,
  errorCode,
  FrameDecoder,
  frameFlag,
  frameHeaderBytes,
  frameType,
  largestMaxFrameBytes,
  settingId,
} from './frame.ts';
import { type HeaderList, HpackDecoder, HpackError } from './hpack-decoder.ts';
import { type HeaderTemplate, HpackEncoder } from './hpack-encoder.ts';
import { defaultTableBytes } from './hpack-tables.ts';
import { Output, type OutputScheduler } from './output.ts';
import { isWellFormedRequest, isWellFormedTrailer } from './request-check.ts';
import type { ServerStream } from './stream.ts';

export interface ConnectionOptions {
  /** Streams open at a time; more are refused. Told to the peer unless it is 2^32-1, which stands for no limit. */
  readonly maxConcurrentStreams: number;
  /** What a peer may send on one stream, and on the connection, before we take it: bytes. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** The largest header list, decoded and as RFC 9113 §6.5.2 counts: bytes. */
  readonly headerListBytesMax: number;
  readonly pings: PingPolicy;
  /** We ping a peer that has been silent for `keepaliveMs`, and give it up `keepaliveTimeoutMs` later. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

export const defaultConnectionOptions: ConnectionOptions = {
  maxConcurrentStreams: 2 ** 32 - 1,
  streamWindow: 1 << 20,
  connectionWindow: 1 << 22,
  headerListBytesMax: 1 << 18,
  pings: { minTimeMs: 5000, permitWithoutStream: false },
  keepaliveMs: 2 * 3600 * 1000,
  keepaliveTimeoutMs: 20_000,
};

/** What a connection needs from its surroundings. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly scheduler: OutputScheduler;
  readonly options: ConnectionOptions;
  /** Makes the stream of a well-formed request. Must not throw. */
  open(connection: Http2Connection, id: number, headers: HeaderList): ServerStream;
  /** The connection has ended: called once. `error` is the violation that ended it, if one did. */
  closed(connection: Http2Connection, error: ConnectionError | null): void;
}

/** Streams that one connection may have open whatever the option says: a memory bound, far above what works well. */
const streamsMax = 1 << 20;

/** Frames that do no work (SETTINGS, empty DATA, PRIORITY, unknown…): a burst, and what is tolerated for ever. */
const idleFramesBurst = 2000;
const idleFramesPerSecond = 500;

/** Streams that the peer resets: generous, since cancelled contexts are common, but not free (CVE-2023-44487). */
const resetsBurst = 20_000;
const resetsPerSecond = 2000;

/** CONTINUATION frames of one header block (CVE-2024-27316); its bytes are bounded too. */
const continuationsMax = 64;

/** Identifiers of streams reset by us, for which frames may still be under way. */
const recentResetsMax = 1024;

/** After a GOAWAY for an error, how long input is drained, so that the peer gets the frame instead of a TCP reset. */
const lingerMs = 1000;

/** Output held back by flow control on one connection before it takes up no more requests: bytes. */
const queuedBytesMax = 1 << 26;
const unparkBatch = 16;

/** How long a client may take from connecting to its first SETTINGS. */
const prefaceTimeoutMs = 120_000;

const noLimit = 2 ** 32 - 1;
const drainPing = Buffer.from('cc-drain');
const keepalivePing = Buffer.from('cc-alive');

interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

type Phase =
  /** Waiting for the client's preface, its SETTINGS being the last part. */
  | 'preface'
  | 'open'
  /** A GOAWAY has gone out with an error, or the last stream has ended after one without: input is discarded. */
  | 'ending'
  | 'closed';

export class Http2Connection {
  readonly output: Output;
  readonly streams = new Map<number, ServerStream>();
  /** What new streams start with. */
  peerInitialWindow = defaultWindow;
  readonly streamWindow: number;
  /** Bytes of unfinished requests held for this connection's streams; kept by the layer above. */
  heldBytes = 0;
  /** Bytes of responses that wait for flow control or for the socket. */
  queuedBytes = 0;
  private readonly duplex: Duplex;
  private readonly host: ConnectionHost;
  private readonly decoder: HpackDecoder;
  private readonly encoder = new HpackEncoder();
  private readonly frames: FrameDecoder;
  private readonly receiveWindow: ReceiveWindow;
  private readonly pings: PingStrikes;
  private readonly idleFrames: Budget;
  private readonly resets: Budget;
  private phase: Phase = 'preface';
  private prefaceSeen = 0;
  private lastStreamId = 0;
  private sendWindow = defaultWindow;
  private peerFrameBytesMax = defaultMaxFrameBytes;
  private openBlock: OpenBlock | null = null;
  /** Streams with queued output, in turns. */
  private waiting: ServerStream[] = [];
  /** Streams that we have ended and the peer has not, by the end of the turn they are reset. */
  private halfDone: ServerStream[] = [];
  /** Streams whose requests wait until less output is held back. */
  private readonly parked: ServerStream[] = [];
  private readonly recentResets: number[] = [];
  private recentResetsTurn = 0;
  private draining = false;
  /** The last GOAWAY has named the last stream: later ones are refused. */
  private refusing = false;
  private socketFull = false;
  private lastReadMs: number;
  private pingedAtMs = -1;
  private readonly prefaceTimer: Timer;
  private keepaliveTimer: Timer | null = null;
  private lingerTimer: Timer | null = null;
  private error: ConnectionError | null = null;

  /** Takes the duplex over: `firstBytes` have been read from it already. Settings are sent at once. */
  constructor(duplex: Duplex, host: ConnectionHost, firstBytes: Buffer) {
    const { options } = host;
    const nowMs = host.clock.monotonicMs();
    this.duplex = duplex;
    this.host = host;
    this.streamWindow = options.streamWindow;
    this.decoder = new HpackDecoder(defaultTableBytes, options.headerListBytesMax);
    this.frames = new FrameDecoder(this, defaultMaxFrameBytes);
    this.receiveWindow = new ReceiveWindow(options.connectionWindow);
    this.pings = new PingStrikes(options.pings);
    this.idleFrames = new Budget(idleFramesBurst, idleFramesPerSecond, nowMs);
    this.resets = new Budget(resetsBurst, resetsPerSecond, nowMs);
    this.lastReadMs = nowMs;
    this.output = new Output(duplex, host.scheduler, this);
    this.writeOwnSettings(options);
    duplex.on('data', (chunk: Buffer) => this.read(chunk));
    duplex.on('drain', () => this.drained());
    duplex.on('end', () => this.peerEnded());
    duplex.on('error', () => this.destroy());
    duplex.on('close', () => this.destroy());
    this.prefaceTimer = host.clock.after(prefaceTimeoutMs, () => this.destroy());
    this.armKeepalive(options.keepaliveMs);
    if (firstBytes.length > 0) this.read(firstBytes);
    duplex.resume();
  }

  /** True until the connection can take no more output. */
  get usable(): boolean {
    return this.phase === 'open' || this.phase === 'preface';
  }

  /** Lets running streams finish and refuses new ones; `closed` follows when the last one is done. */
  drain(): void {
    if (!this.usable || this.draining) return;
    this.draining = true;
    // The first GOAWAY only warns; requests that are under way are still served until the peer has seen it.
    this.writeGoAway(windowMax, errorCode.noError, '');
    this.writePing(drainPing, 0);
    this.endIfDrained();
  }

  /** Ends the connection now. */
  destroy(): void {
    if (this.phase === 'closed') return;
    if (this.phase !== 'ending') this.abandonStreams();
    this.phase = 'closed';
    this.prefaceTimer.cancel();
    this.keepaliveTimer?.cancel();
    this.lingerTimer?.cancel();
    this.duplex.destroy();
    this.host.closed(this, this.error);
  }

  /** A client that ends its side of the socket has given up its calls, as gRPC servers see it. */
  private peerEnded(): void {
    if (!this.usable) return;
    this.abandonStreams();
    this.end();
  }

  // --- What streams ask for ---

  /** Sends a header block at once; with `endStream` it is the whole response. */
  sendHeaders(stream: ServerStream, template: HeaderTemplate, endStream: boolean): void {
    if (stream.localEnded || !this.usable) return;
    this.pings.excuse();
    this.writeHeaders(stream.id, this.encoder.encode(template), endStream ? frameFlag.endStream : 0);
    if (endStream) this.localEnd(stream);
  }

  /** The header block of a template; it must be written before any other block is encoded. */
  encode(template: HeaderTemplate): Uint8Array {
    return this.encoder.encode(template);
  }

  /**
   * True when one DATA frame of `bytes` may be written right now: the windows are debited, and the caller writes the frame to
   * `output` in this very call. False: use `sendData`.
   */
  claim(stream: ServerStream, bytes: number): boolean {
    if (
      stream.queuedBytes > 0 ||
      bytes > this.sendWindow ||
      bytes > stream.sendWindow ||
      bytes > this.peerFrameBytesMax ||
      this.socketFull ||
      stream.localEnded ||
      !this.usable
    ) {
      return false;
    }
    this.sendWindow -= bytes;
    stream.sendWindow -= bytes;
    this.pings.excuse();
    return true;
  }

  /** Queues data, which is not copied: the caller must not change it any more. It leaves as the windows and the socket allow. */
  sendData(stream: ServerStream, bytes: Uint8Array): void {
    if (stream.localEnded || stream.queuedTrailers !== null || !this.usable) return;
    stream.queue ??= [];
    stream.queue.push(bytes);
    stream.queuedBytes += bytes.length;
    this.queuedBytes += bytes.length;
    this.wait(stream);
  }

  /** Ends our side with trailers, after all queued data. */
  sendTrailers(stream: ServerStream, template: HeaderTemplate): void {
    if (stream.localEnded || stream.queuedTrailers !== null || !this.usable) return;
    if (stream.queuedBytes === 0) {
      this.sendHeaders(stream, template, true);
      return;
    }
    stream.queuedTrailers = template;
  }

  /** To be called after the frame that ends our side has been written. */
  localEnd(stream: ServerStream): void {
    stream.localEnded = true;
    if (stream.remoteEnded) this.remove(stream);
    else this.halfDone.push(stream);
  }

  /** Ends a stream with RST_STREAM, dropping what is queued. The stream is not told. */
  reset(stream: ServerStream, code: ErrorCode): void {
    if (!this.streams.has(stream.id)) return;
    this.dropQueue(stream);
    stream.localEnded = true;
    this.writeReset(stream.id, code);
    this.remove(stream);
  }

  /** Gives the peer credit for bytes that the stream's owner has done with. */
  consume(stream: ServerStream, bytes: number): void {
    stream.unannounced += bytes;
    if (stream.remoteEnded || stream.localEnded || stream.unannounced * 2 < this.streamWindow) return;
    const increment = stream.unannounced;
    stream.unannounced = 0;
    stream.receiveAvailable += increment;
    this.writeWindowUpdate(stream.id, increment);
  }

  // --- Input ---

  private read(chunk: Buffer): void {
    if (!this.usable) return;
    this.lastReadMs = this.host.clock.monotonicMs();
    this.pingedAtMs = -1;
    try {
      const rest = this.prefaceSeen < clientPreface.length ? this.readPreface(chunk) : chunk;
      if (rest.length > 0) this.frames.push(rest);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error);
    }
    if (this.waiting.length > 0) this.pump();
  }

  private readPreface(chunk: Buffer): Buffer {
    const length = Math.min(clientPreface.length - this.prefaceSeen, chunk.length);
    const expected = clientPreface.slice(this.prefaceSeen, this.prefaceSeen + length);
    if (chunk.toString('latin1', 0, length) !== expected) {
      throw new ConnectionError(errorCode.protocolError, 'a connection preface that is not HTTP/2');
    }
    this.prefaceSeen += length;
    return chunk.subarray(length);
  }

  /** Called by the frame decoder. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (!this.usable) return;
    if (this.phase === 'preface') {
      if (type !== frameType.settings || (flags & frameFlag.ack) !== 0) {
        throw new ConnectionError(errorCode.protocolError, 'the first frame is not SETTINGS');
      }
      this.phase = 'open';
      this.prefaceTimer.cancel();
    }
    if (this.openBlock !== null && (type !== frameType.continuation || streamId !== this.openBlock.streamId)) {
      throw new ConnectionError(errorCode.protocolError, 'a frame inside a header block');
    }
    switch (type) {
      case frameType.data:
        this.onData(flags, streamId, bytes, start, end);
        break;
      case frameType.headers:
        this.onHeaders(flags, streamId, bytes, start, end);
        break;
      case frameType.windowUpdate:
        this.onWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.rstStream:
        this.onReset(streamId, bytes, start, end);
        break;
      case frameType.settings:
        this.onSettings(flags, streamId, bytes, start, end);
        break;
      case frameType.ping:
        this.onPing(flags, streamId, bytes, start, end);
        break;
      case frameType.continuation:
        this.onContinuation(flags, bytes, start, end);
        break;
      case frameType.goAway:
        this.onGoAway(streamId, start, end);
        break;
      case frameType.priority:
        this.onPriority(streamId, start, end);
        break;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'PUSH_PROMISE from a client');
      default:
        this.chargeIdleFrame('unknown');
    }
  }

  private onHeaders(flags: number, streamId: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    if ((streamId & 1) === 0) {
      throw new ConnectionError(errorCode.protocolError, `HEADERS on stream ${streamId}, which clients cannot open`);
    }
    let start = payloadStart;
    let end = payloadEnd;
    if ((flags & frameFlag.padded) !== 0) {
      end -= padding(bytes, start, end);
      start++;
    }
    if ((flags & frameFlag.priority) !== 0) start += 5;
    if (start > end) throw new ConnectionError(errorCode.protocolError, 'HEADERS shorter than its fields and padding');
    const endStream = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) {
      this.onHeaderBlock(streamId, endStream, bytes, start, end);
      return;
    }
    this.openBlock = { streamId, endStream, parts: [Buffer.from(bytes.subarray(start, end))], bytes: end - start };
  }

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.openBlock;
    if (block === null) throw new ConnectionError(errorCode.protocolError, 'CONTINUATION without HEADERS');
    block.parts.push(Buffer.from(bytes.subarray(start, end)));
    block.bytes += end - start;
    if (block.bytes > 2 * this.host.options.headerListBytesMax || block.parts.length > continuationsMax) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'a header block without end');
    }
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.openBlock = null;
    const whole = Buffer.concat(block.parts, block.bytes);
    this.onHeaderBlock(block.streamId, block.endStream, whole, 0, whole.length);
  }

  private onHeaderBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const list = this.decodeBlock(bytes, start, end);
    if (streamId <= this.lastStreamId) {
      this.onTrailers(streamId, endStream, list);
      return;
    }
    this.lastStreamId = streamId;
    if (list.truncated) {
      this.refuse(streamId, errorCode.frameSizeError);
      return;
    }
    if (!isWellFormedRequest(list)) {
      this.refuse(streamId, errorCode.protocolError);
      return;
    }
    if (this.refusing || this.streams.size >= Math.min(this.host.options.maxConcurrentStreams, streamsMax)) {
      this.refuse(streamId, errorCode.refusedStream);
      return;
    }
    const stream = this.host.open(this, streamId, list);
    this.streams.set(streamId, stream);
    const length = list.get('content-length');
    if (length !== undefined) stream.promisedBytes = Number(length);
    stream.remoteEnded = endStream;
    stream.handleOpen();
    if (endStream) this.remoteEnd(stream);
  }

  private decodeBlock(bytes: Buffer, start: number, end: number): HeaderList {
    try {
      return this.decoder.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionError(errorCode.compressionError, error.message);
    }
  }

  private onTrailers(streamId: number, endStream: boolean, list: HeaderList): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.recentResets.includes(streamId)) return;
      throw new ConnectionError(errorCode.streamClosed, `HEADERS on stream ${streamId}, which is closed`);
    }
    if (stream.remoteEnded) {
      this.streamError(stream, errorCode.streamClosed);
      return;
    }
    if (!endStream || !isWellFormedTrailer(list)) {
      this.streamError(stream, errorCode.protocolError);
      return;
    }
    stream.remoteEnded = true;
    this.remoteEnd(stream);
  }

  private onData(flags: number, streamId: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    const length = payloadEnd - payloadStart;
    if (!this.receiveWindow.receive(length)) {
      throw new ConnectionError(errorCode.flowControlError, 'DATA beyond the window of the connection');
    }
    let start = payloadStart;
    let end = payloadEnd;
    if ((flags & frameFlag.padded) !== 0) {
      end -= padding(bytes, start, end);
      start++;
      if (start > end) throw new ConnectionError(errorCode.protocolError, 'DATA shorter than its padding');
    }
    // The connection's window is not what holds back a slow stream: its own is.
    const increment = this.receiveWindow.consume(length);
    if (increment > 0) this.writeWindowUpdate(0, increment);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.onStrayData(streamId);
      return;
    }
    if (stream.remoteEnded) {
      this.streamError(stream, errorCode.streamClosed);
      return;
    }
    if (length > stream.receiveAvailable) {
      this.streamError(stream, errorCode.flowControlError);
      return;
    }
    stream.receiveAvailable -= length;
    const endStream = (flags & frameFlag.endStream) !== 0;
    if (start === end && !endStream) this.chargeIdleFrame('empty DATA');
    if (length > end - start) this.consume(stream, length - (end - start));
    if (stream.promisedBytes >= 0 && !keepsPromise(stream, end - start, endStream)) {
      this.streamError(stream, errorCode.protocolError);
      return;
    }
    stream.remoteEnded = endStream;
    // A stream that has answered already only waits for this end.
    if (end > start && !stream.localEnded) stream.handleData(bytes, start, end);
    if (endStream) this.remoteEnd(stream);
  }

  private onStrayData(streamId: number): void {
    if (streamId === 0 || streamId > this.lastStreamId) {
      throw new ConnectionError(errorCode.protocolError, `DATA on stream ${streamId}, which is not open`);
    }
    if (this.recentResets.includes(streamId)) return;
    this.chargeIdleFrame('stray DATA');
    this.writeReset(streamId, errorCode.streamClosed);
  }

  private remoteEnd(stream: ServerStream): void {
    if (stream.localEnded) {
      this.remove(stream);
      return;
    }
    if (stream.promisedBytes > 0) {
      this.streamError(stream, errorCode.protocolError);
      return;
    }
    stream.handleRemoteEnd();
  }

  private onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(errorCode.frameSizeError, 'WINDOW_UPDATE is not 4 bytes long');
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE of 0');
      this.sendWindow += increment;
      if (this.sendWindow > windowMax) {
        throw new ConnectionError(errorCode.flowControlError, 'the window of the connection overflows');
      }
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastStreamId || (streamId & 1) === 0) {
        throw new ConnectionError(errorCode.protocolError, `WINDOW_UPDATE on stream ${streamId}, which is idle`);
      }
      return;
    }
    if (increment === 0) {
      this.streamError(stream, errorCode.protocolError);
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > windowMax) {
      this.streamError(stream, errorCode.flowControlError);
      return;
    }
    if (stream.queuedBytes > 0) this.wait(stream);
  }

  private onReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(errorCode.frameSizeError, 'RST_STREAM is not 4 bytes long');
    if (streamId > this.lastStreamId || (streamId & 1) === 0) {
      throw new ConnectionError(errorCode.protocolError, `RST_STREAM on stream ${streamId}, which is idle`);
    }
    if (!this.resets.take(1, this.host.clock.monotonicMs())) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too many resets');
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    const ended = stream.localEnded;
    stream.localEnded = true;
    this.dropQueue(stream);
    this.remove(stream);
    if (!ended) stream.handleGone(bytes.readUInt32BE(start) as ErrorCode); // any number: it is only reported
  }

  private onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'SETTINGS on a stream');
    this.chargeIdleFrame('SETTINGS');
    if ((flags & frameFlag.ack) !== 0) {
      if (end > start) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS acknowledged with a payload');
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, 'SETTINGS of an odd length');
    for (let pos = start; pos < end; pos += 6) {
      this.applySetting(bytes.readUInt16BE(pos), bytes.readUInt32BE(pos + 2));
    }
    this.output.reserve(frameHeaderBytes);
    this.output.frameHeader(0, frameType.settings, frameFlag.ack, 0);
  }

  private applySetting(id: number, value: number): void {
    switch (id) {
      case settingId.headerTableSize:
        this.encoder.setPeerTableSize(value);
        break;
      case settingId.enablePush:
        if (value > 1) throw new ConnectionError(errorCode.protocolError, 'SETTINGS_ENABLE_PUSH is neither 0 nor 1');
        break;
      case settingId.initialWindowSize:
        if (value > windowMax) {
          throw new ConnectionError(errorCode.flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1');
        }
        this.shiftStreamWindows(value - this.peerInitialWindow);
        this.peerInitialWindow = value;
        break;
      case settingId.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes) {
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_MAX_FRAME_SIZE out of range');
        }
        // Larger frames would gain nothing and delay other streams.
        this.peerFrameBytesMax = defaultMaxFrameBytes;
        break;
      default:
    }
  }

  private shiftStreamWindows(delta: number): void {
    for (const stream of this.streams.values()) {
      stream.sendWindow += delta;
      if (stream.sendWindow > windowMax) {
        throw new ConnectionError(errorCode.flowControlError, `the window of stream ${stream.id} overflows`);
      }
      if (stream.queuedBytes > 0) this.wait(stream);
    }
  }

  private onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'PING on a stream');
    if (end - start !== 8) throw new ConnectionError(errorCode.frameSizeError, 'PING is not 8 bytes long');
    if ((flags & frameFlag.ack) !== 0) {
      if (this.draining && drainPing.compare(bytes, start, end) === 0) {
        this.refusing = true;
        this.writeGoAway(this.lastStreamId, errorCode.noError, '');
      } else if (keepalivePing.compare(bytes, start, end) !== 0) this.chargeIdleFrame('PING acknowledgements');
      return;
    }
    this.writePing(bytes.subarray(start, end), frameFlag.ack);
    if (!this.pings.ping(this.streams.size, this.host.clock.monotonicMs())) {
      throw new ConnectionError(errorCode.enhanceYourCalm, 'too_many_pings');
    }
  }

  private onGoAway(streamId: number, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'GOAWAY on a stream');
    if (end - start < 8) throw new ConnectionError(errorCode.frameSizeError, 'GOAWAY is shorter than 8 bytes');
    // It tells that we may open no streams, which servers never do. The client closes when it is done.
    this.chargeIdleFrame('GOAWAY');
  }

  private onPriority(streamId: number, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(errorCode.protocolError, 'PRIORITY on stream 0');
    this.chargeIdleFrame('PRIORITY');
    if (end - start === 5) return;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.streamError(stream, errorCode.frameSizeError);
    else this.writeReset(streamId, errorCode.frameSizeError);
  }

  private chargeIdleFrame(what: string): void {
    if (!this.idleFrames.take(1, this.host.clock.monotonicMs())) {
      throw new ConnectionError(errorCode.enhanceYourCalm, `too many frames without use: ${what}`);
    }
  }

  // --- Ends ---

  /** A violation that costs the peer one stream. */
  private streamError(stream: ServerStream, code: ErrorCode): void {
    const ended = stream.localEnded;
    this.reset(stream, code);
    if (!ended) stream.handleGone(code);
  }

  private refuse(streamId: number, code: ErrorCode): void {
    if (code !== errorCode.refusedStream) this.chargeIdleFrame('malformed requests');
    this.writeReset(streamId, code);
    this.rememberReset(streamId);
  }

  private rememberReset(streamId: number): void {
    this.recentResets[this.recentResetsTurn] = streamId;
    this.recentResetsTurn = (this.recentResetsTurn + 1) % recentResetsMax;
  }

  private remove(stream: ServerStream): void {
    this.streams.delete(stream.id);
    if (!stream.remoteEnded) this.rememberReset(stream.id);
    if (this.draining) this.endIfDrained();
  }

  private endIfDrained(): void {
    if (this.streams.size > 0 || !this.usable) return;
    this.writeGoAway(this.lastStreamId, errorCode.noError, '');
    this.end();
  }

  private fail(error: ConnectionError): void {
    if (!this.usable) return;
    this.error = error;
    this.writeGoAway(this.lastStreamId, error.code, error.message);
    this.abandonStreams();
    this.end();
  }

  /** Sends what is left and closes our side; then waits a little for the peer to close its own. */
  private end(): void {
    this.output.flush();
    this.phase = 'ending';
    this.duplex.end();
    this.duplex.resume();
    this.lingerTimer = this.host.clock.after(lingerMs, () => this.destroy());
  }

  private abandonStreams(): void {
    const streams = [...this.streams.values()];
    this.streams.clear();
    this.waiting = [];
    this.halfDone = [];
    this.parked.length = 0;
    for (const stream of streams) {
      const ended = stream.localEnded;
      stream.localEnded = true;
      this.dropQueue(stream);
      if (!ended) stream.handleGone(errorCode.cancel);
    }
  }

  private armKeepalive(delayMs: number): void {
    const { clock, options } = this.host;
    this.keepaliveTimer = clock.after(Math.max(1, delayMs), () => {
      const nowMs = clock.monotonicMs();
      if (this.pingedAtMs >= 0) {
        const leftMs = this.pingedAtMs + options.keepaliveTimeoutMs - nowMs;
        if (leftMs <= 0) {
          this.destroy();
          return;
        }
        this.armKeepalive(leftMs);
        return;
      }
      const leftMs = this.lastReadMs + options.keepaliveMs - nowMs;
      if (leftMs > 0) {
        this.armKeepalive(leftMs);
        return;
      }
      this.pingedAtMs = nowMs;
      this.writePing(keepalivePing, 0);
      this.armKeepalive(options.keepaliveTimeoutMs);
    });
  }

  // --- Output ---

  private wait(stream: ServerStream): void {
    if (stream.waiting) return;
    stream.waiting = true;
    this.waiting.push(stream);
    // The queue is pumped when the input or the turn is over, so that many streams share one pass.
    this.output.reserve(0);
  }

  /** Right before the turn's write. */
  endTurn(): void {
    if (this.waiting.length > 0) this.pump();
    else if (this.parked.length > 0) this.unpark();
    if (this.halfDone.length === 0) return;
    const streams = this.halfDone;
    this.halfDone = [];
    for (const stream of streams) {
      // We have answered without waiting for the end of the request, and it has not come meanwhile (RFC 9113 §8.1).
      if (!stream.remoteEnded) this.reset(stream, errorCode.noError);
    }
  }

  private drained(): void {
    if (this.socketFull) {
      this.socketFull = false;
      this.duplex.resume();
    }
    if (this.usable) this.pump();
  }

  /** Sends queued data of the waiting streams in turns of a frame, as far as the windows and the socket allow. */
  private pump(): void {
    let pass = this.waiting;
    while (pass.length > 0 && this.sendWindow > 0 && this.hasRoom()) {
      const next: ServerStream[] = [];
      for (let i = 0; i < pass.length; i++) {
        const stream = pass[i] as ServerStream;
        if (this.sendWindow <= 0 || !this.hasRoom()) {
          next.push(stream);
          continue;
        }
        if (this.sendQueued(stream)) next.push(stream);
        else stream.waiting = false;
      }
      pass = next;
    }
    this.waiting = pass;
    this.unpark();
  }

  /** What waits in the socket is bounded by reading no more requests. (What waits for flow control needs the reading to go on.) */
  stalled(): void {
    if (this.socketFull || !this.usable) return;
    this.socketFull = true;
    this.duplex.pause();
  }

  /** True when so much output is held back by flow control that new requests should wait: see `park`. */
  get congested(): boolean {
    return this.queuedBytes > queuedBytesMax;
  }

  /** Calls `handleUncongested` when the output held back has shrunk; in order of parking. */
  park(stream: ServerStream): void {
    this.parked.push(stream);
  }

  private unpark(): void {
    while (this.parked.length > 0 && !this.congested) {
      const batch = this.parked.splice(0, unparkBatch);
      for (const stream of batch) if (!stream.localEnded) stream.handleUncongested();
    }
  }

  private hasRoom(): boolean {
    if (!this.output.full) return true;
    this.output.flush();
    return !this.output.full;
  }

  /** Sends one frame of a stream's queue. True if the stream could go on. */
  private sendQueued(stream: ServerStream): boolean {
    const bytes = sendable(stream.queuedBytes, this.sendWindow, stream.sendWindow, this.peerFrameBytesMax);
    if (bytes === 0) return false;
    this.sendWindow -= bytes;
    stream.sendWindow -= bytes;
    stream.queuedBytes -= bytes;
    this.queuedBytes -= bytes;
    this.pings.excuse();
    this.output.reserve(frameHeaderBytes);
    this.output.frameHeader(bytes, frameType.data, 0, stream.id);
    this.takeFromQueue(stream, bytes);
    if (stream.queuedBytes > 0) {
      stream.handleDrain();
      return true;
    }
    stream.queue = null;
    if (stream.queuedTrailers !== null) this.sendHeaders(stream, stream.queuedTrailers, true);
    else stream.handleDrain();
    return false;
  }

  private takeFromQueue(stream: ServerStream, bytes: number): void {
    const queue = stream.queue ?? [];
    let left = bytes;
    let done = 0;
    while (left > 0) {
      const chunk = queue[done] as Uint8Array;
      const end = Math.min(chunk.length, stream.queueOffset + left);
      this.output.piece(chunk.subarray(stream.queueOffset, end));
      left -= end - stream.queueOffset;
      stream.queueOffset = end;
      if (end === chunk.length) {
        done++;
        stream.queueOffset = 0;
      }
    }
    if (done > 0) queue.splice(0, done);
  }

  private dropQueue(stream: ServerStream): void {
    if (stream.queuedBytes === 0) return;
    // The end of the turn may take up parked requests.
    this.output.reserve(0);
    this.queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.queue = null;
    stream.queueOffset = 0;
    stream.queuedTrailers = null;
  }

  private writeHeaders(streamId: number, block: Uint8Array, flags: number): void {
    const first = Math.min(block.length, this.peerFrameBytesMax);
    const ends = first === block.length ? frameFlag.endHeaders : 0;
    this.output.reserve(frameHeaderBytes);
    this.output.frameHeader(first, frameType.headers, flags | ends, streamId);
    this.output.piece(block.subarray(0, first));
    for (let pos = first; pos < block.length; ) {
      const end = Math.min(block.length, pos + this.peerFrameBytesMax);
      this.output.reserve(frameHeaderBytes);
      const flag = end === block.length ? frameFlag.endHeaders : 0;
      this.output.frameHeader(end - pos, frameType.continuation, flag, streamId);
      this.output.piece(block.subarray(pos, end));
      pos = end;
    }
  }

  private writeOwnSettings(options: ConnectionOptions): void {
    const settings: number[] = [settingId.maxFrameSize, defaultMaxFrameBytes];
    if (options.maxConcurrentStreams < noLimit) {
      settings.push(settingId.maxConcurrentStreams, options.maxConcurrentStreams);
    }
    if (options.streamWindow !== defaultWindow) settings.push(settingId.initialWindowSize, options.streamWindow);
    const { output } = this;
    output.reserve(frameHeaderBytes + 3 * settings.length);
    output.frameHeader(3 * settings.length, frameType.settings, 0, 0);
    for (let i = 0; i < settings.length; i += 2) {
      output.bytes.writeUInt16BE(settings[i] as number, output.pos);
      output.pos += 2;
      output.word(settings[i + 1] as number);
    }
    if (options.connectionWindow > defaultWindow) {
      this.writeWindowUpdate(0, options.connectionWindow - defaultWindow);
    }
  }

  private writeWindowUpdate(streamId: number, increment: number): void {
    this.output.reserve(frameHeaderBytes + 4);
    this.output.frameHeader(4, frameType.windowUpdate, 0, streamId);
    this.output.word(increment);
  }

  private writeReset(streamId: number, code: ErrorCode): void {
    this.output.reserve(frameHeaderBytes + 4);
    this.output.frameHeader(4, frameType.rstStream, 0, streamId);
    this.output.word(code);
  }

  private writePing(payload: Uint8Array, flags: number): void {
    this.output.reserve(frameHeaderBytes + 8);
    this.output.frameHeader(8, frameType.ping, flags, 0);
    this.output.copy(payload);
  }

  private writeGoAway(lastStreamId: number, code: ErrorCode, text: string): void {
    const debug = Buffer.from(text.slice(0, debugTextMax), 'latin1');
    this.output.reserve(frameHeaderBytes + 8 + debug.length);
    this.output.frameHeader(8 + debug.length, frameType.goAway, 0, 0);
    this.output.word(lastStreamId);
    this.output.word(code);
    this.output.copy(debug);
  }
}

const debugTextMax = 1024;

/** Bytes of padding after the data, the length byte not counted. */
function padding(bytes: Buffer, start: number, end: number): number {
  if (start >= end) throw new ConnectionError(errorCode.frameSizeError, 'a padded frame without its padding length');
  return bytes[start] as number;
}

/** Counts data against content-length (RFC 9113 §8.1.1). */
function keepsPromise(stream: ServerStream, bytes: number, endStream: boolean): boolean {
  stream.promisedBytes -= bytes;
  return stream.promisedBytes === 0 || (stream.promisedBytes > 0 && !endStream);
}

/**
 * The server's end of an HTTP/2 connection (RFC 9113) over any Duplex: frames in, streams, flow control, frames out.
 *
 * Hot path: a request is one object; frames are read where the socket put them and written into one chunk per turn of the
 * event loop (`output`), from which the layer above composes its responses directly.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../base/ports.ts';
import { Budget, type PingPolicy, PingStrikes } from './abuse.ts';
import { ReceiveWindow, windowMax } from './flow.ts';
import {
  ConnectionError,
  clientPreface,
  defaultMaxFrameBytes,
  type ErrorCode,
  errorCode,
  FrameDecoder,
  frameFlag,
  frameType,
  largestMaxFrameBytes,
  settingId,
} from './frame.ts';
import { FrameWriter, noStreamLimit, type OwnSettings } from './frame-writer.ts';
import { type HeaderList, HpackDecoder, HpackError } from './hpack-decoder.ts';
import { type HeaderTemplate, HpackEncoder } from './hpack-encoder.ts';
import { defaultTableBytes } from './hpack-tables.ts';
import { Keepalive, type KeepalivePolicy } from './keepalive.ts';
import { Output, type OutputScheduler } from './output.ts';
import { isWellFormedRequest, isWellFormedTrailer } from './request-check.ts';
import { SendQueue, sendFrameBytesMax } from './send-queue.ts';
import type { ServerStream } from './stream.ts';

/** maxConcurrentStreams: more are refused. The windows: what a peer may send before we take it, in bytes. */
export interface ConnectionOptions extends KeepalivePolicy, OwnSettings {
  /** The largest header list, decoded and as RFC 9113 §6.5.2 counts: bytes. */
  readonly headerListBytesMax: number;
  readonly pings: PingPolicy;
}

export const defaultConnectionOptions: ConnectionOptions = {
  maxConcurrentStreams: noStreamLimit,
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

/** How long a client may take from connecting to its first SETTINGS. */
const prefaceTimeoutMs = 120_000;

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
  readonly sendQueue: SendQueue;
  readonly streamWindow: number;
  private readonly duplex: Duplex;
  private readonly host: ConnectionHost;
  private readonly decoder: HpackDecoder;
  private readonly encoder = new HpackEncoder();
  private readonly writer: FrameWriter;
  private readonly frames: FrameDecoder;
  private readonly receiveWindow: ReceiveWindow;
  private readonly pings: PingStrikes;
  private readonly idleFrames: Budget;
  private readonly resets: Budget;
  private phase: Phase = 'preface';
  private prefaceSeen = 0;
  private lastStreamId = 0;
  private openBlock: OpenBlock | null = null;
  /** Streams that we have ended and the peer has not, by the end of the turn they are reset. */
  private halfDone: ServerStream[] = [];
  private readonly recentResets: number[] = [];
  private recentResetsTurn = 0;
  private draining = false;
  /** The last GOAWAY has named the last stream: later ones are refused. */
  private refusing = false;
  private readonly prefaceTimer: Timer;
  private readonly keepalive: Keepalive;
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
    this.output = new Output(duplex, host.scheduler, this);
    this.sendQueue = new SendQueue(this.output, this);
    this.writer = new FrameWriter(this.output);
    this.writer.settings(options);
    duplex.on('data', (chunk: Buffer) => this.read(chunk));
    duplex.on('drain', () => this.handleSocketDrain());
    duplex.on('end', () => this.peerEnded());
    duplex.on('error', () => this.destroy());
    duplex.on('close', () => this.destroy());
    this.prefaceTimer = host.clock.after(prefaceTimeoutMs, () => this.destroy());
    this.keepalive = new Keepalive(
      host.clock,
      options,
      () => this.writer.ping(keepalivePing),
      () => this.destroy(),
    );
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
    this.writer.goAway(windowMax, errorCode.noError, '');
    this.writer.ping(drainPing);
    this.endIfDrained();
  }

  /** Ends the connection now. */
  destroy(): void {
    if (this.phase === 'closed') return;
    if (this.phase !== 'ending') this.abandonStreams();
    this.phase = 'closed';
    this.prefaceTimer.cancel();
    this.keepalive.close();
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
    const flags = endStream ? frameFlag.endStream : 0;
    this.writer.headers(stream.id, this.encoder.encode(template), flags, sendFrameBytesMax);
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
    if (stream.localEnded || !this.usable || !this.sendQueue.claim(stream, bytes)) return false;
    this.pings.excuse();
    return true;
  }

  /** Queues data, which is not copied: the caller must not change it any more. It leaves as the windows and the socket allow. */
  sendData(stream: ServerStream, bytes: Uint8Array): void {
    if (stream.localEnded || !this.usable || (stream.queue !== null && stream.queue.trailers !== null)) return;
    this.sendQueue.push(stream, bytes);
  }

  /** Clients that measure the bandwidth ping for every so many frames, which may leave long after they were queued. */
  handleDataSent(): void {
    this.pings.excuse();
  }

  /** Ends our side with trailers, after all queued data. */
  sendTrailers(stream: ServerStream, template: HeaderTemplate): void {
    if (stream.queue === null) this.sendHeaders(stream, template, true);
    else if (stream.queue.trailers === null) stream.queue.trailers = template;
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
    this.sendQueue.drop(stream);
    stream.localEnded = true;
    this.writer.reset(stream.id, code);
    this.remove(stream);
  }

  /** Gives the peer credit for bytes that the stream's owner has done with. */
  consume(stream: ServerStream, bytes: number): void {
    stream.unannounced += bytes;
    if (stream.remoteEnded || stream.localEnded || stream.unannounced * 2 < this.streamWindow) return;
    const increment = stream.unannounced;
    stream.unannounced = 0;
    stream.receiveAvailable += increment;
    this.writer.windowUpdate(stream.id, increment);
  }

  // --- Input ---

  private read(chunk: Buffer): void {
    if (!this.usable) return;
    this.keepalive.heard();
    try {
      const rest = this.prefaceSeen < clientPreface.length ? this.readPreface(chunk) : chunk;
      if (rest.length > 0) this.frames.push(rest);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error);
    }
    this.sendQueue.pump();
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
    if (increment > 0) this.writer.windowUpdate(0, increment);
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
    this.writer.reset(streamId, errorCode.streamClosed);
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
      this.sendQueue.growWindow(increment);
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
    if (!this.sendQueue.growStreamWindow(stream, increment)) this.streamError(stream, errorCode.flowControlError);
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
    this.sendQueue.drop(stream);
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
    this.writer.settingsAck();
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
        this.sendQueue.setInitialWindow(value, this.streams.values());
        break;
      case settingId.maxFrameSize:
        if (value < defaultMaxFrameBytes || value > largestMaxFrameBytes) {
          throw new ConnectionError(errorCode.protocolError, 'SETTINGS_MAX_FRAME_SIZE out of range');
        }
        break; // frames sent have the default size: see `sendFrameBytesMax`
      default:
    }
  }

  private onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(errorCode.protocolError, 'PING on a stream');
    if (end - start !== 8) throw new ConnectionError(errorCode.frameSizeError, 'PING is not 8 bytes long');
    if ((flags & frameFlag.ack) !== 0) {
      if (this.draining && drainPing.compare(bytes, start, end) === 0) {
        this.refusing = true;
        this.writer.goAway(this.lastStreamId, errorCode.noError, '');
      } else if (keepalivePing.compare(bytes, start, end) !== 0) this.chargeIdleFrame('PING acknowledgements');
      return;
    }
    this.writer.pingAcknowledgement(bytes.subarray(start, end), this.streams.size > 0);
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
    else this.writer.reset(streamId, errorCode.frameSizeError);
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
    this.writer.reset(streamId, code);
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
    this.writer.goAway(this.lastStreamId, errorCode.noError, '');
    this.end();
  }

  private fail(error: ConnectionError): void {
    if (!this.usable) return;
    this.error = error;
    this.writer.goAway(this.lastStreamId, error.code, error.message);
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
    this.sendQueue.clear();
    this.halfDone = [];
    for (const stream of streams) {
      const ended = stream.localEnded;
      stream.localEnded = true;
      this.sendQueue.drop(stream);
      if (!ended) stream.handleGone(errorCode.cancel);
    }
  }

  // --- Output ---

  /** Right before the turn's write. */
  endTurn(): void {
    this.sendQueue.pump();
    if (this.halfDone.length === 0) return;
    const streams = this.halfDone;
    this.halfDone = [];
    for (const stream of streams) {
      // We have answered without waiting for the end of the request, and it has not come meanwhile (RFC 9113 §8.1).
      if (!stream.remoteEnded) this.reset(stream, errorCode.noError);
    }
  }

  /** What waits in the socket is bounded by reading no more requests. (What waits for flow control needs the reading to go on.) */
  handleStall(): void {
    if (this.usable) this.duplex.pause();
  }

  private handleSocketDrain(): void {
    if (this.output.stalled) {
      this.output.stalled = false;
      this.duplex.resume();
    }
    if (this.usable) this.sendQueue.pump();
  }
}

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

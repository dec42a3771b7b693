/**
 * The sending end of one stream: the peer has dialled it, this side writes frames into the answer that never ends. All messages
 * of one loop turn leave in one socket write, without a timer on their way.
 */
import type { Socket } from 'node:net';
import type { Timer } from '../../base/ports.ts';
import type { Message } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import { ChunkBuffer } from './chunk-buffer.ts';
import type { PeerContext } from './context.ts';
import { linkHeartbeatMs, streamMessagesMax, streamPendingBytesMax, streamWriteTimeoutMs } from './limits.ts';
import type { PeerStatus } from './peer-status.ts';
import { newStreamEncoder, type StreamEncoder, type StreamType, streamTypeName } from './stream-codec.ts';

/** The end of a chunked body: the reader sees an orderly end. */
const lastChunk = '0\r\n\r\n';
/** How long an orderly end may wait for the network. */
const lingerMs = 250;

/** One attached connection and what was given to it. */
interface Attachment {
  readonly socket: Socket;
  readonly encoder: StreamEncoder;
  readonly chunk: ChunkBuffer;
  /** Writes that the socket has not completed, oldest first: how many messages and bytes each carries. */
  readonly writes: { readonly messages: number; readonly bytes: number }[];
  /** In `writes` and in the chunk being filled. */
  pendingMessages: number;
  /** In `writes`. */
  writtenBytes: number;
  chunkMessages: number;
  flushScheduled: boolean;
  /** Writes what this loop turn has encoded; made once, so that scheduling it allocates nothing. */
  readonly flush: () => void;
  /** When the oldest write was begun, or the one before it completed; null when none is pending. */
  stalledSince: number | null;
  readonly heartbeat: Timer;
}

export class StreamWriter {
  private readonly context: PeerContext;
  private readonly peerId: bigint;
  private readonly peerText: string;
  private readonly type: StreamType;
  private readonly status: PeerStatus;
  private readonly onDetached: () => void;
  private attachment: Attachment | null = null;

  constructor(context: PeerContext, peerId: bigint, type: StreamType, status: PeerStatus, onDetached: () => void) {
    this.context = context;
    this.peerId = peerId;
    this.peerText = formatId(peerId);
    this.type = type;
    this.status = status;
    this.onDetached = onDetached;
    context.logger.info('started stream writer with remote peer', this.fields());
  }

  isAttached(): boolean {
    return this.attachment !== null;
  }

  /** Takes over a connection whose answer's headers (200, chunked) are sent. An older connection is closed. */
  attach(socket: Socket): void {
    const replaced = this.attachment !== null;
    this.detach();
    const { clock, logger } = this.context;
    const attachment: Attachment = {
      socket,
      encoder: newStreamEncoder(this.type),
      chunk: new ChunkBuffer(),
      writes: [],
      pendingMessages: 0,
      writtenBytes: 0,
      chunkMessages: 0,
      flushScheduled: false,
      flush: () => this.flush(attachment),
      stalledSince: null,
      heartbeat: clock.every(linkHeartbeatMs, () => this.beat(attachment)),
    };
    this.attachment = attachment;
    socket.once('close', () => this.fail(attachment, 'write', 'EOF'));
    socket.on('error', (problem) => this.fail(attachment, 'write', problem.message));
    const type = streamTypeName[this.type];
    logger.info('set message encoder', {
      from: formatId(this.context.localId),
      to: this.peerText,
      'stream-type': type,
    });
    this.status.activate();
    if (replaced) logger.warn('closed TCP streaming connection with remote peer', this.typedFields());
    logger.info('established TCP streaming connection with remote peer', this.typedFields());
    if (socket.destroyed) this.fail(attachment, 'write', 'EOF');
  }

  /** Encodes a message into this loop turn's write. False, and nothing sent, if no connection is attached or its queue is full. */
  send(message: Message): boolean {
    const attachment = this.attachment;
    if (attachment === null) return false;
    if (
      attachment.pendingMessages >= streamMessagesMax ||
      attachment.writtenBytes + attachment.chunk.length >= streamPendingBytesMax
    )
      return false;
    attachment.encoder.encode(message, attachment.chunk);
    attachment.pendingMessages++;
    attachment.chunkMessages++;
    this.scheduleFlush(attachment);
    return true;
  }

  private scheduleFlush(attachment: Attachment): void {
    if (attachment.flushScheduled) return;
    attachment.flushScheduled = true;
    process.nextTick(attachment.flush);
  }

  private flush(attachment: Attachment): void {
    attachment.flushScheduled = false;
    if (attachment !== this.attachment || attachment.chunk.isEmpty()) return;
    const { socket, chunkMessages: messages } = attachment;
    const bytes = attachment.chunk.length;
    attachment.chunkMessages = 0;
    attachment.writtenBytes += bytes;
    attachment.writes.push({ messages, bytes });
    attachment.stalledSince ??= this.context.clock.monotonicMs();
    writeAll(socket, attachment.chunk.take(), () => this.written(attachment));
    this.context.metrics.sentBytes(this.peerText, bytes);
  }

  private written(attachment: Attachment): void {
    const write = attachment.writes.shift();
    if (write === undefined) return;
    attachment.pendingMessages -= write.messages;
    attachment.writtenBytes -= write.bytes;
    attachment.stalledSince = attachment.writes.length === 0 ? null : this.context.clock.monotonicMs();
  }

  private beat(attachment: Attachment): void {
    const { stalledSince } = attachment;
    if (stalledSince !== null && this.context.clock.monotonicMs() - stalledSince >= streamWriteTimeoutMs) {
      this.fail(attachment, 'heartbeat', 'i/o timeout');
      return;
    }
    attachment.encoder.encodeHeartbeat(attachment.chunk);
    this.scheduleFlush(attachment);
  }

  private fail(attachment: Attachment, action: 'write' | 'heartbeat', reason: string): void {
    if (attachment !== this.attachment) return;
    this.status.deactivate(action, streamTypeName[this.type], reason);
    this.context.metrics.sentFailure(this.peerText);
    this.release(attachment);
    attachment.socket.destroy();
    this.context.logger.warn('lost TCP streaming connection with remote peer', this.typedFields());
    this.onDetached();
  }

  /** Ends the connection in order, if there is one. */
  private detach(): void {
    const attachment = this.attachment;
    if (attachment === null) return;
    this.flush(attachment);
    this.release(attachment);
    const { socket } = attachment;
    if (socket.destroyed) return;
    socket.end(lastChunk);
    socket.destroySoon();
    const linger = this.context.clock.after(lingerMs, () => socket.destroy());
    socket.once('close', () => linger.cancel());
  }

  private release(attachment: Attachment): void {
    this.attachment = null;
    attachment.heartbeat.cancel();
    if (attachment.pendingMessages > 0) this.context.lost(this.peerId);
  }

  /** Resolves when the connection is closed, which takes `lingerMs` at most. */
  async close(): Promise<void> {
    const socket = this.attachment?.socket;
    this.detach();
    const fields = { 'stream-writer-type': streamTypeName[this.type], 'remote-peer-id': this.peerText };
    if (socket !== undefined) {
      this.context.logger.warn('closed TCP streaming connection with remote peer', fields);
      if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    }
    this.context.logger.info('stopped TCP streaming connection with remote peer', fields);
  }

  private fields(): Record<string, string> {
    return { 'local-member-id': formatId(this.context.localId), 'remote-peer-id': this.peerText };
  }

  private typedFields(): Record<string, string> {
    return { 'stream-writer-type': streamTypeName[this.type], ...this.fields() };
  }
}

function writeAll(socket: Socket, parts: readonly Uint8Array[], done: () => void): void {
  const last = parts.length - 1;
  if (last > 0) socket.cork();
  for (const [i, part] of parts.entries()) {
    if (i === last) socket.write(part, done);
    else socket.write(part);
  }
  if (last > 0) socket.uncork();
}

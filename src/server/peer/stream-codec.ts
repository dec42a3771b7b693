/**
 * The two encodings of rafthttp's streams (etcd server/etcdserver/api/rafthttp/{message,msgappv2}_codec.go). Hot path: every
 * message of a cluster passes here.
 *
 * `message`: frames of a big-endian 64-bit length and a raftpb.Message.
 * `msgapp` (msgappv2): frames that begin with a type byte; appends that continue the previous one carry entries and commit only,
 * the rest follows from what both sides remember: the term, and the index of the last entry.
 */
import { Reader, type Writer } from '../../proto/codec.ts';
import {
  decodeEntry,
  decodeMessage,
  type Entry,
  encodeMessage,
  type Message,
  messageType,
  newMessage,
  sizeEntry,
  sizeMessage,
  writeEntry,
  writeEntryHead,
  writeMessage,
} from '../../proto/raftpb.ts';
import { ByteQueue } from './byte-queue.ts';
import { type ChunkBuffer, referencedBytesMin } from './chunk-buffer.ts';
import { frameBytesMax } from './limits.ts';

export type StreamType = 'message' | 'msgapp';

/** As etcd's logs name them. */
export const streamTypeName: Readonly<Record<StreamType, string>> = {
  message: 'stream Message',
  msgapp: 'stream MsgApp v2',
};

/** The peer broke the encoding: its stream is closed and dialled anew. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
}

export interface StreamEncoder {
  /** Appends a message's frame. The stream must deliver everything that was encoded, or end. */
  encode(message: Message, out: ChunkBuffer): void;
  /** Appends the frame that says: this link is alive. */
  encodeHeartbeat(out: ChunkBuffer): void;
}

export interface StreamDecoder {
  /**
   * Decodes what is complete; `deliver` gets each message, heartbeats of the link excepted. Entries do not
   * pin network buffers: their data is in buffers of about its own size. Throws StreamError or ProtoError, and is then unusable.
   */
  push(chunk: Buffer, deliver: (message: Message) => void): void;
}

export function newStreamEncoder(type: StreamType): StreamEncoder {
  return type === 'message' ? new MessageEncoder() : new MsgAppEncoder();
}

/** A decoder of what `remoteId` sends to `localId`. */
export function newStreamDecoder(type: StreamType, localId: bigint, remoteId: bigint): StreamDecoder {
  return type === 'message' ? new MessageDecoder() : new MsgAppDecoder(localId, remoteId);
}

/** Raft itself never sends a message without sender and receiver. */
const linkHeartbeat = encodeMessage(newMessage(messageType.heartbeat, 0n, 0n));

function isLinkHeartbeat(message: Message): boolean {
  return message.type === messageType.heartbeat && message.from === 0n && message.to === 0n;
}

function writeLength(writer: Writer, value: number): void {
  writer.bytes.writeUInt32BE(Math.floor(value / 2 ** 32), writer.pos);
  writer.bytes.writeUInt32BE(value % 2 ** 32, writer.pos + 4);
  writer.pos += 8;
}

class MessageEncoder implements StreamEncoder {
  encode(message: Message, out: ChunkBuffer): void {
    const size = sizeMessage(message);
    const writer = out.writer(8 + size);
    writeLength(writer, size);
    writeMessage(writer, message);
  }

  encodeHeartbeat(out: ChunkBuffer): void {
    const writer = out.writer(8 + linkHeartbeat.length);
    writeLength(writer, linkHeartbeat.length);
    writer.raw(linkHeartbeat);
  }
}

class MessageDecoder implements StreamDecoder {
  private readonly queue = new ByteQueue();
  /** Of the frame being read; null between frames. */
  private frameLength: number | null = null;

  push(chunk: Buffer, deliver: (message: Message) => void): void {
    this.queue.push(chunk);
    for (;;) {
      if (this.frameLength === null) {
        if (this.queue.length < 8) return;
        this.frameLength = checkedLength(this.queue.takeLength());
      }
      if (this.queue.length < this.frameLength) return;
      const bytes = this.queue.take(this.frameLength);
      this.frameLength = null;
      const message = decodeMessage(new Reader(bytes));
      if (!isLinkHeartbeat(message)) deliver(detached(message));
    }
  }
}

function checkedLength(length: number): number {
  if (length > frameBytesMax) throw new StreamError(`frame of ${length} bytes exceeds ${frameBytesMax} bytes`);
  return length;
}

const msgAppFrame = { linkHeartbeat: 0, entries: 1, message: 2 } as const;

class MsgAppEncoder implements StreamEncoder {
  private term = 0;
  private index = 0;

  encode(message: Message, out: ChunkBuffer): void {
    const continues = this.index === message.index && this.term === message.logTerm && message.logTerm === message.term;
    if (continues) this.encodeEntries(message, out);
    else this.encodeMessage(message, out);
  }

  private encodeEntries(message: Message, out: ChunkBuffer): void {
    const head = out.writer(9);
    head.byte(msgAppFrame.entries);
    writeLength(head, message.entries.length);
    for (const entry of message.entries) encodeEntryFrame(entry, out);
    writeLength(out.writer(8), message.commit);
    this.index += message.entries.length;
  }

  private encodeMessage(message: Message, out: ChunkBuffer): void {
    const size = sizeMessage(message);
    const writer = out.writer(9 + size);
    writer.byte(msgAppFrame.message);
    writeLength(writer, size);
    writeMessage(writer, message);
    this.term = message.term;
    this.index = lastIndexOf(message);
  }

  encodeHeartbeat(out: ChunkBuffer): void {
    out.writer(1).byte(msgAppFrame.linkHeartbeat);
  }
}

function encodeEntryFrame(entry: Entry, out: ChunkBuffer): void {
  const size = sizeEntry(entry);
  const data = entry.data;
  if (data === null || data.length < referencedBytesMin) {
    const writer = out.writer(8 + size);
    writeLength(writer, size);
    writeEntry(writer, entry);
    return;
  }
  const writer = out.writer(8 + size - data.length);
  writeLength(writer, size);
  writeEntryHead(writer, entry);
  out.reference(data);
}

function lastIndexOf(message: Message): number {
  return message.entries.at(-1)?.index ?? message.index;
}

/** What the decoder of msgapp waits for next. */
type Expected = 'type' | 'count' | 'entryLength' | 'entry' | 'commit' | 'messageLength' | 'message';

class MsgAppDecoder implements StreamDecoder {
  private readonly localId: bigint;
  private readonly remoteId: bigint;
  private readonly queue = new ByteQueue();
  private term = 0;
  private index = 0;
  private expected: Expected = 'type';
  /** Of the entry or message being read. */
  private itemLength = 0;
  private entriesLeft = 0;
  private entries: Entry[] = [];
  /** Of the frame so far. */
  private frameBytes = 0;

  constructor(localId: bigint, remoteId: bigint) {
    this.localId = localId;
    this.remoteId = remoteId;
  }

  push(chunk: Buffer, deliver: (message: Message) => void): void {
    this.queue.push(chunk);
    while (this.queue.length >= this.bytesNeeded()) {
      const message = this.advance();
      if (message !== null) deliver(detached(message));
    }
  }

  private bytesNeeded(): number {
    switch (this.expected) {
      case 'type':
        return 1;
      case 'entry':
      case 'message':
        return this.itemLength;
      default:
        return 8;
    }
  }

  /** Reads what is expected, which has arrived; a message when this completes one. */
  private advance(): Message | null {
    switch (this.expected) {
      case 'type':
        this.beginFrame(this.queue.take(1)[0]);
        return null;
      case 'count':
        this.entriesLeft = this.queue.takeLength();
        this.expected = this.entriesLeft === 0 ? 'commit' : 'entryLength';
        return null;
      case 'entryLength':
        this.itemLength = this.checkedItem(this.queue.takeLength());
        this.expected = 'entry';
        return null;
      case 'entry':
        this.entries.push(decodeEntry(new Reader(this.queue.take(this.itemLength))));
        this.entriesLeft--;
        this.expected = this.entriesLeft === 0 ? 'commit' : 'entryLength';
        return null;
      case 'commit':
        return this.endEntries(this.queue.takeLength());
      case 'messageLength':
        this.itemLength = this.checkedItem(this.queue.takeLength());
        this.expected = 'message';
        return null;
      case 'message':
        return this.endMessage(decodeMessage(new Reader(this.queue.take(this.itemLength))));
    }
  }

  private beginFrame(type: number | undefined): void {
    this.frameBytes = 1;
    this.entries = [];
    switch (type) {
      case msgAppFrame.linkHeartbeat:
        return;
      case msgAppFrame.entries:
        this.expected = 'count';
        return;
      case msgAppFrame.message:
        this.expected = 'messageLength';
        return;
      default:
        throw new StreamError(`failed to parse type ${type} in msgappv2 stream`);
    }
  }

  private checkedItem(length: number): number {
    this.frameBytes += 8 + length;
    checkedLength(this.frameBytes);
    return length;
  }

  private endEntries(commit: number): Message {
    if (!Number.isSafeInteger(commit)) throw new StreamError('commit index in msgappv2 stream is out of range');
    const message = newMessage(messageType.app, this.remoteId, this.localId, {
      term: this.term,
      logTerm: this.term,
      index: this.index,
      entries: this.entries,
      commit,
    });
    this.index += this.entries.length;
    this.entries = [];
    this.expected = 'type';
    return message;
  }

  private endMessage(message: Message): Message {
    this.term = message.term;
    this.index = lastIndexOf(message);
    this.expected = 'type';
    return message;
  }
}

/** A view of a buffer that is larger than it by more than this is copied out, because entries live long in the log. */
const pinnedBytesMax = 1_024;

/** The same message, none of whose parts keeps a network buffer alive that is much larger than itself. */
export function detached(message: Message): Message {
  if (message.entries.length === 0 && message.context === null) return message;
  let bytes = 0;
  for (const entry of message.entries) if (pins(entry.data)) bytes += entry.data.length;
  const context = pins(message.context) ? Buffer.from(message.context) : message.context;
  if (bytes === 0) return context === message.context ? message : { ...message, context };
  const copy = Buffer.allocUnsafe(bytes);
  let pos = 0;
  const entries = message.entries.map((entry) => {
    if (!pins(entry.data)) return entry;
    copy.set(entry.data, pos);
    const data = copy.subarray(pos, pos + entry.data.length);
    pos += entry.data.length;
    return { ...entry, data };
  });
  return { ...message, entries, context };
}

function pins(view: Uint8Array | null): view is Uint8Array {
  return view !== null && view.buffer.byteLength > view.length + pinnedBytesMax;
}

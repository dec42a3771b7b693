/**
 * Cuts the bytes of a rafthttp stream into frames, one Raft message each, so that a message can be lost whole
 * (etcd server/etcdserver/api/rafthttp/{message,msgappv2}_codec.go). Pure.
 *
 * A `msgapp` stream is coded in deltas: an append that continues the one before says neither term nor index. After a loss the next
 * one is therefore written out in full, as etcd writes it when it cannot build on the last.
 */
import type { SenderState } from './raft-append.ts';
import { readMessageHead, writeAppend } from './raft-append.ts';

export type StreamType = 'message' | 'msgapp';

/** What came of some bytes. */
export interface Framed {
  readonly bytes: readonly Buffer[];
  /** Frames in `bytes`. */
  readonly passed: number;
  /** Frames left out. */
  readonly lost: number;
  /** The receiver would misread what follows: the stream must be reset. */
  readonly broken: boolean;
}

/** What is longer is passed on as it comes, and no message of this stream is lost any more. */
export const frameBytesMax = 4 * 1024 * 1024;

/** raftpb.Message{Type: MsgHeartbeat} from and to nobody says that the link is alive: it is no Raft message, so it is not lost. */
const linkHeartbeatHead = Buffer.from([0x08, 8, 0x10, 0, 0x18, 0]);

const frameType = { linkHeartbeat: 0, entries: 1, message: 2 } as const;

/** The length of the frame that begins here, or how many bytes must be there to tell more. */
type Scan =
  | { readonly type: 'complete'; readonly length: number }
  | { readonly type: 'incomplete'; readonly needed: number }
  | { readonly type: 'unknown' };

export class RaftFrames {
  readonly #type: StreamType;
  #parts: Buffer[] = [];
  #length = 0;
  #needed = 1;
  /** Frames cannot be told apart any more. */
  #raw = false;
  /** What the sender takes for granted at the receiver; null before the first full append. */
  #sender: SenderState | null = null;
  /** The receiver knows less than the sender thinks. */
  #behind = false;

  constructor(type: StreamType) {
    this.#type = type;
  }

  /** True between two frames, of which the next passes as it comes unless it is lost. */
  get isBetween(): boolean {
    return this.#length === 0 && !this.#behind;
  }

  /** Takes bytes; gives the frames that are complete, but for those of which `lose` says so. */
  push(chunk: Buffer, lose: () => boolean): Framed {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    const bytes: Buffer[] = [];
    let passed = 0;
    let lost = 0;
    while (!this.#raw && this.#length >= this.#needed) {
      const pending = this.#pending();
      const scan = this.#type === 'message' ? scanMessage(pending) : scanMsgApp(pending);
      if (scan.type === 'unknown' || (scan.type === 'incomplete' && scan.needed > frameBytesMax)) {
        this.#raw = true;
      } else if (scan.type === 'incomplete') {
        this.#needed = scan.needed;
      } else {
        const frame = this.#frame(pending.subarray(0, scan.length), lose);
        this.#parts = [pending.subarray(scan.length)];
        this.#length -= scan.length;
        this.#needed = 1;
        if (frame === 'unreadable') return { bytes, passed, lost, broken: true };
        if (frame === null) lost++;
        else {
          passed++;
          bytes.push(frame);
        }
      }
    }
    if (this.#raw && this.#length > 0) {
      passed++;
      bytes.push(this.end());
      if (this.#behind) return { bytes: [], passed, lost, broken: true };
    }
    return { bytes, passed, lost, broken: false };
  }

  /** A frame that says that the link is alive, as members send them now and then; null where it would get between others. */
  linkHeartbeat(): Buffer | null {
    if (this.#raw) return null;
    if (this.#type === 'msgapp') return Buffer.of(frameType.linkHeartbeat);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(linkHeartbeatHead.length));
    return Buffer.concat([length, linkHeartbeatHead]);
  }

  /** What was kept back: nothing comes any more. */
  end(): Buffer {
    const pending = this.#pending();
    this.#parts = [];
    this.#length = 0;
    return pending;
  }

  #pending(): Buffer {
    const [only] = this.#parts;
    const all = only !== undefined && this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }

  /** The frame as it is to be sent; null if it is lost. */
  #frame(frame: Buffer, lose: () => boolean): Buffer | null | 'unreadable' {
    if (this.#type === 'message') return !isLinkHeartbeat(frame) && lose() ? null : frame;
    switch (frame[0]) {
      case frameType.entries:
        return this.#entries(frame, lose());
      case frameType.message:
        return this.#message(frame, lose());
      default:
        return frame;
    }
  }

  #message(frame: Buffer, isLost: boolean): Buffer | null | 'unreadable' {
    const head = readMessageHead(frame.subarray(9));
    // Only a stream that loses something has to be understood.
    if (head === null && (isLost || this.#behind)) return 'unreadable';
    this.#sender = head;
    this.#behind = isLost;
    return isLost ? null : frame;
  }

  #entries(frame: Buffer, isLost: boolean): Buffer | null | 'unreadable' {
    const sender = this.#sender;
    const wasBehind = this.#behind;
    if (sender === null) return isLost || wasBehind ? 'unreadable' : frame;
    this.#sender = { ...sender, index: sender.index + frame.readBigUInt64BE(1) };
    this.#behind = isLost;
    if (isLost) return null;
    return wasBehind ? inFull(frame, sender) : frame;
  }
}

function isLinkHeartbeat(frame: Buffer): boolean {
  return frame.subarray(8, 8 + linkHeartbeatHead.length).equals(linkHeartbeatHead);
}

function scanMessage(bytes: Buffer): Scan {
  return scanSized(bytes, 0);
}

function scanMsgApp(bytes: Buffer): Scan {
  switch (bytes[0]) {
    case frameType.linkHeartbeat:
      return { type: 'complete', length: 1 };
    case frameType.message:
      return scanSized(bytes, 1);
    case frameType.entries:
      return scanEntries(bytes);
    default:
      return { type: 'unknown' };
  }
}

/** A length of 8 bytes, and so many bytes. */
function scanSized(bytes: Buffer, at: number): Scan {
  const size = lengthAt(bytes, at);
  if (size === null) return { type: 'incomplete', needed: at + 8 };
  const end = at + 8 + size;
  return bytes.length >= end ? { type: 'complete', length: end } : { type: 'incomplete', needed: end };
}

function scanEntries(bytes: Buffer): Scan {
  const count = lengthAt(bytes, 1);
  if (count === null) return { type: 'incomplete', needed: 9 };
  let at = 9;
  for (let left = count; left > 0; left--) {
    const entry = scanSized(bytes, at);
    if (entry.type !== 'complete') return entry;
    at = entry.length;
  }
  const end = at + 8;
  return bytes.length >= end ? { type: 'complete', length: end } : { type: 'incomplete', needed: end };
}

/** Big-endian, 8 bytes; null if they are not all there. */
function lengthAt(bytes: Buffer, at: number): number | null {
  return bytes.length < at + 8 ? null : Number(bytes.readBigUInt64BE(at));
}

/** A frame of entries as a frame of the whole message. */
function inFull(frame: Buffer, before: SenderState): Buffer {
  const entries: Buffer[] = [];
  let at = 9;
  for (let left = frame.readBigUInt64BE(1); left > 0n; left--) {
    const size = Number(frame.readBigUInt64BE(at));
    entries.push(frame.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  const message = writeAppend(before, entries, frame.readBigUInt64BE(at));
  const head = Buffer.alloc(9);
  head[0] = frameType.message;
  head.writeBigUInt64BE(BigInt(message.length), 1);
  return Buffer.concat([head, message]);
}

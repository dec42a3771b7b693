/**
 * Length-prefixed messages of gRPC (one byte of flags, four of length, the message) put together from pieces of any size.
 * The common case, a message that lies whole in one piece, never gets here: see `wholeMessage`.
 */

export const prefixBytes = 5;

/** The length that a prefix at `pos` declares; the caller has checked that five bytes are there. */
export function declaredLength(bytes: Uint8Array, pos: number): number {
  return (
    (bytes[pos + 1] as number) * 2 ** 24 +
    (((bytes[pos + 2] as number) << 16) | ((bytes[pos + 3] as number) << 8) | (bytes[pos + 4] as number))
  );
}

/** The prefix of a message. */
export function writePrefix(out: Uint8Array, pos: number, flags: number, length: number): void {
  out[pos] = flags;
  out[pos + 1] = length >>> 24;
  out[pos + 2] = length >>> 16;
  out[pos + 3] = length >>> 8;
  out[pos + 4] = length;
}

/** What `MessageAssembler.take` has found. */
export type Taken =
  /** All input is used up. */
  | { readonly type: 'more' }
  /** The message is the caller's to keep. */
  | { readonly type: 'message'; readonly flags: number; readonly message: Buffer }
  | { readonly type: 'tooLarge'; readonly length: number };

const needMore: Taken = { type: 'more' };
const firstBufferBytes = 4096;

/** Assembles the messages of one stream. Holds at most one unfinished message. */
export class MessageAssembler {
  private readonly messageBytesMax: number;
  private readonly prefix = Buffer.alloc(prefixBytes);
  private prefixed = 0;
  private flags = 0;
  private length = 0;
  private body: Buffer | null = null;
  private filled = 0;
  /** The position in the last input from which `take` continues. */
  pos = 0;

  constructor(messageBytesMax: number) {
    this.messageBytesMax = messageBytesMax;
  }

  /** True between messages: ending here loses nothing. */
  get empty(): boolean {
    return this.prefixed === 0;
  }

  /** Bytes of memory held for the unfinished message. */
  get heldBytes(): number {
    return this.body === null ? 0 : this.body.length;
  }

  /** Takes input from `this.pos` up to `end`, at most until a message is complete. */
  take(bytes: Buffer, end: number): Taken {
    while (this.prefixed < prefixBytes) {
      if (this.pos === end) return needMore;
      this.prefix[this.prefixed++] = bytes[this.pos++] as number;
      if (this.prefixed < prefixBytes) continue;
      this.flags = this.prefix[0] as number;
      this.length = declaredLength(this.prefix, 0);
      if (this.length > this.messageBytesMax) return { type: 'tooLarge', length: this.length };
    }
    const count = Math.min(end - this.pos, this.length - this.filled);
    const body = this.room(count);
    bytes.copy(body, this.filled, this.pos, this.pos + count);
    this.filled += count;
    this.pos += count;
    if (this.filled < this.length) return needMore;
    this.prefixed = 0;
    this.filled = 0;
    this.body = null;
    return { type: 'message', flags: this.flags, message: body.subarray(0, this.length) };
  }

  /** The buffer grows with what has arrived, not with what a prefix claims will. */
  private room(count: number): Buffer {
    const needed = this.filled + count;
    if (this.body !== null && needed <= this.body.length) return this.body;
    const size = Math.min(this.length, Math.max(needed, 2 * this.filled, firstBufferBytes));
    const grown = Buffer.allocUnsafeSlow(size);
    if (this.body !== null) this.body.copy(grown, 0, 0, this.filled);
    this.body = grown;
    return grown;
  }
}

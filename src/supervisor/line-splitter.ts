/**
 * Cuts a stream of bytes into whole lines, however it arrives in chunks. Hot path: works on blocks of many lines, copies only
 * what spans chunks. Pure but for Buffer.
 */

const newline = 0x0a;

/** A longer line is handed on in pieces of this size, so that a child without line ends cannot fill the memory. */
export const lineBytesMax = 16 * 1024 * 1024;

export class LineSplitter {
  readonly #maxBytes: number;
  readonly #headroom: number;
  /** The unterminated end of what arrived so far, in order; holds no newline. */
  #tail: Buffer[] = [];
  #tailBytes = 0;

  /** `headroom`: so many bytes of memory before each chunk are free to write to, which saves copying the chunk. */
  constructor(maxBytes = lineBytesMax, headroom = 0) {
    this.#maxBytes = maxBytes;
    this.#headroom = headroom;
  }

  /**
   * The lines that `chunk` completes, each with its newline, as one block; null if it completes none. The block may be memory
   * of the chunk: it is to be used before that changes.
   */
  push(chunk: Buffer): Buffer | null {
    const last = chunk.lastIndexOf(newline);
    if (last < 0) {
      this.#keep(chunk);
      return this.#tailBytes >= this.#maxBytes ? this.#cut() : null;
    }
    const block = this.#afterTail(chunk, last + 1);
    this.#tail = [];
    this.#tailBytes = 0;
    if (last + 1 < chunk.length) this.#keep(chunk.subarray(last + 1));
    return block;
  }

  /** At the end of the stream: what never got its newline, with one added; null if there is nothing. */
  end(): Buffer | null {
    return this.#tailBytes === 0 ? null : this.#cut();
  }

  #afterTail(chunk: Buffer, count: number): Buffer {
    const head = chunk.subarray(0, count);
    if (this.#tailBytes === 0) return head;
    if (this.#tailBytes > this.#headroom) return Buffer.concat([...this.#tail, head]);
    const block = Buffer.from(chunk.buffer, chunk.byteOffset - this.#tailBytes, this.#tailBytes + count);
    let at = 0;
    for (const piece of this.#tail) at += piece.copy(block, at);
    return block;
  }

  /** A copy: the memory of the chunk is used again. */
  #keep(piece: Buffer): void {
    this.#tail.push(Buffer.from(piece));
    this.#tailBytes += piece.length;
  }

  #cut(): Buffer {
    const block = Buffer.concat([...this.#tail, Buffer.of(newline)]);
    this.#tail = [];
    this.#tailBytes = 0;
    return block;
  }
}

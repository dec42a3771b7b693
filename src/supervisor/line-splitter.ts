/**
 * Cuts a stream of bytes into whole lines, however it arrives in chunks. Hot path: works on blocks of many lines, copies only
 * what spans chunks. Pure but for Buffer.
 */

const newline = 0x0a;

/** A longer line is handed on in pieces of this size, so that a child without line ends cannot fill the memory. */
export const lineBytesMax = 16 * 1024 * 1024;

export class LineSplitter {
  readonly #maxBytes: number;
  /** The unterminated end of what arrived so far, in order; holds no newline. */
  #tail: Buffer[] = [];
  #tailBytes = 0;

  constructor(maxBytes = lineBytesMax) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes, each with its newline, as one block; null if it completes none. Keeps `chunk`. */
  push(chunk: Buffer): Buffer | null {
    const last = chunk.lastIndexOf(newline);
    if (last < 0) {
      this.#keep(chunk);
      return this.#tailBytes >= this.#maxBytes ? this.#cut() : null;
    }
    const head = chunk.subarray(0, last + 1);
    const block = this.#tailBytes === 0 ? head : Buffer.concat([...this.#tail, head]);
    this.#tail = [];
    this.#tailBytes = 0;
    if (last + 1 < chunk.length) this.#keep(chunk.subarray(last + 1));
    return block;
  }

  /** At the end of the stream: what never got its newline, with one added; null if there is nothing. */
  end(): Buffer | null {
    return this.#tailBytes === 0 ? null : this.#cut();
  }

  #keep(piece: Buffer): void {
    this.#tail.push(piece);
    this.#tailBytes += piece.length;
  }

  #cut(): Buffer {
    const block = Buffer.concat([...this.#tail, Buffer.of(newline)]);
    this.#tail = [];
    this.#tailBytes = 0;
    return block;
  }
}

/**
 * Prefixes lines in a fixed piece of memory, in blocks that are used again once they have been written. Hot path: under a flood
 * the supervisor allocates nothing for them (see prefix-code.ts). The memory is made when it is first needed.
 */
import type { PrefixMemory } from './prefix-code.ts';
import { prefixMemory } from './prefix-code.ts';

const blockBytes = 256 * 1024;
/** As much as the output keeps in memory; only what is used costs any. */
const blocksMax = 32;
/** A block holds it with a prefix, even if it is one line. */
export const inputBytesMax = 192 * 1024;
const prefixBytesMax = 1024;
/** What the code may touch beyond its areas. */
const slackBytes = 8;
const inputAt = prefixBytesMax + slackBytes;
const blocksAt = inputAt + inputBytesMax + slackBytes;

export class LineBlocks {
  #memory: PrefixMemory | null = null;
  /** Numbers of blocks. */
  readonly #free: number[] = [];
  /** For each block: pieces of it that have been taken and not given back. */
  readonly #out: number[] = [];
  /** The block that is being filled. */
  #current: number | null = null;
  /** Addresses: what has been filled and not taken. */
  #from = 0;
  #to = 0;

  /**
   * Adds the lines of `block`, which ends with a newline, each after the prefix, whose characters are bytes. Full pieces go to
   * `seal`. `taken` is how much of `block` that is, less than all only if no memory is left; `written`, what became of it.
   */
  add(
    block: Buffer,
    prefix: string,
    seal: (piece: Buffer) => void,
  ): { readonly taken: number; readonly written: number } {
    if (block.length > inputBytesMax || prefix.length > prefixBytesMax) return { taken: 0, written: 0 };
    const { bytes, code } = this.#made();
    const prefixBytes = bytes.write(prefix, 0, 'latin1');
    block.copy(bytes, inputAt);
    const end = inputAt + block.length;
    let [taken, written] = [inputAt, 0];
    while (taken < end && this.#hasBlock()) {
      const to = code.prefix(taken, end, this.#to, this.#limit(), 0, prefixBytes);
      taken = code.taken();
      written += to - this.#to;
      this.#to = to;
      if (taken === end) break;
      const piece = this.take();
      if (piece !== null) seal(piece);
      this.#leave();
    }
    return { taken: taken - inputAt, written };
  }

  /** What has been added since the last time and not been sealed, to be given back after use; null if that is nothing. */
  take(): Buffer | null {
    if (this.#current === null || this.#memory === null || this.#from === this.#to) return null;
    const piece = this.#memory.bytes.subarray(this.#from, this.#to);
    this.#out[this.#current] = (this.#out[this.#current] ?? 0) + 1;
    this.#from = this.#to;
    return piece;
  }

  /** Nobody looks at these bytes any more. Buffers that do not come from here are ignored. */
  giveBack(piece: Buffer): void {
    if (piece.buffer !== this.#memory?.bytes.buffer) return;
    const block = Math.floor((piece.byteOffset - blocksAt) / blockBytes);
    const out = (this.#out[block] ?? 0) - 1;
    this.#out[block] = out;
    if (out > 0) return;
    if (block === this.#current) {
      if (this.#from !== this.#to) return;
      this.#from = addressOf(block); // while it is in the cache
      this.#to = this.#from;
    } else this.#free.push(block);
  }

  #made(): PrefixMemory {
    if (this.#memory !== null) return this.#memory;
    this.#memory = prefixMemory(blocksAt + blocksMax * blockBytes);
    for (let block = blocksMax - 1; block >= 0; block--) this.#free.push(block);
    return this.#memory;
  }

  #hasBlock(): boolean {
    if (this.#current !== null) return true;
    this.#current = this.#free.pop() ?? null;
    if (this.#current === null) return false;
    this.#from = addressOf(this.#current);
    this.#to = this.#from;
    return true;
  }

  #limit(): number {
    return addressOf(this.#current ?? 0) + blockBytes - slackBytes;
  }

  /** The block is full: it is free again when all of its pieces have been given back. */
  #leave(): void {
    const block = this.#current;
    this.#current = null;
    if (block !== null && (this.#out[block] ?? 0) === 0) this.#free.push(block);
  }
}

function addressOf(block: number): number {
  return blocksAt + block * blockBytes;
}

/**
 * Gathers text in blocks of memory that are used again once they have been written: under a flood of lines the memory of the
 * output neither grows nor costs the garbage collector anything (measured: half the CPU of a new Buffer for each chunk).
 */

/** Large enough for a few chunks of a pipe, small enough for the cache of a core. */
export const blockBytes = 256 * 1024;
/** More than these are left to the garbage collector. */
const freeBlocksMax = 8;

/** Blocks that are not in use; may be shared by several that gather text. */
export class BlockPool {
  readonly #free: Buffer[] = [];
  readonly #memory = new WeakSet<ArrayBufferLike>();

  take(): Buffer {
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    this.#memory.add(block.buffer);
    return block;
  }

  /** Nobody looks at these bytes any more. Buffers that do not come from here are ignored. */
  giveBack(bytes: Buffer): void {
    if (this.#memory.has(bytes.buffer) && this.#free.length < freeBlocksMax) this.#free.push(Buffer.from(bytes.buffer));
  }
}

export class TextBlocks {
  readonly #pool: BlockPool;
  #block: Buffer | null = null;
  #used = 0;

  constructor(pool = new BlockPool()) {
    this.#pool = pool;
  }

  /** Adds text whose characters are bytes (latin1), of at most `blockBytes`. False, and nothing is added, if the block is full. */
  append(text: string): boolean {
    if (this.#used + text.length > blockBytes) return false;
    this.#block ??= this.#pool.take();
    this.#used += this.#block.write(text, this.#used, 'latin1');
    return true;
  }

  /** Adds a copy of as many of the bytes from `at` on as the block still takes; returns how many. */
  copy(bytes: Buffer, at: number): number {
    this.#block ??= this.#pool.take();
    const count = bytes.copy(this.#block, this.#used, at);
    this.#used += count;
    return count;
  }

  /** What has been added since the last time, to be given back after use; null if that is nothing. */
  take(): Buffer | null {
    const bytes = this.#block?.subarray(0, this.#used) ?? null;
    this.#block = null;
    this.#used = 0;
    return bytes;
  }

  giveBack(bytes: Buffer): void {
    this.#pool.giveBack(bytes);
  }
}

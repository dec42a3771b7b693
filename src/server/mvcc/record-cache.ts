/**
 * Records that were read from the backend lately, the oldest forgotten first. Every revision has one slot; a newcomer takes it from
 * whoever has it.
 *
 * Hot path: one look-up per key read that was not written lately. Records are copied into a few large chunks, so that they cost the
 * garbage collector nothing. A chunk is never written over: views of it stay whole for as long as somebody has them.
 */
const slotCount = 1 << 17;
const chunkBytes = 1 << 20;
/** Together 32 MiB. */
const chunksMax = 32;
/** Larger ones are read from the backend each time. */
const recordBytesMax = 16 * 1024;

/** What a slot says, in 32-bit words: sub, the number of the chunk, and where in it the record starts and ends. */
const slotWords = 4;
const chunkWord = 1;
const startWord = 2;
const endWord = 3;

export class RecordCache {
  /** 0 is an empty slot: no revision has main 0. Made when the first record comes. */
  #mains = new Float64Array(0);
  #slots = new Uint32Array(0);
  /** By their numbers, modulo the length: the newest ones. */
  readonly #chunks: Buffer[] = [];
  /** Number of the chunk that is being filled. */
  #newest = -1;
  #used = 0;

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#mains.byteLength + this.#slots.byteLength + this.#chunks.length * chunkBytes;
  }

  /** A view of the record, or null. */
  get(main: number, sub: number): Uint8Array | null {
    const slot = slotOf(main, sub);
    const at = slot * slotWords;
    if (this.#mains[slot] !== main || this.#slots[at] !== sub) return null;
    const number = this.#slots[at + chunkWord] as number;
    if (number + chunksMax <= this.#newest) return null;
    const chunk = this.#chunks[number % chunksMax] as Buffer;
    const start = this.#slots[at + startWord] as number;
    return new Uint8Array(chunk.buffer, chunk.byteOffset + start, (this.#slots[at + endWord] as number) - start);
  }

  /** Keeps a copy, unless the record is too large. */
  add(main: number, sub: number, record: Uint8Array): void {
    if (record.length > recordBytesMax) return;
    if (this.#newest === -1 || this.#used + record.length > chunkBytes) this.#nextChunk();
    (this.#chunks[this.#newest % chunksMax] as Buffer).set(record, this.#used);
    const slot = slotOf(main, sub);
    const at = slot * slotWords;
    this.#mains[slot] = main;
    this.#slots[at] = sub;
    this.#slots[at + chunkWord] = this.#newest;
    this.#slots[at + startWord] = this.#used;
    this.#used += record.length;
    this.#slots[at + endWord] = this.#used;
  }

  #nextChunk(): void {
    if (this.#newest === -1) {
      this.#mains = new Float64Array(slotCount);
      this.#slots = new Uint32Array(slotCount * slotWords);
    }
    this.#newest++;
    this.#used = 0;
    this.#chunks[this.#newest % chunksMax] = Buffer.allocUnsafeSlow(chunkBytes);
  }
}

function slotOf(main: number, sub: number): number {
  return (main + Math.imul(sub, 0x9e3779b1)) & (slotCount - 1);
}

/**
 * The newest records, as views of the buffers that they were written to: all that the backend has not committed, and of the others as
 * many as fit a bound.
 *
 * Hot path: one `add` per change and one `read` per key read that was written lately. Rows are numbers in a typed array per chunk, so
 * that a record costs no JavaScript object.
 */
import type { RecordCursor } from './record-log.ts';
import { compareRevisions } from './revision.ts';

const recordsPerChunk = 1024;

/**
 * A row, in 32-bit words: the low and the high word of `main`, the latter with the state on top, `sub`, and where the record starts and
 * ends in the buffer.
 */
const rowWords = 5;
const highWord = 1;
const subWord = 2;
const startWord = 3;
const endWord = 4;
/** Revisions are below 2^53, their high words below 2^21. */
const stateShift = 24;
const highMask = (1 << stateShift) - 1;
const tombstoneState = 1;
/** Added to the state of a dropped record. */
const droppedState = 2;
const two32 = 2 ** 32;
const tableBytes = recordsPerChunk * rowWords * 4;

/** Records in one buffer. */
class Chunk {
  readonly bytes: Uint8Array;
  readonly table = new Uint32Array(recordsPerChunk * rowWords);
  readonly firstMain: number;
  readonly firstSub: number;
  /** What goes when this chunk goes: the table, and the buffer if this is the first chunk with it. */
  readonly heldBytes: number;
  count = 0;
  lastBatch = 0;

  constructor(bytes: Uint8Array, firstMain: number, firstSub: number, heldBytes: number) {
    this.bytes = bytes;
    this.firstMain = firstMain;
    this.firstSub = firstSub;
    this.heldBytes = heldBytes;
  }

  mainAt(index: number): number {
    const row = index * rowWords;
    return ((this.table[row + highWord] as number) & highMask) * two32 + (this.table[row] as number);
  }

  subAt(index: number): number {
    return this.table[index * rowWords + subWord] as number;
  }

  stateAt(index: number): number {
    return (this.table[index * rowWords + highWord] as number) >>> stateShift;
  }

  startOf(index: number): number {
    return this.table[index * rowWords + startWord] as number;
  }

  endOf(index: number): number {
    return this.table[index * rowWords + endWord] as number;
  }

  /** The first record that is not before a revision; `count` if there is none. */
  lowerBound(main: number, sub: number): number {
    // One record per revision is the common case: then this guess is right.
    const guess = main - this.firstMain;
    if (guess >= 0 && guess < this.count && this.mainAt(guess) === main && this.subAt(guess) === sub) return guess;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareRevisions(this.mainAt(middle), this.subAt(middle), main, sub) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The place of a revision that is there; -1 if it is not. */
  find(main: number, sub: number): number {
    const index = this.lowerBound(main, sub);
    return index < this.count && this.mainAt(index) === main && this.subAt(index) === sub ? index : -1;
  }
}

export class RecentRecords {
  memoryBytes = 0;
  /** The revision of the oldest record held; beyond all revisions if there is none. */
  firstMain = Number.POSITIVE_INFINITY;
  firstSub = 0;
  readonly #bytesMax: number;
  readonly #chunks: Chunk[] = [];

  /** `bytesMax` is of buffers and tables, for committed records; uncommitted ones are held whatever they need. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Adds a record after all others: `bytes[start, start + size)`, which are written once and never change. */
  add(
    main: number,
    sub: number,
    tombstone: boolean,
    bytes: Uint8Array,
    start: number,
    size: number,
    batch: number,
  ): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.bytes !== bytes || chunk.count === recordsPerChunk) {
      chunk = this.#addChunk(bytes, main, sub, chunk);
    }
    const row = chunk.count++ * rowWords;
    const { table } = chunk;
    table[row] = main;
    table[row + highWord] = Math.floor(main / two32) | ((tombstone ? tombstoneState : 0) << stateShift);
    table[row + subWord] = sub;
    table[row + startWord] = start;
    table[row + endWord] = start + size;
    chunk.lastBatch = batch;
  }

  /** Whether a record of this revision, if there is one, is here. */
  covers(main: number, sub: number): boolean {
    return main > this.firstMain || (main === this.firstMain && sub >= this.firstSub);
  }

  /** The record of a revision, as a view; null if it is not here. */
  read(main: number, sub: number): Uint8Array | null {
    const chunk = this.#chunks[this.#chunkOf(main, sub)];
    const index = chunk === undefined ? -1 : chunk.find(main, sub);
    if (chunk === undefined || index === -1) return null;
    const { bytes } = chunk;
    const start = chunk.startOf(index);
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, chunk.endOf(index) - start);
  }

  /** Hides a record from cursors, if it is here. */
  drop(main: number, sub: number): void {
    const chunk = this.#chunks[this.#chunkOf(main, sub)];
    const index = chunk === undefined ? -1 : chunk.find(main, sub);
    if (chunk === undefined || index === -1) return;
    const at = index * rowWords + highWord;
    chunk.table[at] = (chunk.table[at] as number) | (droppedState << stateShift);
  }

  /** Over the records from a revision on. */
  cursor(main: number, sub: number): RecordCursor {
    const at = Math.max(0, this.#chunkOf(main, sub));
    return new ChunkCursor(this.#chunks, at, this.#chunks[at]?.lowerBound(main, sub) ?? 0);
  }

  /** Lets go of the oldest records beyond the bound, as far as they are committed. */
  release(committedBatch: number): void {
    let released = 0;
    for (const chunk of this.#chunks) {
      if (this.memoryBytes <= this.#bytesMax || chunk.lastBatch > committedBatch) break;
      this.memoryBytes -= chunk.heldBytes;
      released++;
    }
    if (released === 0) return;
    this.#chunks.splice(0, released);
    this.firstMain = this.#chunks[0]?.firstMain ?? Number.POSITIVE_INFINITY;
    this.firstSub = this.#chunks[0]?.firstSub ?? 0;
  }

  #addChunk(bytes: Uint8Array, main: number, sub: number, last: Chunk | undefined): Chunk {
    const heldBytes = tableBytes + (last?.bytes === bytes ? 0 : bytes.length);
    const chunk = new Chunk(bytes, main, sub, heldBytes);
    this.memoryBytes += heldBytes;
    this.#chunks.push(chunk);
    if (this.#chunks.length === 1) {
      this.firstMain = main;
      this.firstSub = sub;
    }
    return chunk;
  }

  /** The chunk where a revision is, or would be: the last that does not start after it; -1 if all do. */
  #chunkOf(main: number, sub: number): number {
    let low = -1;
    let high = this.#chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const chunk = this.#chunks[middle] as Chunk;
      if (compareRevisions(chunk.firstMain, chunk.firstSub, main, sub) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }
}

class ChunkCursor implements RecordCursor {
  main = 0;
  sub = 0;
  tombstone = false;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  readonly #chunks: readonly Chunk[];
  #chunk: number;
  #index: number;

  constructor(chunks: readonly Chunk[], chunk: number, index: number) {
    this.#chunks = chunks;
    this.#chunk = chunk;
    this.#index = index;
  }

  next(): boolean {
    for (;;) {
      const chunk = this.#chunks[this.#chunk];
      if (chunk === undefined) return false;
      if (this.#index >= chunk.count) {
        this.#chunk++;
        this.#index = 0;
        continue;
      }
      const index = this.#index++;
      const state = chunk.stateAt(index);
      if (state >= droppedState) continue;
      this.main = chunk.mainAt(index);
      this.sub = chunk.subAt(index);
      this.tombstone = state === tombstoneState;
      this.bytes = chunk.bytes;
      this.start = chunk.startOf(index);
      this.end = chunk.endOf(index);
      return true;
    }
  }
}

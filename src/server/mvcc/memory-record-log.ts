/**
 * A record log in memory: chunks of up to 4096 records whose bytes lie in one arena per chunk.
 *
 * Hot path: one append per change and one look-up per key read. A chunk is four typed arrays, whatever the number of records.
 * Arenas are never rewritten: reads hand out views of them, and a swept chunk is replaced by a new one. Benchmark: bench/mvcc.ts.
 */
import { invariant } from '../../base/assert.ts';
import { Writer } from '../../proto/codec.ts';
import type { RecordCursor, RecordLog } from './record-log.ts';
import { bucketKeyBytes, compareRevisions } from './revision.ts';

const recordsPerChunk = 4096;
const arenaBytesMax = 1 << 20;
/** The arenas of a small store are small. */
const arenaBytesMin = 1 << 16;
/** A full chunk whose arena is used less than this is copied to one that fits. */
const trimBelow = 3 / 4;
/** A chunk alone is swept once this part of its bytes, or of its records, was dropped. */
const sweepAbove = 1 / 4;

/**
 * A row of a chunk's table, in 32-bit words: the low and the high word of `main`, the latter with the state on top, `sub`, and where
 * the record ends in the arena. It starts where the one before ends.
 */
const rowWords = 4;
const highWord = 1;
const subWord = 2;
const endWord = 3;
/** Revisions are below 2^53, their high words below 2^21. */
const stateShift = 24;
const highMask = (1 << stateShift) - 1;
const tombstoneState = 1;
/** Added to the state of a dropped record. */
const droppedState = 2;
const two32 = 2 ** 32;
const tableBytes = recordsPerChunk * rowWords * 4;

class Chunk {
  readonly table = new Uint32Array(recordsPerChunk * rowWords);
  /** The revision of the first record. */
  firstMain = 0;
  firstSub = 0;
  writer: Writer;
  count = 0;
  used = 0;
  dropped = 0;
  droppedBytes = 0;

  constructor(arenaBytes: number) {
    this.writer = new Writer(Buffer.allocUnsafeSlow(arenaBytes));
  }

  fits(size: number): boolean {
    return this.count < recordsPerChunk && this.used + size <= this.writer.bytes.length;
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
    return index === 0 ? 0 : (this.table[index * rowWords - rowWords + endWord] as number);
  }

  endOf(index: number): number {
    return this.table[index * rowWords + endWord] as number;
  }

  /** Makes room for a record and returns the writer, positioned there. */
  append(main: number, sub: number, state: number, size: number): Writer {
    if (this.count === 0) {
      this.firstMain = main;
      this.firstSub = sub;
    }
    const row = this.count++ * rowWords;
    this.writer.pos = this.used;
    this.used += size;
    this.table[row] = main;
    this.table[row + highWord] = Math.floor(main / two32) | (state << stateShift);
    this.table[row + subWord] = sub;
    this.table[row + endWord] = this.used;
    return this.writer;
  }

  drop(index: number): void {
    const at = index * rowWords + highWord;
    this.table[at] = (this.table[at] as number) | (droppedState << stateShift);
    this.dropped++;
    this.droppedBytes += this.endOf(index) - this.startOf(index);
  }

  /** The first record that is not before a revision; `count` if there is none. */
  lowerBound(main: number, sub: number): number {
    // One record per revision and none dropped is the common case: then this guess is right.
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

  trim(): void {
    if (this.used >= this.writer.bytes.length * trimBelow) return;
    const arena = Buffer.allocUnsafeSlow(this.used);
    arena.set(this.writer.bytes.subarray(0, this.used));
    this.writer = new Writer(arena, this.used);
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
      this.bytes = chunk.writer.bytes;
      this.start = chunk.startOf(index);
      this.end = chunk.endOf(index);
      return true;
    }
  }
}

export class MemoryRecordLog implements RecordLog {
  count = 0;
  totalBytes = 0;
  liveBytes = 0;
  memoryBytes = 0;
  #chunks: Chunk[] = [];
  #sweepAt = 0;

  append(main: number, sub: number, tombstone: boolean, size: number): Writer {
    let chunk = this.#chunks[this.#chunks.length - 1];
    if (chunk === undefined || !chunk.fits(size)) chunk = this.#addChunk(size);
    this.count++;
    this.totalBytes += bucketKeyBytes + size;
    this.liveBytes += bucketKeyBytes + size;
    return chunk.append(main, sub, tombstone ? tombstoneState : 0, size);
  }

  read(main: number, sub: number): Uint8Array {
    const chunk = this.#chunks[this.#chunkOf(main, sub)];
    const index = chunk === undefined ? -1 : chunk.find(main, sub);
    if (chunk === undefined || index === -1) invariant(false, `revision ${main}.${sub} of the index has a record`);
    const arena = chunk.writer.bytes;
    const start = chunk.startOf(index);
    return new Uint8Array(arena.buffer, arena.byteOffset + start, chunk.endOf(index) - start);
  }

  cursor(main: number, sub: number): RecordCursor {
    const at = Math.max(0, this.#chunkOf(main, sub));
    return new ChunkCursor(this.#chunks, at, this.#chunks[at]?.lowerBound(main, sub) ?? 0);
  }

  drop(main: number, sub: number): void {
    const chunk = this.#chunks[this.#chunkOf(main, sub)];
    const index = chunk === undefined ? -1 : chunk.find(main, sub);
    if (chunk === undefined || index === -1) invariant(false, `dropped revision ${main}.${sub} has a record`);
    invariant(chunk.stateAt(index) < droppedState, `revision ${main}.${sub} is dropped once`);
    chunk.drop(index);
    this.count--;
    this.liveBytes -= bucketKeyBytes + chunk.endOf(index) - chunk.startOf(index);
  }

  beginSweep(): void {
    this.#sweepAt = 0;
  }

  sweepStep(): boolean {
    // The last chunk is being written to: it waits until it is full.
    const last = this.#chunks.length - 1;
    while (this.#sweepAt < last) {
      const from = this.#sweepAt;
      const to = this.#groupEnd(from, last);
      if (to - from > 1 || this.#isWorthSweeping(this.#chunks[from] as Chunk)) {
        this.#rewrite(from, to);
        return false;
      }
      this.#sweepAt++;
    }
    return true;
  }

  /** The end of the run of chunks from `from` on whose remaining records fit into one. */
  #groupEnd(from: number, last: number): number {
    let records = 0;
    let bytes = 0;
    for (let at = from; at < last; at++) {
      const chunk = this.#chunks[at] as Chunk;
      records += chunk.count - chunk.dropped;
      bytes += chunk.used - chunk.droppedBytes;
      if (records > recordsPerChunk || bytes > arenaBytesMax) return Math.max(at, from + 1);
    }
    return last;
  }

  #isWorthSweeping(chunk: Chunk): boolean {
    return chunk.dropped > chunk.count * sweepAbove || chunk.droppedBytes > chunk.used * sweepAbove;
  }

  /** Replaces chunks by one with the records that are left, or by none. */
  #rewrite(from: number, to: number): void {
    const old = this.#chunks.slice(from, to);
    let bytes = 0;
    let records = 0;
    for (const chunk of old) {
      bytes += chunk.used - chunk.droppedBytes;
      records += chunk.count - chunk.dropped;
      this.totalBytes -= chunk.droppedBytes + chunk.dropped * bucketKeyBytes;
      this.memoryBytes -= chunk.writer.bytes.length + tableBytes;
    }
    if (records === 0) {
      this.#chunks.splice(from, to - from);
      return;
    }
    const chunk = new Chunk(bytes);
    this.memoryBytes += bytes + tableBytes;
    for (const source of old) copyRecords(source, chunk);
    this.#chunks.splice(from, to - from, chunk);
    this.#sweepAt = from + 1;
  }

  #addChunk(size: number): Chunk {
    const full = this.#chunks[this.#chunks.length - 1];
    if (full !== undefined) {
      this.memoryBytes -= full.writer.bytes.length;
      full.trim();
      this.memoryBytes += full.writer.bytes.length;
    }
    const usual = Math.min(arenaBytesMax, Math.max(arenaBytesMin, this.liveBytes));
    const chunk = new Chunk(Math.max(usual, size));
    this.memoryBytes += chunk.writer.bytes.length + tableBytes;
    this.#chunks.push(chunk);
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

function copyRecords(source: Chunk, target: Chunk): void {
  for (let index = 0; index < source.count; index++) {
    const state = source.stateAt(index);
    if (state >= droppedState) continue;
    const start = source.startOf(index);
    const end = source.endOf(index);
    target
      .append(source.mainAt(index), source.subAt(index), state, end - start)
      .raw(source.writer.bytes.subarray(start, end));
  }
}

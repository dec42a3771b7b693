/**
 * A run of consecutive entries that grows at the end and shrinks at both ends, each in time proportional to the change.
 *
 * Hot path: every entry passes through two of these. Entries sit in chunks, so a log of millions is never copied or moved,
 * and what is handed out is a fresh array of the same Entry objects, which later changes here cannot touch. The text of an
 * assertion is made only when it fails: it takes ten times as long as the rest.
 */
import { invariant } from '../base/assert.ts';
import { type Entry, sizeEntry } from '../proto/raftpb.ts';

const chunkBits = 10;
const chunkSize = 1 << chunkBits;
const offsetMask = chunkSize - 1;

/** Fills the slots of dropped entries, so that their data can be collected before the whole chunk goes. */
const dropped: Entry = { type: 0, term: 0, index: 0, data: null };

/** Covers the indexes [start, end); `end` is where the next entry goes. */
export class EntryList {
  private chunks: Entry[][] = [];
  /** The index of the first slot of the first chunk; at most `start`. */
  private base: number;
  private first: number;
  private next: number;

  constructor(start: number) {
    this.base = start;
    this.first = start;
    this.next = start;
  }

  get start(): number {
    return this.first;
  }

  get end(): number {
    return this.next;
  }

  get length(): number {
    return this.next - this.first;
  }

  /** The entry at `index`, which must be in [start, end). */
  at(index: number): Entry {
    if (index < this.first || index >= this.next)
      invariant(false, `index ${index} is in [${this.first}, ${this.next})`);
    const position = index - this.base;
    return (this.chunks[position >>> chunkBits] as Entry[])[position & offsetMask] as Entry; // within [first, next)
  }

  /** Adds entries from `entries[from]` on; the first of them must be at `end` and each must follow the one before. */
  append(entries: readonly Entry[], from = 0): void {
    for (let i = from; i < entries.length; i++) {
      const entry = entries[i] as Entry; // i < length
      if (entry.index !== this.next) invariant(false, `entry ${entry.index} follows the last entry, ${this.next - 1}`);
      const offset = (this.next - this.base) & offsetMask;
      if (offset === 0) this.chunks.push([entry]);
      else (this.chunks[this.chunks.length - 1] as Entry[])[offset] = entry; // the last chunk has room
      this.next++;
    }
  }

  /** Drops everything, and starts anew at `start`. */
  reset(start: number): void {
    this.chunks = [];
    this.base = start;
    this.first = start;
    this.next = start;
  }

  /** Drops the entries from `index` on. `index` must be in [start, end]. */
  truncateFrom(index: number): void {
    invariant(index >= this.first && index <= this.next, `index ${index} is in [${this.first}, ${this.next}]`);
    if (index === this.first) {
      this.reset(index);
      return;
    }
    const kept = index - this.base;
    const chunkCount = Math.ceil(kept / chunkSize);
    this.chunks.length = chunkCount;
    const last = this.chunks[chunkCount - 1] as Entry[]; // kept > 0
    last.length = kept - (chunkCount - 1) * chunkSize;
    this.next = index;
  }

  /** Drops the entries below `index`. `index` must be in [start, end]. */
  dropBelow(index: number): void {
    invariant(index >= this.first && index <= this.next, `index ${index} is in [${this.first}, ${this.next}]`);
    if (index === this.next) {
      this.reset(index);
      return;
    }
    const wholeChunks = (index - this.base) >>> chunkBits;
    if (wholeChunks > 0) {
      this.chunks.splice(0, wholeChunks);
      this.base += wholeChunks * chunkSize;
    }
    const head = this.chunks[0] as Entry[]; // index < next
    head.fill(dropped, Math.max(this.first - this.base, 0), index - this.base);
    this.first = index;
  }

  /** The entries in [from, to), which must lie in [start, end). */
  slice(from: number, to: number): Entry[] {
    invariant(
      from >= this.first && from <= to && to <= this.next,
      `[${from}, ${to}) is in [${this.first}, ${this.next})`,
    );
    const entries: Entry[] = [];
    let position = from - this.base;
    const stop = to - this.base;
    while (position < stop) {
      const chunk = this.chunks[position >>> chunkBits] as Entry[]; // position < stop
      const offset = position & offsetMask;
      const count = Math.min(chunkSize - offset, stop - position);
      if (count === stop - position && entries.length === 0) return chunk.slice(offset, offset + count);
      for (let i = offset; i < offset + count; i++) entries.push(chunk[i] as Entry); // within the chunk
      position += count;
    }
    return entries;
  }

  /** The longest prefix of [from, to) whose encoded size is at most `bytesMax`, but at least one entry if there is any. */
  sliceLimited(from: number, to: number, bytesMax: number): Entry[] {
    return this.slice(from, bytesMax === Number.POSITIVE_INFINITY ? to : this.limit(from, to, bytesMax));
  }

  private limit(from: number, to: number, bytesMax: number): number {
    let size = 0;
    for (let index = from; index < to; index++) {
      size += sizeEntry(this.at(index));
      if (size > bytesMax && index > from) return index;
    }
    return to;
  }
}

/** The encoded size of entries in bytes, as Raft's limits count it. */
export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += sizeEntry(entry);
  return size;
}

/** The bytes of data in entries; an empty entry counts nothing. */
export function payloadSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) if (entry.data !== null) size += entry.data.length;
  return size;
}

/**
 * A Backend in memory that keeps the promises of the one on disk: reads see what is committed, a commit ends at a mark, and a crash
 * leaves what was committed. Commits happen when a test says so.
 */
import { Writer } from '../../src/proto/codec.ts';
import {
  type Backend,
  type BackendCursor,
  type BackendFailure,
  type BackendSnapshot,
  type BucketName,
  bucketNames,
} from '../../src/server/storage/backend/backend.ts';

interface Item {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface Edit {
  readonly bucket: BucketName;
  readonly key: Buffer;
  /** Null: delete. */
  readonly value: Buffer | null;
}

interface Room {
  readonly bucket: BucketName;
  readonly writer: Writer;
  readonly start: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const blockBytes = 1 << 16;
const noBytes = Buffer.alloc(0);

/** Sorted; a deleted item is null until the list is rewritten. */
class Bucket {
  items: (Item | null)[] = [];
  keys: Buffer[] = [];
  private deleted = 0;

  /** The first place whose key is not below. */
  place(key: Uint8Array): number {
    const last = this.keys.at(-1);
    if (last === undefined || Buffer.compare(last, key) < 0) return this.keys.length;
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.keys[middle] as Buffer, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get(key: Uint8Array): Item | null {
    const at = this.place(key);
    const found = this.keys[at];
    return found !== undefined && Buffer.compare(found, key) === 0 ? (this.items[at] as Item | null) : null;
  }

  set(key: Buffer, value: Buffer | null): void {
    const at = this.place(key);
    const found = this.keys[at];
    const isThere = found !== undefined && Buffer.compare(found, key) === 0;
    if (isThere) {
      const before = this.items[at] as Item | null;
      if (before === null && value !== null) this.deleted--;
      if (before !== null && value === null) this.deleted++;
      this.items[at] = value === null ? null : { key, value };
      if (this.deleted > 1000 && this.deleted > this.keys.length / 2) this.rewrite();
    } else if (value !== null) {
      if (at === this.keys.length) {
        this.keys.push(key);
        this.items.push({ key, value });
      } else {
        this.keys.splice(at, 0, key);
        this.items.splice(at, 0, { key, value });
      }
    }
  }

  private rewrite(): void {
    this.items = this.items.filter((item) => item !== null);
    this.keys = this.items.map((item) => item?.key ?? noBytes);
    this.deleted = 0;
  }
}

class Cursor implements BackendCursor {
  key: Uint8Array = noBytes;
  value: Uint8Array = noBytes;
  bytes: Uint8Array = noBytes;
  readonly keyStart = 0;
  valueStart = 0;
  valueEnd = 0;
  private readonly bucket: Bucket;
  private at: number;

  constructor(bucket: Bucket, at: number) {
    this.bucket = bucket;
    this.at = at;
  }

  next(): boolean {
    while (this.at < this.bucket.items.length) {
      const item = this.bucket.items[this.at++] ?? null;
      if (item === null) continue;
      this.key = item.key;
      this.value = item.value;
      this.bytes = Buffer.concat([item.key, item.value]);
      this.valueStart = item.key.length;
      this.valueEnd = this.bytes.length;
      return true;
    }
    return false;
  }
}

export class MemoryBackend implements Backend {
  pendingBytes = 0;
  batch = 1;
  committedBatch = 0;
  committedIndex = 0;
  committedTerm = 0;
  onCommitted: () => void = () => {};
  onFailed: (failure: BackendFailure) => void = () => {};
  private readonly buckets: Record<BucketName, Bucket>;
  private edits: Edit[] = [];
  /** How many of the edits belong to the last mark and those before it. */
  private marked = 0;
  private markedIndex = 0;
  private markedTerm = 0;
  private room: Room | null = null;
  private writer = Writer.sized(blockBytes);

  constructor() {
    this.buckets = Object.fromEntries(bucketNames.map((name) => [name, new Bucket()])) as Record<BucketName, Bucket>;
  }

  put(bucket: BucketName, keyBytes: number, valueBytes: number): Writer {
    this.settle();
    const size = keyBytes + valueBytes;
    if (this.writer.pos + size > this.writer.bytes.length) this.writer = Writer.sized(Math.max(blockBytes, size));
    this.pendingBytes += size;
    const { writer } = this;
    this.room = { bucket, writer, start: writer.pos, keyBytes, valueBytes };
    return writer;
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.settle();
    this.pendingBytes += key.length;
    this.edits.push({ bucket, key: Buffer.from(key), value: null });
  }

  mark(index: number, term: number): void {
    this.settle();
    this.marked = this.edits.length;
    this.markedIndex = index;
    this.markedTerm = term;
  }

  async commit(): Promise<void> {
    this.commitNow();
  }

  /** Everything up to the last mark is in the database when this returns; what comes after it belongs to the next batch. */
  commitNow(): void {
    this.settle();
    for (const { bucket, key, value } of this.edits.splice(0, this.marked)) this.buckets[bucket].set(key, value);
    this.marked = 0;
    this.pendingBytes = 0;
    for (const { key, value } of this.edits) this.pendingBytes += key.length + (value?.length ?? 0);
    // What is left was written after the mark, under the number of this batch: it must still count as uncommitted.
    if (this.edits.length === 0) {
      this.committedBatch = this.batch;
      this.batch++;
    }
    this.committedIndex = this.markedIndex;
    this.committedTerm = this.markedTerm;
    this.saveMark();
    this.onCommitted();
  }

  /** What a member finds that starts after a crash: the database as of the last commit. */
  reopen(): MemoryBackend {
    const reopened = new MemoryBackend();
    for (const name of bucketNames) {
      for (const item of this.buckets[name].items) {
        if (item !== null) reopened.buckets[name].set(Buffer.from(item.key), Buffer.from(item.value));
      }
    }
    reopened.committedIndex = this.committedIndex;
    reopened.committedTerm = this.committedTerm;
    reopened.markedIndex = this.committedIndex;
    reopened.markedTerm = this.committedTerm;
    return reopened;
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | null {
    return this.buckets[bucket].get(key)?.value ?? null;
  }

  seek(bucket: BucketName, from: Uint8Array): BackendCursor {
    return new Cursor(this.buckets[bucket], this.buckets[bucket].place(from));
  }

  /** All pairs of a bucket as text, for comparisons. */
  dump(bucket: BucketName): [key: string, value: string][] {
    return this.buckets[bucket].items.flatMap((item) =>
      item === null ? [] : [[item.key.toString('latin1'), item.value.toString('latin1')] as [string, string]],
    );
  }

  size(): number {
    return this.inUse();
  }

  inUse(): number {
    let bytes = 0;
    for (const name of bucketNames) {
      for (const item of this.buckets[name].items) bytes += item === null ? 0 : item.key.length + item.value.length;
    }
    return bytes;
  }

  snapshot(): Promise<BackendSnapshot> {
    return Promise.reject(new Error('a backend in memory has no file'));
  }

  hash(): Promise<number> {
    return Promise.reject(new Error('a backend in memory has no file'));
  }

  async defragment(): Promise<void> {}

  async leaveFile(): Promise<void> {}

  async close(): Promise<void> {
    this.commitNow();
  }

  private settle(): void {
    const { room } = this;
    if (room === null) return;
    this.room = null;
    const { bucket, writer, start, keyBytes, valueBytes } = room;
    const end = start + keyBytes + valueBytes;
    if (writer.pos !== end) throw new Error(`${writer.pos - start} bytes were written into a room of ${end - start}`);
    const key = writer.bytes.subarray(start, start + keyBytes);
    this.edits.push({ bucket, key, value: writer.bytes.subarray(start + keyBytes, end) });
  }

  private saveMark(): void {
    for (const [name, value] of [
      ['consistent_index', this.committedIndex],
      ['term', this.committedTerm],
    ] as const) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(value));
      if (value > 0) this.buckets.meta.set(Buffer.from(name), bytes);
    }
  }
}

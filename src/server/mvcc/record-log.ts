/**
 * The records of the store in the order of their revisions: etcd's `key` bucket. A record is the encoded KeyValue of a put, or of a
 * tombstone (key only).
 *
 * Records are written through to the backend, which commits them later. Those that it has not committed, and as many of the newest as
 * fit a bound, are in memory; older ones are read from the backend, and some of what was read is kept. So memory is bounded, and a key
 * that is read often costs no look-up in the file. Hot path, benchmark: bench/mvcc.ts.
 */
import { invariant } from '../../base/assert.ts';
import type { Writer } from '../../proto/codec.ts';
import type { Backend, BackendCursor } from '../storage/backend/backend.ts';
import { RecentRecords } from './recent-records.ts';
import { RecordCache } from './record-cache.ts';
import {
  bucketKeyBytes,
  compareRevisions,
  isTombstoneKey,
  mainOf,
  subOf,
  tombstoneKeyBytes,
  writeBucketKey,
} from './revision.ts';
import { RevisionSet } from './revision-set.ts';

/** Walks over records in ascending order. Before the first `next` it stands before the first record. */
export interface RecordCursor {
  main: number;
  sub: number;
  tombstone: boolean;
  /** The record is `bytes[start, end)`; valid until the turn of the event loop ends. */
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Moves to the next record; false if there is none. */
  next(): boolean;
}

/** Deletions that the backend has not committed: cursors must not see their records, which are still in the file. */
interface PendingDrops {
  readonly batch: number;
  readonly revisions: RevisionSet;
}

export class RecordLog {
  readonly #backend: Backend;
  readonly #recent: RecentRecords;
  readonly #cache = new RecordCache();
  readonly #pendingDrops: PendingDrops[] = [];
  readonly #key = new Uint8Array(tombstoneKeyBytes);
  readonly #putKey = this.#key.subarray(0, bucketKeyBytes);

  /** `recentBytesMax`: memory for records that are committed, the newest. */
  constructor(backend: Backend, recentBytesMax: number) {
    this.#backend = backend;
    this.#recent = new RecentRecords(recentBytesMax);
  }

  /** Adds a record after all others. The caller writes exactly `size` bytes at the writer's position, at once. */
  append(main: number, sub: number, tombstone: boolean, size: number): Writer {
    const writer = this.#backend.put('key', tombstone ? tombstoneKeyBytes : bucketKeyBytes, size);
    writer.pos += writeBucketKey(writer.bytes, main, sub, tombstone, writer.pos);
    this.#recent.add(main, sub, tombstone, writer.bytes, writer.pos, size, this.#backend.batch);
    return writer;
  }

  /** The record of a put that is there. Valid until the turn of the event loop ends. */
  read(main: number, sub: number): Uint8Array {
    if (this.#recent.covers(main, sub)) {
      const record = this.#recent.read(main, sub);
      if (record === null) invariant(false, `revision ${main}.${sub} of the index has a record`);
      return record;
    }
    const cached = this.#cache.get(main, sub);
    if (cached !== null) return cached;
    writeBucketKey(this.#key, main, sub, false);
    const record = this.#backend.get('key', this.#putKey);
    if (record === null) invariant(false, `revision ${main}.${sub} of the index is in the database`);
    this.#cache.add(main, sub, record);
    return record;
  }

  /** A cursor over the records from a revision on; it may be used until the turn ends, or records are dropped or appended. */
  cursor(main: number, sub: number): RecordCursor {
    const recent = this.#recent.cursor(main, sub);
    if (this.#recent.covers(main, sub)) return recent;
    writeBucketKey(this.#key, main, sub, false);
    const stored = this.#backend.seek('key', this.#putKey);
    return new StoredCursor(stored, recent, this.#recent.firstMain, this.#recent.firstSub, (m, s) =>
      this.#isDropped(m, s),
    );
  }

  /** Takes a record out: cursors no longer see it, and it goes from the file with the next commit. */
  drop(main: number, sub: number, tombstone: boolean): void {
    const length = writeBucketKey(this.#key, main, sub, tombstone);
    this.#backend.delete('key', this.#key.slice(0, length));
    this.#recent.drop(main, sub);
    const { batch } = this.#backend;
    let pending = this.#pendingDrops.at(-1);
    if (pending?.batch !== batch) {
      pending = { batch, revisions: new RevisionSet(0) };
      this.#pendingDrops.push(pending);
    }
    pending.revisions.add(main, sub);
  }

  /** The backend has committed something: what it holds need not be held here. */
  committed(): void {
    const { committedBatch } = this.#backend;
    while (this.#pendingDrops[0] !== undefined && this.#pendingDrops[0].batch <= committedBatch) {
      this.#pendingDrops.shift();
    }
    this.#recent.release(committedBatch);
  }

  /** Dropped records that are still in the file. */
  get uncommittedDrops(): number {
    let count = 0;
    for (const { revisions } of this.#pendingDrops) count += revisions.size;
    return count;
  }

  /** Bytes of memory held. */
  get memoryBytes(): number {
    return this.#recent.memoryBytes + this.#cache.bytes;
  }

  #isDropped(main: number, sub: number): boolean {
    for (const { revisions } of this.#pendingDrops) if (revisions.has(main, sub)) return true;
    return false;
  }
}

/** The records in the file that are older than all recent ones, then those. */
class StoredCursor implements RecordCursor {
  main = 0;
  sub = 0;
  tombstone = false;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  #stored: BackendCursor | null;
  readonly #recent: RecordCursor;
  readonly #untilMain: number;
  readonly #untilSub: number;
  readonly #isDropped: (main: number, sub: number) => boolean;

  constructor(
    stored: BackendCursor,
    recent: RecordCursor,
    untilMain: number,
    untilSub: number,
    isDropped: (main: number, sub: number) => boolean,
  ) {
    this.#stored = stored;
    this.#recent = recent;
    this.#untilMain = untilMain;
    this.#untilSub = untilSub;
    this.#isDropped = isDropped;
  }

  next(): boolean {
    return this.#nextStored() || this.#nextRecent();
  }

  #nextStored(): boolean {
    const stored = this.#stored;
    while (stored?.next() === true) {
      const { bytes, keyStart, valueStart } = stored;
      const main = mainOf(bytes, keyStart);
      const sub = subOf(bytes, keyStart);
      if (compareRevisions(main, sub, this.#untilMain, this.#untilSub) >= 0) break;
      if (this.#isDropped(main, sub)) continue;
      this.main = main;
      this.sub = sub;
      this.tombstone = isTombstoneKey(bytes, keyStart, valueStart);
      this.bytes = bytes;
      this.start = valueStart;
      this.end = stored.valueEnd;
      return true;
    }
    this.#stored = null;
    return false;
  }

  #nextRecent(): boolean {
    const recent = this.#recent;
    if (!recent.next()) return false;
    this.main = recent.main;
    this.sub = recent.sub;
    this.tombstone = recent.tombstone;
    this.bytes = recent.bytes;
    this.start = recent.start;
    this.end = recent.end;
    return true;
  }
}

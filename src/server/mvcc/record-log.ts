/**
 * The records of the store in the order of their revisions: what etcd keeps in its `key` bucket. A record is the encoded KeyValue
 * of a put, or of a tombstone (key only).
 *
 * This is the seam between the index, which is always in memory, and the records, which a backend may keep on disk.
 */
import type { Writer } from '../../proto/codec.ts';

/** Walks over records in ascending order. Before the first `next` it stands before the first record. */
export interface RecordCursor {
  main: number;
  sub: number;
  tombstone: boolean;
  /** The record is `bytes[start, end)`; its bytes never change. */
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Moves to the next record; false if there is none. */
  next(): boolean;
}

export interface RecordLog {
  /** Adds a record after all others. The caller writes exactly `size` bytes at the writer's position, at once. */
  append(main: number, sub: number, tombstone: boolean, size: number): Writer;
  /** The record of a revision that is there. The bytes never change; they may be a view of a larger buffer. */
  read(main: number, sub: number): Uint8Array;
  /** A cursor over the records from a revision on; it may be used until records are dropped, swept or appended. */
  cursor(main: number, sub: number): RecordCursor;
  /** Takes a record out: cursors no longer see it. Its memory returns with a sweep. */
  drop(main: number, sub: number): void;
  /** Starts to give back the memory of dropped records. */
  beginSweep(): void;
  /** Carries on with the sweep, at most about a MiB per call. True once there is nothing left to do. */
  sweepStep(): boolean;
  /** Records that are there. */
  readonly count: number;
  /** Bytes of all records that have not been given back, with their bucket keys. */
  readonly totalBytes: number;
  /** Bytes of the records that are there, with their bucket keys. */
  readonly liveBytes: number;
  /** Bytes of memory held. */
  readonly memoryBytes: number;
}

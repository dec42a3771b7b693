/**
 * The member's applied state on disk: etcd's `db` file, written in batches by a worker thread, read at once by the main thread.
 *
 * Writes are handed over in the order of the calls and become durable as a prefix of that order, always at a `mark`: what the file
 * holds is the state after some applied index, with that index in it. Reads see what is committed; what was written since is in the
 * memory of the writer (the index and record log of mvcc, membership, lessor, alarms), which is the truth while the member runs.
 */
import type { Writer } from '../../../proto/codec.ts';

/** etcd's buckets (server/storage/schema/bucket.go). */
export const bucketNames = [
  'key',
  'meta',
  'lease',
  'alarm',
  'cluster',
  'members',
  'members_removed',
  'auth',
  'authUsers',
  'authRoles',
] as const;
export type BucketName = (typeof bucketNames)[number];

/** What takes long enough to be measured, a snapshot until it is released. */
export type TimedAction = 'commit' | 'snapshot' | 'hash' | 'defragment';

/** About a second of puts at full load: what a slow disk may be behind before the member waits for it. */
export const pendingBytesMax = 64 * 1024 * 1024;

/** Walks a bucket in ascending order of its keys. Valid until the turn of the event loop ends. */
export interface BackendCursor {
  /** Moves to the next pair; false after the last. Before the first call it stands before the first pair. */
  next(): boolean;
  /** Views of pages: copy what is to be kept. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The same for scans of millions of pairs, where a view of each takes longest: key and value lie here, one behind the other. */
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface BackendSnapshot {
  readonly bytes: number;
  /** The file as of the snapshot, in order; at most a few hundred KiB at a time, and nothing is read ahead of the consumer for long. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Gives its pages back. Must be called once, whether or not the chunks were read. */
  release(): void;
}

export interface BackendFailure {
  readonly message: string;
  readonly cause: Error;
}

export interface Backend {
  /**
   * Room for one put: the caller writes the key and then the value, exactly so many bytes together, at the writer's position, before
   * anything else happens. The bytes never change afterwards, so the caller may keep views of the writer's buffer and read its own
   * writes there for as long as it likes.
   */
  put(bucket: BucketName, keyBytes: number, valueBytes: number): Writer;
  delete(bucket: BucketName, key: Uint8Array): void;
  /**
   * The state after the entry with this index and term is complete: consistent_index and term commit with what was written before.
   * May be repeated with the same index, for writes that no entry asked for (a compaction's deletes); what follows the last mark is
   * never committed. Index 0 marks what is written before the first entry, and leaves both keys out, as etcd does.
   */
  mark(index: number, term: number): void;
  /**
   * Bytes of puts and deletes that are not committed yet. The backend takes them whatever their number; whoever applies entries must
   * stop above `pendingBytesMax` and go on at `onCommitted`.
   */
  readonly pendingBytes: number;

  /** Of the batch that is being filled; each put belongs to the batch of this number. */
  readonly batch: number;
  /** All batches up to this one are in the file and synced, and reads see them. */
  readonly committedBatch: number;
  /** The index of the last mark that is in the file and synced. */
  readonly committedIndex: number;
  /** Called when `committedBatch` has moved, before reads in that turn. */
  onCommitted: () => void;
  /** The disk failed: nothing will be committed any more. */
  onFailed: (failure: BackendFailure) => void;
  /** Commits what is marked now, without waiting for the interval; resolves when it is in the file. */
  commit(): Promise<void>;

  get(bucket: BucketName, key: Uint8Array): Uint8Array | null;
  /** From the first key that is not below `from`. */
  seek(bucket: BucketName, from: Uint8Array): BackendCursor;

  /** Bytes of the file, with free pages. */
  size(): number;
  /** Bytes of the pages in use. */
  inUse(): number;
  /** A commit, then a snapshot of the file as of then. */
  snapshot(): Promise<BackendSnapshot>;
  /** etcd's Maintenance.Hash: CRC-32C over all buckets, keys and values but consistent_index, term and storageVersion; after a commit. */
  hash(): Promise<number>;
  /** Rewrites the file without its free pages. Writes go on being accepted; they commit after it. */
  defragment(): Promise<void>;
  /** To be called before another file gets the name of this one, which is closed later: what lies beside it goes, durably. */
  leaveFile(): Promise<void>;
  /** A last commit, then everything is closed and the lock is gone. */
  close(): Promise<void>;
}

/**
 * The bucket `meta`, but for consistent_index and term of marks, which the backend writes itself (etcd server/storage/schema).
 */
import type { Backend } from '../backend/backend.ts';
import { putPair, readText } from './pairs.ts';

const consistentIndexKey = Buffer.from('consistent_index');
const termKey = Buffer.from('term');
const confStateKey = Buffer.from('confState');
const storageVersionKey = Buffer.from('storageVersion');
const scheduledCompactionKey = Buffer.from('scheduledCompactRev');
const finishedCompactionKey = Buffer.from('finishedCompactRev');

/** A revision as a key of the bucket `key`: main, '_', sub. */
const revisionBytes = 17;
const separator = 0x5f;
const numberBytes = 8;

/** The last mark that the file holds; zeros for a database that no entry was ever applied to. */
export interface AppliedMark {
  readonly index: number;
  /** 0 also for a database of etcd 3.4, which does not say. */
  readonly term: number;
}

export function readMark(backend: Backend): AppliedMark {
  return { index: readNumber(backend, consistentIndexKey), term: readNumber(backend, termKey) };
}

/** The JSON of a raftpb.ConfState. */
export function putConfState(backend: Backend, json: string): void {
  putPair(backend, 'meta', confStateKey, Buffer.from(json));
}

/** Null before etcd 3.5. */
export function readConfState(backend: Backend): string | null {
  return readText(backend, 'meta', confStateKey);
}

export function putStorageVersion(backend: Backend, version: string): void {
  putPair(backend, 'meta', storageVersionKey, Buffer.from(version));
}

export function deleteStorageVersion(backend: Backend): void {
  backend.delete('meta', storageVersionKey);
}

/** Null before etcd 3.6. */
export function readStorageVersion(backend: Backend): string | null {
  return readText(backend, 'meta', storageVersionKey);
}

/** Reads below the revision are refused from now on, also after a restart. */
export function putScheduledCompaction(backend: Backend, revision: number): void {
  putPair(backend, 'meta', scheduledCompactionKey, revisionValue(revision));
}

/** Everything that the compaction makes unreadable is gone. */
export function putFinishedCompaction(backend: Backend, revision: number): void {
  putPair(backend, 'meta', finishedCompactionKey, revisionValue(revision));
}

export interface CompactionMarks {
  /** -1 before the first compaction. */
  readonly scheduled: number;
  readonly finished: number;
}

export function readCompactionMarks(backend: Backend): CompactionMarks {
  return {
    scheduled: readRevision(backend, scheduledCompactionKey),
    finished: readRevision(backend, finishedCompactionKey),
  };
}

function readRevision(backend: Backend, key: Uint8Array): number {
  const value = backend.get('meta', key);
  return value === null ? -1 : bigEndian(value);
}

function readNumber(backend: Backend, key: Uint8Array): number {
  const value = backend.get('meta', key);
  return value === null ? 0 : bigEndian(value);
}

/** The first eight bytes, which are below 2^53 in all that this bucket holds. */
function bigEndian(value: Uint8Array): number {
  return Number(Buffer.from(value.buffer, value.byteOffset, numberBytes).readBigUInt64BE(0));
}

function revisionValue(main: number): Buffer {
  const value = Buffer.alloc(revisionBytes);
  value.writeBigUInt64BE(BigInt(main), 0);
  value[numberBytes] = separator;
  return value;
}

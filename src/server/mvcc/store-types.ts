/** What goes in and out of the store. */
import type { Result } from '../../base/result.ts';
import type { EncodedKeyValue } from '../../proto/mvccpb.ts';
import type { KeyIndex } from './key-index.ts';
import type { RecordLog } from './record-log.ts';

export interface RangeOptions {
  readonly key: Uint8Array;
  /** Empty: the single key. One zero byte: all keys from `key` on. Otherwise the end, exclusive. */
  readonly rangeEnd: Uint8Array;
  /** At most so many key-values are returned; 0 or less: all. */
  readonly limit: number;
  /** The revision to read at; 0 or less: the current one. */
  readonly revision: number;
  readonly countOnly: boolean;
}

export interface RangeResult {
  /** In key order. */
  readonly kvs: EncodedKeyValue[];
  /** Keys in the range, beyond the limit too. */
  readonly count: number;
  /** The current revision, whatever revision was read. */
  readonly revision: number;
}

/** Why a revision cannot be read: it was compacted, or has not been reached. */
export type RevisionError = 'compacted' | 'future';

/** One change of one key, as watchers see it. */
export interface Change {
  readonly type: 'put' | 'delete';
  readonly revision: number;
  readonly key: Uint8Array;
  /** Of a deletion: key and mod_revision only. */
  readonly kv: EncodedKeyValue;
}

export interface KvHash {
  readonly hash: number;
  /** -1 before the first compaction. */
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** Told of every key whose lease is set, replaced or taken away by a write; 0n is none. `key` must be copied to be kept. */
export interface LeaseBook {
  keyLeaseChanged(key: Uint8Array, lease: bigint): void;
}

/** Counters since the start, as etcd's metrics count them. */
export interface StoreTotals {
  ranges: number;
  puts: number;
  putBytes: number;
  deletes: number;
  /** Transactions of more than one operation. */
  txns: number;
  /** Revisions that compactions have deleted. */
  compactedRevisions: number;
}

/** The store as a write transaction sees it. */
export interface WriteTarget {
  readonly index: KeyIndex;
  readonly log: RecordLog;
  readonly leases: LeaseBook;
  readonly totals: StoreTotals;
  rangeAt(options: RangeOptions, current: number): Result<RangeResult, RevisionError>;
  changesAt(revision: number): Change[];
}

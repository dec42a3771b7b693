/**
 * The multi-version store of keys: an index in memory (key → revisions) over a log of records (revision → encoded KeyValue) in the
 * member's database. Its behaviour is that of etcd's server/storage/mvcc; a store is a function of the writes and compactions made on it.
 *
 * Hot path: a read or write allocates little but its result. Benchmark: bench/mvcc.ts.
 */
import { err, ok, type Result } from '../../base/result.ts';
import { type EncodedKeyValue, encodeDeletedKeyValue, keyOf } from '../../proto/mvccpb.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { putFinishedCompaction, putScheduledCompaction, readCompactionMarks } from '../storage/schema/meta.ts';
import { type CompactionProgress, Compactor } from './compactor.ts';
import { HashJob } from './hash-job.ts';
import { KeyIndex, RevisionList } from './key-index.ts';
import { RecordLog } from './record-log.ts';
import { RestoreJob } from './restore-job.ts';
import type {
  Change,
  KvHash,
  LeaseBook,
  RangeOptions,
  RangeResult,
  RevisionError,
  StoreTotals,
} from './store-types.ts';
import { WriteTxn } from './write-txn.ts';

/** Does about ten milliseconds of work; true once all is done. */
export type RestoreStep = () => boolean;

const noLeases: LeaseBook = { keyLeaseChanged() {} };

export interface StoreOptions {
  /** Records that a compaction looks at in one step; etcd's --compaction-batch-limit. */
  readonly compactionBatchRecords: number;
  /** Memory for records that are committed, the newest. */
  readonly recentBytesMax: number;
}

const defaultOptions: StoreOptions = { compactionBatchRecords: 1000, recentBytesMax: 32 * 1024 * 1024 };

export class KvStore {
  readonly totals: StoreTotals = { ranges: 0, puts: 0, putBytes: 0, deletes: 0, txns: 0, compactedRevisions: 0 };
  leases: LeaseBook = noLeases;
  readonly #options: StoreOptions;
  #index = new KeyIndex();
  #log: RecordLog;
  #compactor: Compactor;
  #backend: Backend;
  #revision = 1;
  #compactRevision = -1;
  readonly #txn = new WriteTxn(this, (revision) => {
    this.#revision = revision;
  });
  readonly #found = new RevisionList();

  /** A store over an empty database; `beginRestore` takes over one with content. */
  constructor(backend: Backend, options: Partial<StoreOptions> = {}) {
    this.#options = { ...defaultOptions, ...options };
    this.#backend = backend;
    this.#log = new RecordLog(backend, this.#options.recentBytesMax);
    this.#compactor = this.#newCompactor(-1);
  }

  get index(): KeyIndex {
    return this.#index;
  }

  get log(): RecordLog {
    return this.#log;
  }

  /**
   * Takes over what a database holds, in place of all that the store has: `step` the job until it is done, before anything else is done
   * with the store. Leases must be known by then: keys are attached to them. A compaction that was interrupted is queued again.
   */
  beginRestore(backend: Backend): RestoreStep {
    this.#backend = backend;
    this.#index = new KeyIndex();
    this.#log = new RecordLog(backend, this.#options.recentBytesMax);
    const { scheduled, finished } = readCompactionMarks(backend);
    this.#compactor = this.#newCompactor(finished);
    this.#compactRevision = finished;
    this.#revision = 1;
    const job = new RestoreJob(backend, this.#index, this.leases);
    return () => {
      if (!job.step()) return false;
      // All revisions up to a compaction may be gone, even the newest: a tombstone. Revisions must not go back.
      this.#revision = Math.max(job.revision, finished, scheduled);
      if (scheduled > finished) {
        this.#compactRevision = scheduled;
        this.#compactor.resume(scheduled);
      }
      return true;
    };
  }

  #newCompactor(finishedRevision: number): Compactor {
    const ports = {
      index: this.#index,
      log: this.#log,
      totals: this.totals,
      batchRecords: this.#options.compactionBatchRecords,
      finished: (revision: number) => putFinishedCompaction(this.#backend, revision),
    };
    return new Compactor(ports, finishedRevision);
  }

  /** To be called when the backend has committed: what it holds need not be held here. */
  committed(): void {
    this.#log.committed();
  }

  /** The revision of the last write; 1 for an empty store. */
  get revision(): number {
    return this.#revision;
  }

  /** Reads below it are refused; -1 before the first compaction. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** The compaction up to which old revisions are gone from the log; -1 before the first is finished. */
  get finishedCompactRevision(): number {
    return this.#compactor.finishedRevision;
  }

  /** Reads at a revision. */
  range(options: RangeOptions): Result<RangeResult, RevisionError> {
    this.totals.ranges++;
    return this.rangeAt(options, this.#revision);
  }

  /** `range` with another notion of the current revision: a write transaction sees its own writes. */
  rangeAt(options: RangeOptions, current: number): Result<RangeResult, RevisionError> {
    if (options.revision > current) return err('future');
    const revision = options.revision <= 0 ? current : options.revision;
    if (revision < this.#compactRevision) return err('compacted');
    const { key, rangeEnd } = options;
    if (rangeEnd.length === 0 && !options.countOnly) return ok(this.#readKey(key, revision, current));
    const found = this.#found;
    found.reset();
    if (options.countOnly) {
      return ok({ kvs: [], count: this.index.range(key, rangeEnd, revision, 0, found), revision: current });
    }
    const limit = options.limit <= 0 ? Number.POSITIVE_INFINITY : options.limit;
    const count = this.index.range(key, rangeEnd, revision, limit, found);
    const kvs: EncodedKeyValue[] = [];
    for (let i = 0; i < found.length; i++) {
      kvs.push(this.log.read(found.mains[i] as number, found.subs[i] as number));
    }
    return ok({ kvs, count, revision: current });
  }

  #readKey(key: Uint8Array, revision: number, current: number): RangeResult {
    const { index } = this;
    if (!index.find(key, revision)) return { kvs: [], count: 0, revision: current };
    return { kvs: [this.log.read(index.foundMain, index.foundSub)], count: 1, revision: current };
  }

  /** Starts a write. There is one at a time: `end` it before anything else happens to the store. */
  beginWrite(): WriteTxn {
    this.#txn.begin(this.#revision);
    return this.#txn;
  }

  /** The changes of a revision that was not compacted, in their order. */
  changesAt(revision: number): Change[] {
    return this.changesBetween(revision, revision, 0);
  }

  /**
   * The changes of the revisions from `first` to `last`, in their order; after `max` changes (0 or less: never) it stops at the end of the
   * revision it is in. The caller checks that `first` is above the compact revision.
   */
  changesBetween(first: number, last: number, max: number): Change[] {
    const changes: Change[] = [];
    const cursor = this.log.cursor(first, 0);
    let revision = first;
    while (cursor.next() && cursor.main <= last) {
      if (max > 0 && changes.length >= max && cursor.main !== revision) break;
      revision = cursor.main;
      const record = cursor.bytes.subarray(cursor.start, cursor.end);
      const key = keyOf(record);
      if (cursor.tombstone) changes.push({ type: 'delete', revision, key, kv: encodeDeletedKeyValue(key, revision) });
      else changes.push({ type: 'put', revision, key, kv: record });
    }
    return changes;
  }

  /** What a key was before a revision; null if it was not there, or that was compacted. */
  previous(key: Uint8Array, revision: number): EncodedKeyValue | null {
    if (revision - 1 < this.#compactRevision) return null;
    return this.#readKey(key, revision - 1, 0).kvs[0] ?? null;
  }

  /**
   * Refuses reads below `revision` from now on, and queues the removal of what nobody can read any more. `compactionStep` does the
   * work; it is done once `finishedCompactRevision` has reached `revision`.
   */
  compact(revision: number): Result<void, RevisionError> {
    if (revision <= this.#compactRevision) return err('compacted');
    if (revision > this.#revision) return err('future');
    this.#compactor.schedule(revision, this.#compactRevision);
    this.#compactRevision = revision;
    putScheduledCompaction(this.#backend, revision);
    return ok(undefined);
  }

  /** Does about a millisecond of the queued compactions, or deletes a batch of records, or nothing while a hash holds them back. */
  compactionStep(): CompactionProgress {
    return this.#compactor.step();
  }

  /** What the last compactions have left: the hash of history up to each, relative to the one before; ascending. */
  get compactionHashes(): readonly KvHash[] {
    return this.#compactor.hashes;
  }

  /** The hash of history up to a revision; 0 is the current one. */
  hashKv(revision: number): Result<KvHash, RevisionError> {
    const begun = this.beginHashKv(revision);
    if (!begun.ok) return begun;
    let hash = begun.value.step();
    while (hash === null) hash = begun.value.step();
    return ok(hash);
  }

  /** `hashKv` in steps of about a millisecond. Until it is done or cancelled, compactions after the present one wait for it. */
  beginHashKv(revision: number): Result<HashKvJob, RevisionError> {
    // Not so for 0, the current revision: etcd would answer with the hash that Compact{revision: 0} has left.
    const stored = this.#compactor.hashes.find((hash) => revision !== 0 && hash.hashRevision === revision);
    if (stored !== undefined)
      return ok(
        new HashKvJob(
          () => stored,
          () => {},
        ),
      );
    if (revision > 0 && revision < this.#compactRevision) return err('compacted');
    if (revision > 0 && revision > this.#revision) return err('future');
    const compactRevision = this.#compactRevision;
    const hashRevision = revision === 0 ? this.#revision : revision;
    const job = new HashJob({
      index: this.index,
      log: this.log,
      compactRevision,
      revision: hashRevision,
      leavesOutUnseen: false,
    });
    const unpin = this.#compactor.pin(compactRevision);
    return ok(new HashKvJob(() => (job.step() ? { hash: job.hash, compactRevision, hashRevision } : null), unpin));
  }
}

/** A hash being computed. */
class HashKvJob {
  readonly #advance: () => KvHash | null;
  readonly #release: () => void;

  constructor(advance: () => KvHash | null, release: () => void) {
    this.#advance = advance;
    this.#release = release;
  }

  /** Works for about a millisecond; the hash once it is complete, else null. */
  step(): KvHash | null {
    const hash = this.#advance();
    if (hash !== null) this.#release();
    return hash;
  }

  /** Gives up. */
  cancel(): void {
    this.#release();
  }
}

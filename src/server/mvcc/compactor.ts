/**
 * Removes revisions that nobody can read any more, in steps. As in etcd, a compaction first hashes history up to its revision (members
 * compare these hashes), then takes old revisions out of the index, then deletes their records from the oldest on, in batches. One that
 * a crash has interrupted begins anew: what it had deleted is gone from the index that a restart makes, too.
 */
import { HashJob, Pace } from './hash-job.ts';
import type { IndexCursor, KeyIndex } from './key-index.ts';
import type { RecordLog } from './record-log.ts';
import { RevisionSet } from './revision-set.ts';
import type { KvHash, StoreTotals } from './store-types.ts';

/** Hashes of compactions that are remembered, as in etcd. */
const hashesMax = 10;

/** Deletions that the backend has not committed; beyond that a compaction waits for it. */
const uncommittedDropsMax = 50_000;

/**
 * What a step has left to do. more: go on in the next turn. pause: a batch of records was deleted, or cannot be yet; go on after a
 * while. done: nothing.
 */
export type CompactionProgress = 'more' | 'pause' | 'done';

export interface CompactorPorts {
  readonly index: KeyIndex;
  readonly log: RecordLog;
  readonly totals: StoreTotals;
  /** Records that one step looks at (etcd's --compaction-batch-limit). */
  readonly batchRecords: number;
  /** All records that nobody can read since the compaction of this revision are gone. */
  finished(revision: number): void;
}

interface Compaction {
  readonly revision: number;
  readonly previousRevision: number;
  readonly cursor: IndexCursor;
  phase: 'hash' | 'index' | 'log';
  hash: HashJob | null;
  /** The revisions not after `revision` that stay. */
  kept: RevisionSet | null;
  /** Where the deletion of records stands. */
  main: number;
  sub: number;
}

export class Compactor {
  finishedRevision: number;
  /** Of the last compactions, each over history since the one before; ascending. */
  readonly hashes: KvHash[] = [];
  readonly #ports: CompactorPorts;
  readonly #pace = new Pace();
  readonly #queue: Compaction[] = [];
  /** Compact revisions beyond which nothing may be removed, because hashes over them are being computed. */
  readonly #pins = new Set<{ readonly revision: number }>();

  constructor(ports: CompactorPorts, finishedRevision: number) {
    this.#ports = ports;
    this.finishedRevision = finishedRevision;
  }

  /** Queues a compaction; revisions ascend. */
  schedule(revision: number, previousRevision: number): void {
    this.#add(revision, previousRevision, 'hash');
  }

  /** Queues a compaction that did not come to its end before the store was closed: its hash is of no use to anyone. */
  resume(revision: number): void {
    this.#add(revision, this.finishedRevision, 'index');
  }

  #add(revision: number, previousRevision: number, phase: Compaction['phase']): void {
    const cursor = { key: null };
    this.#queue.push({ revision, previousRevision, cursor, phase, hash: null, kept: null, main: 0, sub: 0 });
  }

  /** Holds back compactions after a revision until the returned function is called. */
  pin(revision: number): () => void {
    const pin = { revision };
    this.#pins.add(pin);
    return () => this.#pins.delete(pin);
  }

  /** Does about a millisecond of work, or deletes a batch of records. */
  step(): CompactionProgress {
    const compaction = this.#queue[0];
    if (compaction === undefined) return 'done';
    switch (compaction.phase) {
      case 'hash':
        this.#stepHash(compaction);
        return 'more';
      case 'index':
        if (this.#isHeldBack(compaction.revision)) return 'pause';
        this.#stepIndex(compaction);
        return 'more';
      case 'log':
        if (!this.#stepLog(compaction)) return 'pause';
        this.finishedRevision = compaction.revision;
        this.#queue.shift();
        this.#ports.finished(compaction.revision);
        return this.#queue.length === 0 ? 'done' : 'more';
    }
  }

  #stepHash(compaction: Compaction): void {
    const { revision, previousRevision } = compaction;
    const { index, log } = this.#ports;
    compaction.hash ??= new HashJob({ index, log, compactRevision: previousRevision, revision, leavesOutUnseen: true });
    if (!compaction.hash.step()) return;
    this.hashes.push({ hash: compaction.hash.hash, compactRevision: previousRevision, hashRevision: revision });
    if (this.hashes.length > hashesMax) this.hashes.shift();
    compaction.hash = null;
    compaction.phase = 'index';
  }

  #stepIndex(compaction: Compaction): void {
    const { index } = this.#ports;
    const kept = compaction.kept ?? new RevisionSet(index.size);
    compaction.kept = kept;
    const { cursor, revision } = compaction;
    if (index.compactStep(cursor, revision, this.#pace.next(), (main, sub) => kept.add(main, sub))) {
      compaction.phase = 'log';
    }
  }

  /** Deletes a batch of records; true once none is left to be deleted. */
  #stepLog(compaction: Compaction): boolean {
    const { log, totals, batchRecords } = this.#ports;
    const { kept, revision } = compaction;
    if (log.uncommittedDrops > uncommittedDropsMax) return false;
    const doomed: [main: number, sub: number, tombstone: boolean][] = [];
    const cursor = log.cursor(compaction.main, compaction.sub);
    let isOver = true;
    for (let seen = 0; cursor.next() && cursor.main <= revision; seen++) {
      if (seen === batchRecords) {
        compaction.main = cursor.main;
        compaction.sub = cursor.sub;
        isOver = false;
        break;
      }
      if (kept?.has(cursor.main, cursor.sub) !== true) doomed.push([cursor.main, cursor.sub, cursor.tombstone]);
    }
    for (const [main, sub, tombstone] of doomed) log.drop(main, sub, tombstone);
    totals.compactedRevisions += doomed.length;
    return isOver;
  }

  #isHeldBack(revision: number): boolean {
    for (const pin of this.#pins) if (pin.revision < revision) return true;
    return false;
  }
}

/**
 * Removes revisions that nobody can read any more, in steps. As in etcd, a compaction first hashes history up to its revision (members
 * compare these hashes), then takes old revisions out of the index, then their records out of the log.
 */
import { HashJob, Pace } from './hash-job.ts';
import type { IndexCursor, KeyIndex } from './key-index.ts';
import type { RecordLog } from './record-log.ts';
import type { KvHash, StoreTotals } from './store-types.ts';

/** Hashes of compactions that are remembered, as in etcd. */
const hashesMax = 10;

interface Compaction {
  readonly revision: number;
  readonly previousRevision: number;
  readonly cursor: IndexCursor;
  hash: HashJob | null;
  phase: 'hash' | 'index' | 'log';
}

export class Compactor {
  finishedRevision = -1;
  /** Of the last compactions, each over history since the one before; ascending. */
  readonly hashes: KvHash[] = [];
  readonly #index: KeyIndex;
  readonly #log: RecordLog;
  readonly #totals: StoreTotals;
  readonly #pace = new Pace();
  readonly #queue: Compaction[] = [];
  /** Compact revisions beyond which nothing may be removed, because hashes over them are being computed. */
  readonly #pins = new Set<{ readonly revision: number }>();

  constructor(index: KeyIndex, log: RecordLog, totals: StoreTotals) {
    this.#index = index;
    this.#log = log;
    this.#totals = totals;
  }

  /** Queues a compaction; revisions ascend. */
  schedule(revision: number, previousRevision: number): void {
    this.#queue.push({ revision, previousRevision, cursor: { key: null }, hash: null, phase: 'hash' });
  }

  /** Holds back compactions after a revision until the returned function is called. */
  pin(revision: number): () => void {
    const pin = { revision };
    this.#pins.add(pin);
    return () => this.#pins.delete(pin);
  }

  /** Does about a millisecond of work; true once nothing is left to do. */
  step(): boolean {
    const compaction = this.#queue[0];
    if (compaction === undefined) return true;
    switch (compaction.phase) {
      case 'hash':
        this.#stepHash(compaction);
        return false;
      case 'index':
        if (!this.#isHeldBack(compaction.revision)) this.#stepIndex(compaction);
        return false;
      case 'log':
        if (!this.#log.sweepStep()) return false;
        this.finishedRevision = compaction.revision;
        this.#queue.shift();
        return this.#queue.length === 0;
    }
  }

  #stepHash(compaction: Compaction): void {
    const { revision, previousRevision } = compaction;
    compaction.hash ??= new HashJob({
      index: this.#index,
      log: this.#log,
      compactRevision: previousRevision,
      revision,
      leavesOutUnseen: true,
      seed: 0,
    });
    if (!compaction.hash.step()) return;
    this.hashes.push({ hash: compaction.hash.hash, compactRevision: previousRevision, hashRevision: revision });
    if (this.hashes.length > hashesMax) this.hashes.shift();
    compaction.hash = null;
    compaction.phase = 'index';
  }

  #stepIndex(compaction: Compaction): void {
    const isOver = this.#index.compactStep(compaction.cursor, compaction.revision, this.#pace.next(), (main, sub) => {
      this.#log.drop(main, sub);
      this.#totals.compactedRevisions++;
    });
    if (!isOver) return;
    this.#log.beginSweep();
    compaction.phase = 'log';
  }

  #isHeldBack(revision: number): boolean {
    for (const pin of this.#pins) if (pin.revision < revision) return true;
    return false;
  }
}

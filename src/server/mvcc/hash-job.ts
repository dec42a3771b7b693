/**
 * HashKV: a checksum of history up to a revision that is the same on every member, whatever each has compacted physically.
 *
 * etcd (server/storage/mvcc/hash.go) takes the CRC-32C of the bucket's name and then of the bucket key and record of every revision,
 * leaving out (1) revisions after the one asked for; (2) revisions not after the compact revision that reads at the revision asked for
 * do not see, as a compaction may or may not have deleted them yet, unless no key exists at that revision; (3) tombstones of the
 * compact revision itself, which versions before 3.5.16 delete.
 */
import { crc32c } from '../../base/crc32c.ts';
import type { IndexCursor, KeyIndex } from './key-index.ts';
import type { RecordLog } from './record-log.ts';
import { tombstoneKeyBytes, writeBucketKey } from './revision.ts';
import { RevisionSet } from './revision-set.ts';

const bucketName = Uint8Array.of(0x6b, 0x65, 0x79);

/** What a hash covers. */
export interface HashScope {
  readonly index: KeyIndex;
  readonly log: RecordLog;
  /** -1: nothing was compacted. */
  readonly compactRevision: number;
  readonly revision: number;
  /** Whether rule 2 holds although no key may be alive: of a compaction, whose own revision etcd counts as seen. */
  readonly leavesOutUnseen: boolean;
}

/** Keys, or records of usual size, that one step works on: about a millisecond once the code is compiled, so first steps are smaller. */
const workPerStep = 2048;
const workOfFirstStep = 64;

/** How much the next step should do. */
export class Pace {
  #work = workOfFirstStep;

  next(): number {
    const work = this.#work;
    this.#work = Math.min(work * 2, workPerStep);
    return work;
  }
}

const bytesPerWork = 256;

/** A hash being computed, in steps between which the store may be written to, but not compacted beyond `compactRevision`. */
export class HashJob {
  readonly #scope: HashScope;
  /** Revisions up to the compact revision that are seen at `revision`. */
  readonly #kept: RevisionSet;
  readonly #cursor: IndexCursor = { key: null };
  readonly #bucketKey = new Uint8Array(tombstoneKeyBytes);
  readonly #pace = new Pace();
  #phase: 'keys' | 'records' | 'done';
  #leavesOutUnseen: boolean;
  #main = 0;
  #sub = 0;
  #crc: number;

  constructor(scope: HashScope) {
    this.#scope = scope;
    this.#leavesOutUnseen = scope.leavesOutUnseen;
    this.#crc = crc32c(0, bucketName);
    // The first record has revision 2: without a compaction after that nothing is left out.
    const leavesOut = scope.compactRevision > 1;
    this.#phase = leavesOut ? 'keys' : 'records';
    this.#kept = new RevisionSet(leavesOut ? scope.index.size : 0);
  }

  /** The checksum, once `step` has returned true. */
  get hash(): number {
    return this.#crc;
  }

  /** Does about a millisecond of work; true once the hash is complete. */
  step(): boolean {
    const work = this.#pace.next();
    if (this.#phase === 'keys') this.#visitKeys(work);
    else if (this.#phase === 'records') this.#hashRecords(work);
    return this.#phase === 'done';
  }

  #visitKeys(work: number): void {
    const { index, revision, compactRevision } = this.#scope;
    const isOver = index.visitStep(this.#cursor, revision, work, (main, sub) => {
      this.#leavesOutUnseen = true;
      if (main <= compactRevision) this.#kept.add(main, sub);
    });
    if (isOver) this.#phase = 'records';
  }

  #hashRecords(work: number): void {
    const { log, revision, compactRevision } = this.#scope;
    const bucketKey = this.#bucketKey;
    const cursor = log.cursor(this.#main, this.#sub);
    let left = work;
    let crc = this.#crc;
    while (cursor.next() && cursor.main <= revision) {
      if (left <= 0) {
        this.#main = cursor.main;
        this.#sub = cursor.sub;
        this.#crc = crc;
        return;
      }
      left--;
      if (cursor.main <= compactRevision && !this.#isCovered(cursor.main, cursor.sub, cursor.tombstone)) continue;
      left -= (cursor.end - cursor.start) / bytesPerWork;
      crc = crc32c(crc, bucketKey, 0, writeBucketKey(bucketKey, cursor.main, cursor.sub, cursor.tombstone));
      crc = crc32c(crc, cursor.bytes, cursor.start, cursor.end);
    }
    this.#crc = crc;
    this.#phase = 'done';
  }

  /** Whether a record that is not after the compact revision counts. */
  #isCovered(main: number, sub: number, tombstone: boolean): boolean {
    if (tombstone && main === this.#scope.compactRevision) return false;
    return !this.#leavesOutUnseen || this.#kept.has(main, sub);
  }
}

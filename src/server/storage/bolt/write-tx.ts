/** The one transaction that may change the database at a time. Nothing of it is written before `commit`. */
import { invariant } from '../../../base/assert.ts';
import { BoltUsageError } from './errors.ts';
import type { Meta } from './meta.ts';
import type { Span } from './node.ts';
import type { PageWriter } from './page-writer.ts';
import type { Pager } from './pager.ts';
import { WriteBucket } from './write-bucket.ts';

/** What the database does for its write transaction. */
export interface Committer {
  /** Resolves once what `write` returns as the root of the buckets is durable, to the pages that were written. */
  commit(
    discarded: readonly Span[],
    write: (writer: PageWriter) => { root: number; rootSequence: bigint },
  ): Promise<readonly Span[]>;
  /** The transaction is over. */
  release(): void;
}

export class WriteTx {
  /** Holds the top-level buckets, as a bucket holds the buckets in it. It takes no values. */
  private readonly root: WriteBucket;
  private readonly committer: Committer;
  private readonly discarded: Span[] = [];
  private state: 'open' | 'committing' | 'over' = 'open';

  constructor(pager: Pager, meta: Meta, committer: Committer) {
    this.committer = committer;
    const assertOpen = () => {
      if (this.state === 'over') throw new BoltUsageError('the transaction is over');
      if (this.state === 'committing') throw new BoltUsageError('the transaction is being committed');
    };
    const context = { pager, discarded: this.discarded, assertOpen };
    this.root = new WriteBucket(context, meta.root, meta.rootSequence);
  }

  /** Resolves to null if there is no such bucket. */
  bucket(name: Uint8Array): Promise<WriteBucket | null> {
    return this.root.bucket(name);
  }

  /** Rejects if the bucket exists. */
  createBucket(name: Uint8Array): Promise<WriteBucket> {
    return this.root.createBucket(name);
  }

  createBucketIfMissing(name: Uint8Array): Promise<WriteBucket> {
    return this.root.createBucketIfMissing(name);
  }

  /** Rejects if there is none. What was opened of it must not be used any more. */
  deleteBucket(name: Uint8Array): Promise<void> {
    return this.root.deleteBucket(name);
  }

  /** Resolves to the names of the top-level buckets, in order. */
  async bucketNames(): Promise<Uint8Array[]> {
    const names: Uint8Array[] = [];
    await this.root.scan({ from: null, to: null }, (name) => {
      names.push(name);
      return true;
    });
    return names;
  }

  /**
   * Makes the changes durable and ends the transaction. Resolves to the pages that were written, none if nothing changed: whoever
   * keeps copies of pages must forget these. If it rejects with a BoltUsageError or because a page could not be read,
   * nothing has changed. If writing failed, nobody knows what is on the disk, and the database takes no more transactions.
   */
  async commit(): Promise<readonly Span[]> {
    invariant(this.state === 'open', 'a transaction is committed once');
    this.state = 'committing';
    try {
      if (!(await this.root.prepare())) return [];
      return await this.committer.commit(this.discarded, (writer) => ({
        root: this.root.write(writer),
        rootSequence: this.root.sequence,
      }));
    } finally {
      this.end();
    }
  }

  /** Forgets the changes and ends the transaction. */
  rollback(): void {
    invariant(this.state !== 'committing', 'a commit is not called back');
    if (this.state === 'open') this.end();
  }

  private end(): void {
    this.state = 'over';
    this.committer.release();
  }
}

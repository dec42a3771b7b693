/**
 * Commits batches to the database file, one transaction at a time, and does all else that takes long: hashing, defragmenting. It
 * touches the world through a Disk only and answers through a function, so that it runs in a worker thread or beside its member.
 *
 * Pages of the state that the member sees, and of snapshots that are being read, are not reused until they are given back.
 */
import { dirname } from 'node:path';
import { invariant, unreachable } from '../../../base/assert.ts';
import type { Disk } from '../../../base/ports.ts';
import { BoltDb } from '../bolt/db.ts';
import { CorruptDatabaseError } from '../bolt/errors.ts';
import { PageSums } from '../bolt/page-sums.ts';
import type { ReadTx } from '../bolt/read-tx.ts';
import { SumsKeeper } from '../bolt/sums-keeper.ts';
import { removeSumsLog } from '../bolt/sums-log.ts';
import { commitBatches, createBuckets } from './commit.ts';
import { copyDatabase, removeLeftover, temporaryPath } from './defragment.ts';
import { hashDatabase } from './hash.ts';
import type { Batch, EngineOptions, EngineReply, EngineRequest, FileState } from './messages.ts';

/** Commits change the ends of buckets over and over; what they read elsewhere they read once. */
const cacheBytesMax = 16 * 1024 * 1024;
/** Batches that wait are committed together up to so many bytes: two syncs for all of them. */
const commitBytesMax = 16 * 1024 * 1024;

export class Engine {
  private readonly disk: Disk;
  private readonly reply: (reply: EngineReply) => void;
  private options: EngineOptions | null = null;
  private db: BoltDb | null = null;
  /** Of `db`; null if nobody asked for it. */
  private keeper: SumsKeeper | null = null;
  /** Segments of its sums that the member knows. */
  private sumsTold = 0;
  private waiting: Batch[] = [];
  /** The states that the member sees or is about to see, oldest first. */
  private views: ReadTx[] = [];
  private readonly pins = new Map<number, ReadTx>();
  /** What reads the file at its own pace. */
  private readonly readers = new Set<Promise<void>>();
  /** Resolves when all that changes the file is done, as far as asked for. */
  private work: Promise<void> = Promise.resolve();
  private failed = false;
  /** Resolves when the member reads the same file as the engine. */
  private switched: Promise<void> = Promise.resolve();
  private onSwitched: () => void = () => undefined;

  constructor(disk: Disk, reply: (reply: EngineReply) => void) {
    this.disk = disk;
    this.reply = reply;
  }

  handle(request: EngineRequest): void {
    switch (request.type) {
      case 'open':
        this.enqueue(() => this.open(request.options));
        return;
      case 'commit':
        this.waiting.push(request.batch);
        this.enqueue(() => this.commitWaiting());
        return;
      case 'seen':
        this.seen(request.txid);
        return;
      case 'switched':
        this.onSwitched();
        return;
      case 'pin':
        void this.switched.then(() => this.pin(request.id));
        return;
      case 'unpin':
        this.pins.get(request.id)?.close();
        this.pins.delete(request.id);
        return;
      case 'hash':
        this.read(request.id, async (tx) =>
          this.reply({ type: 'hashed', id: request.id, hash: await hashDatabase(tx) }),
        );
        return;
      case 'defragment':
        this.enqueue(() => this.defragment(request.id));
        return;
      case 'leave':
        this.enqueue(() => this.leave(request.id));
        return;
      case 'close':
        this.enqueue(() => this.close());
        return;
      default:
        unreachable(request);
    }
  }

  /** One thing at a time. What is done may reply, but never rejects. */
  private enqueue(action: () => Promise<void>): void {
    this.work = this.work.then(action).catch((error: unknown) => this.fail(error));
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.waiting = [];
    this.reply({ type: 'failed', error: asError(error), isCorrupt: error instanceof CorruptDatabaseError });
  }

  private async open(options: EngineOptions): Promise<void> {
    this.options = options;
    await removeLeftover(this.disk, options.path);
    const { sums } = options;
    if (sums !== null) this.keeper = this.newKeeper(new PageSums(sums.buffers));
    const db = await this.openFile(options.path, this.keeper);
    this.db = db;
    this.sumsTold = sums?.buffers.length ?? 0;
    // By now all pages were read, so that what is known is known of all.
    if (sums !== null && sums.end !== null)
      await this.keeper?.resume(this.disk, sums.path, await db.identity(), sums.end);
    else if (sums !== null) await this.keeper?.begin(this.disk, sums.path, await db.identity(), db.lastCommit());
    this.views = [db.beginRead()];
    const written = await createBuckets(db);
    this.views.push(db.beginRead());
    this.reply({ type: 'opened', state: stateOf(db), written, sums: this.newSums() });
  }

  private newKeeper(sums: PageSums): SumsKeeper {
    return new SumsKeeper(sums, ({ message }) => this.reply({ type: 'sumsLost', reason: message }));
  }

  /** Segments that the member does not know yet. */
  private newSums(): readonly SharedArrayBuffer[] {
    const sums = this.keeper?.sums.buffersFrom(this.sumsTold) ?? [];
    this.sumsTold += sums.length;
    return sums;
  }

  private openFile(path: string, keeper: SumsKeeper | null, pageSize?: number): Promise<BoltDb> {
    const { initialMapBytes = 0 } = this.options ?? {};
    return BoltDb.open(this.disk, path, {
      cacheBytesMax,
      initialMapBytes,
      ...(keeper !== null && { sums: keeper }),
      ...(pageSize !== undefined && { pageSize }),
    });
  }

  private async commitWaiting(): Promise<void> {
    if (this.failed || this.db === null || this.waiting.length === 0) return;
    const batches = this.takeWaiting();
    const begunMs = performance.now();
    const written = await commitBatches(this.db, batches);
    const tookMs = performance.now() - begunMs;
    this.views.push(this.db.beginRead());
    const last = batches.at(-1);
    invariant(last !== undefined, 'a batch was committed');
    const { number, index } = last;
    this.reply({ type: 'committed', number, index, state: stateOf(this.db), written, sums: this.newSums(), tookMs });
  }

  private takeWaiting(): Batch[] {
    let bytes = 0;
    let count = 0;
    for (const { parts } of this.waiting) {
      bytes += parts.reduce((sum, part) => sum + part.length, 0);
      if (count > 0 && bytes > commitBytesMax) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private seen(txid: number): void {
    // The last one stays: it may be of another file than this was said of, see `defragment`.
    while (this.views.length > 1 && (this.views[0]?.meta.txid ?? txid) < txid) this.views.shift()?.close();
  }

  private pin(id: number): void {
    const db = this.openedFor(id);
    if (db === null) return;
    try {
      this.pins.set(id, db.beginRead());
      this.reply({ type: 'pinned', id, state: stateOf(db), used: db.usedPages().bits });
    } catch (error) {
      // A commit failed just now.
      this.reply({ type: 'refused', id, error: asError(error) });
    }
  }

  private read(id: number, action: (tx: ReadTx) => Promise<void>): void {
    const db = this.openedFor(id);
    if (db === null) return;
    const reader = db
      .read(action)
      .catch((error: unknown) => {
        this.reply({ type: 'refused', id, error: asError(error) });
        if (error instanceof CorruptDatabaseError) this.fail(error);
      })
      .finally(() => this.readers.delete(reader));
    this.readers.add(reader);
  }

  /** Refuses the request if there is no database to be read. */
  private openedFor(id: number): BoltDb | null {
    if (this.db !== null && !this.failed) return this.db;
    this.reply({ type: 'refused', id, error: new Error('the database failed or is closed') });
    return null;
  }

  /** A copy without free pages takes the file's place, at once or not at all. */
  private async defragment(id: number): Promise<void> {
    const { db: old, options } = this;
    if (this.failed || old === null || options === null) {
      this.openedFor(id);
      return;
    }
    const { path } = options;
    const temporary = temporaryPath(path);
    let copy: BoltDb | null = null;
    const keeper = this.keeper === null ? null : this.newKeeper(new PageSums());
    try {
      copy = await this.openFile(temporary, keeper, old.lastCommit().pageSize);
      await copyDatabase(old, copy);
    } catch (error) {
      await copy?.close().catch(() => undefined);
      await removeLeftover(this.disk, path).catch(() => undefined);
      this.reply({ type: 'refused', id, error: asError(error) });
      if (error instanceof CorruptDatabaseError) this.fail(error);
      return;
    }
    await this.dropSums();
    await this.disk.rename(temporary, path);
    await this.disk.syncDirectory(dirname(path));
    copy.renamed(path);
    this.db = copy;
    this.keeper = keeper;
    this.sumsTold = keeper?.sums.bufferCount ?? 0;
    if (options.sums !== null) {
      await keeper?.begin(this.disk, options.sums.path, await copy.identity(), copy.lastCommit());
    }
    this.views = [copy.beginRead()];
    this.switched = new Promise<void>((resolve) => {
      this.onSwitched = resolve;
    });
    this.reply({ type: 'defragmented', id, state: stateOf(copy), sums: keeper?.sums.buffersFrom(0) ?? null });
    // They read the file that was; who comes now reads the new one.
    await Promise.all(this.readers);
    await old.close();
    await this.switched;
  }

  /** The log of checksums goes, durably, before another file gets the name of the one that it is of. */
  private async dropSums(): Promise<void> {
    const { sums } = this.options ?? { sums: null };
    await this.keeper?.close();
    if (sums !== null) await removeSumsLog(this.disk, sums.path);
  }

  private async leave(id: number): Promise<void> {
    try {
      await this.dropSums();
      this.reply({ type: 'left', id });
    } catch (error) {
      this.reply({ type: 'refused', id, error: asError(error) });
    }
  }

  private async close(): Promise<void> {
    await Promise.all(this.readers);
    const { db } = this;
    this.db = null;
    await db?.close().catch(() => undefined);
    this.reply({ type: 'closed' });
  }
}

function stateOf(db: BoltDb): FileState {
  const meta = db.lastCommit();
  // Pages that wait for a reader to end count as free: etcd, too, looks after its next transaction has released them.
  const inUse = db.inUse() - db.freePages().pendingCount * meta.pageSize;
  return { meta, size: db.size(), inUse };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

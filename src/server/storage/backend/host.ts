/**
 * The backend as the member's thread sees it: writes are gathered and handed to an engine, reads go to the file, which this thread has
 * open, too.
 */
import { invariant, unreachable } from '../../../base/assert.ts';
import type { Clock, Disk, Timer } from '../../../base/ports.ts';
import type { Writer } from '../../../proto/codec.ts';
import { CorruptDatabaseError } from '../bolt/errors.ts';
import { PageSet } from '../bolt/free-pages.ts';
import type { Span } from '../bolt/node.ts';
import { PageSums } from '../bolt/page-sums.ts';
import type { Release } from '../directory-lock.ts';
import {
  type Backend,
  type BackendCursor,
  type BackendFailure,
  type BackendSnapshot,
  type BucketName,
  bucketNames,
  type TimedAction,
} from './backend.ts';
import { CommittedView } from './committed-view.ts';
import { fileSnapshot } from './file-snapshot.ts';
import { HandedOver } from './handed-over.ts';
import type { EngineLink, EngineReply, EngineRequest, FileState } from './messages.ts';
import { Questions } from './questions.ts';
import { SharedFile } from './shared-file.ts';
import { WriteBuffer } from './write-buffer.ts';

export interface HostOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly path: string;
  readonly batchIntervalMs: number;
  readonly batchLimit: number;
  readonly cacheBytesMax: number;
  /** Locks the file against other processes; throws if it cannot. */
  readonly lock: () => Promise<Release>;
  /** Told that the log of page checksums cannot be kept, and why. */
  readonly sumsLost: (reason: string) => void;
  readonly timed: (action: TimedAction, tookMs: number) => void;
}

/** What the engine says of a new state of the file. */
interface Moved {
  readonly state: FileState;
  readonly written: readonly Span[];
  readonly sums: readonly SharedArrayBuffer[];
}

const numbered = bucketNames.map((name, number) => [name, number]);
// Object.fromEntries forgets which names there are.
const bucketNumbers = Object.fromEntries(numbered) as Readonly<Record<BucketName, number>>;

export class BackendHost implements Backend {
  batch = 1;
  committedBatch = 0;
  committedIndex = 0;
  onCommitted: () => void = () => undefined;
  private readonly options: HostOptions;
  private readonly link: EngineLink;
  private view: CommittedView;
  private unlock: Release;
  private readonly buffer = new WriteBuffer();
  private markedIndex = 0;
  private markedTerm = 0;
  /** The mark up to which everything was handed over. */
  private sealedIndex = 0;
  private readonly handedOver = new HandedOver();
  private readonly questions = new Questions();
  private timer: Timer | null = null;
  private failure: BackendFailure | null = null;
  private closing: Promise<void> | null = null;
  private onClosed: () => void = () => undefined;
  private failedHandler: (failure: BackendFailure) => void = () => undefined;

  /** Takes over what is open, and a link whose engine was asked to open the file. */
  constructor(options: HostOptions, link: EngineLink, view: CommittedView, unlock: Release) {
    this.options = options;
    this.link = link;
    this.view = view;
    this.unlock = unlock;
    this.committedIndex = storedIndex(view);
    this.markedIndex = this.committedIndex;
    this.sealedIndex = this.committedIndex;
    link.onReply = (reply) => this.take(reply);
    view.onCorrupt = (error) => this.fail(error);
  }

  get onFailed(): (failure: BackendFailure) => void {
    return this.failedHandler;
  }

  /** Also told what happened before. */
  set onFailed(handler: (failure: BackendFailure) => void) {
    this.failedHandler = handler;
    if (this.failure !== null) handler(this.failure);
  }

  get pendingBytes(): number {
    return this.buffer.bytes + this.handedOver.bytes;
  }

  put(bucket: BucketName, keyBytes: number, valueBytes: number): Writer {
    return this.buffer.put(bucketNumbers[bucket], keyBytes, valueBytes);
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.buffer.delete(bucketNumbers[bucket], key);
  }

  mark(index: number, term: number): void {
    if (index < this.markedIndex) invariant(false, `marks do not go back, from ${this.markedIndex} to ${index}`);
    this.buffer.mark();
    this.markedIndex = index;
    this.markedTerm = term;
    if (this.buffer.count >= this.options.batchLimit) this.seal();
    // As in etcd, the index alone is no reason to write: it goes with the next put, or a commit that is asked for.
    else if (this.timer === null && this.buffer.count > 0) this.startTimer();
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | null {
    return this.view.get(bucket, key);
  }

  seek(bucket: BucketName, from: Uint8Array): BackendCursor {
    return this.view.seek(bucket, from);
  }

  size(): number {
    return this.view.state.size;
  }

  inUse(): number {
    return this.view.state.inUse;
  }

  commit(): Promise<void> {
    if (this.failure !== null) return Promise.reject(failed(this.failure));
    if (this.closing !== null) return Promise.reject(new Error(`the backend ${this.options.path} is closed`));
    if (this.buffer.markedBytes > 0 || this.markedIndex > this.sealedIndex) this.seal();
    return this.handedOver.all();
  }

  async snapshot(): Promise<BackendSnapshot> {
    await this.commit();
    return this.ask(
      (id) => ({ type: 'pin', id }),
      (reply) => {
        invariant(reply.type === 'pinned', 'a pin is answered with what was pinned');
        const { id, state, used } = reply;
        const timed = this.stopwatch('snapshot');
        const unpin = () => {
          timed();
          this.link.send({ type: 'unpin', id });
        };
        const checked = {
          used: new PageSet(state.meta.highWater, used),
          sums: this.view.sums,
          onCorrupt: (error: CorruptDatabaseError) => this.fail(error),
        };
        return fileSnapshot(this.options.path, this.view.shared.use(), state, checked, unpin);
      },
    );
  }

  async hash(): Promise<number> {
    await this.commit();
    const timed = this.stopwatch('hash');
    return this.ask(
      (id) => ({ type: 'hash', id }),
      (reply) => {
        invariant(reply.type === 'hashed', 'a hash is answered with a number');
        timed();
        return reply.hash;
      },
    );
  }

  async defragment(): Promise<void> {
    await this.commit();
    const timed = this.stopwatch('defragment');
    const { state, sums } = await this.ask(
      (id) => ({ type: 'defragment', id }),
      (reply) => {
        invariant(reply.type === 'defragmented', 'a defragmentation is answered with the new file');
        return reply;
      },
    );
    try {
      await this.switchTo(state, sums === null ? null : new PageSums(sums));
      timed();
    } catch (error) {
      this.fail(asError(error));
      throw error;
    }
  }

  leaveFile(): Promise<void> {
    return this.ask(
      (id) => ({ type: 'leave', id }),
      () => undefined,
    );
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  /** To be called at the end of what begins now. */
  private stopwatch(action: TimedAction): () => void {
    const { clock, timed } = this.options;
    const begunMs = clock.monotonicMs();
    return () => timed(action, clock.monotonicMs() - begunMs);
  }

  private startTimer(): void {
    this.timer = this.options.clock.after(this.options.batchIntervalMs, () => {
      this.timer = null;
      if (this.buffer.markedBytes > 0) this.seal();
    });
  }

  /** Hands over what is marked. */
  private seal(): void {
    this.timer?.cancel();
    this.timer = null;
    const { hasTail } = this.buffer;
    const { parts, bytes } = this.buffer.take();
    if (this.failure !== null || this.closing !== null) return;
    // What follows the mark was told the number of this batch: it is complete with the next.
    const number = this.handedOver.add(hasTail ? this.batch - 1 : this.batch, bytes);
    this.sealedIndex = this.markedIndex;
    if (!hasTail) this.batch++;
    this.link.send({ type: 'commit', batch: { number, parts, index: this.markedIndex, term: this.markedTerm } });
  }

  private take(reply: EngineReply): void {
    switch (reply.type) {
      case 'committed':
        this.committed(reply);
        return;
      case 'failed':
        this.fail(reply.isCorrupt ? relayed(this.options.path, reply.error) : reply.error);
        return;
      case 'sumsLost':
        this.options.sumsLost(reply.reason);
        return;
      case 'left':
      case 'pinned':
      case 'hashed':
      case 'defragmented':
        this.questions.answer(reply.id, reply);
        return;
      case 'refused':
        this.questions.refuse(reply.id, reply.error);
        return;
      case 'closed':
        this.onClosed();
        return;
      case 'opened':
        this.moveTo(reply);
        this.handedOver.settle(0);
        return;
      default:
        unreachable(reply);
    }
  }

  private committed(reply: EngineReply & { readonly type: 'committed' }): void {
    const { number, index } = reply;
    this.options.timed('commit', reply.tookMs);
    this.moveTo(reply);
    this.committedBatch = this.handedOver.settle(number) ?? this.committedBatch;
    this.committedIndex = Math.max(this.committedIndex, index);
    this.onCommitted();
  }

  private moveTo({ state, written, sums }: Moved): void {
    this.view.sums?.adopt(sums);
    this.view.moveTo(state, written);
    this.link.send({ type: 'seen', txid: state.meta.txid });
  }

  /** For good: what was not committed yet never will be. */
  private fail(cause: Error): void {
    if (this.failure !== null) return;
    const { path } = this.options;
    const message = cause.message.includes(path) ? cause.message : `database ${path} failed: ${cause.message}`;
    const failure = { message, cause };
    this.failure = failure;
    this.timer?.cancel();
    this.timer = null;
    const error = failed(failure);
    this.handedOver.fail(error);
    this.questions.fail(error);
    this.failedHandler(failure);
  }

  private ask<T>(request: (id: number) => EngineRequest, read: (reply: EngineReply) => T): Promise<T> {
    if (this.failure !== null) return Promise.reject(failed(this.failure));
    return this.questions.ask((id) => this.link.send(request(id)), read);
  }

  /** The engine waits until this thread reads the file that took the other one's place. */
  private async switchTo(state: FileState, sums: PageSums | null): Promise<void> {
    const { disk, path, cacheBytesMax, lock } = this.options;
    const shared = new SharedFile(await disk.open(path, 'read'));
    const unlock = await lock();
    const before = { shared: this.view.shared, unlock: this.unlock };
    this.view = new CommittedView(path, shared, state, cacheBytesMax, sums);
    this.view.onCorrupt = (error) => this.fail(error);
    this.unlock = unlock;
    this.link.send({ type: 'switched' });
    await before.shared.release();
    await before.unlock();
  }

  private async closeAll(): Promise<void> {
    // Sealed before `closing` is set, which refuses what comes after.
    await this.commit().catch(() => undefined);
    const closed = new Promise<void>((resolve) => {
      this.onClosed = resolve;
    });
    this.link.send({ type: 'close' });
    await closed;
    await this.link.end();
    await this.view.shared.release();
    await this.unlock();
  }
}

/** consistent_index of the file; 0 if there is none. */
function storedIndex(view: CommittedView): number {
  const bytes = view.get('meta', Buffer.from('consistent_index'));
  if (bytes === null || bytes.length !== 8) return 0;
  return Number(Buffer.from(bytes).readBigUInt64BE(0));
}

function failed({ message, cause }: BackendFailure): Error {
  return new Error(message, { cause });
}

/** Errors lose their class on the way from another thread. */
function relayed(path: string, error: Error): CorruptDatabaseError {
  return error instanceof CorruptDatabaseError ? error : CorruptDatabaseError.relayed(path, error.message);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

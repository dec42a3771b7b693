/** The committed state, read at once: what the member sees of the file between two commits. */
import type { CorruptDatabaseError } from '../bolt/errors.ts';
import type { Span } from '../bolt/node.ts';
import type { PageSums } from '../bolt/page-sums.ts';
import { bucketNow, getNow, type NamedBucket, SyncCursor } from '../bolt/sync-bucket.ts';
import { SyncPager } from '../bolt/sync-pager.ts';
import type { BackendCursor, BucketName } from './backend.ts';
import type { FileState } from './messages.ts';
import type { SharedFile } from './shared-file.ts';

const noBytes = new Uint8Array(0);
const nothing: BackendCursor = {
  next: () => false,
  key: noBytes,
  value: noBytes,
  bytes: noBytes,
  keyStart: 0,
  valueStart: 0,
  valueEnd: 0,
};

export class CommittedView {
  readonly shared: SharedFile;
  readonly sums: PageSums | null;
  private readonly pager: SyncPager;
  private current: FileState;
  private readonly buckets = new Map<BucketName, NamedBucket | null>();

  constructor(path: string, shared: SharedFile, state: FileState, cacheBytesMax: number, sums: PageSums | null) {
    this.shared = shared;
    this.sums = sums;
    this.current = state;
    this.pager = new SyncPager(path, shared.file, state.meta, cacheBytesMax, sums);
  }

  /** Told of every damage that a read finds, before the read throws. */
  set onCorrupt(handler: (error: CorruptDatabaseError) => void) {
    this.pager.onCorrupt = handler;
  }

  get state(): FileState {
    return this.current;
  }

  moveTo(state: FileState, written: readonly Span[]): void {
    this.current = state;
    this.buckets.clear();
    this.pager.moveTo(state.meta, written);
  }

  /** Throws if the page cannot be read or is damaged: the member must not go on. */
  get(bucket: BucketName, key: Uint8Array): Uint8Array | null {
    const stored = this.bucket(bucket);
    return stored === null ? null : getNow(this.pager, stored, key);
  }

  seek(bucket: BucketName, from: Uint8Array): BackendCursor {
    const stored = this.bucket(bucket);
    return stored === null ? nothing : new SyncCursor(this.pager, stored, from);
  }

  /** Null in a file that the engine has not completed yet. */
  private bucket(name: BucketName): NamedBucket | null {
    const known = this.buckets.get(name);
    if (known !== undefined) return known;
    const found = bucketNow(this.pager, Buffer.from(name));
    this.buckets.set(name, found);
    return found;
  }
}

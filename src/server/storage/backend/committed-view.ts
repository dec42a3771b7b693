/** The committed state, read at once: what the member sees of the file between two commits. */
import type { StoredBucket } from '../bolt/bucket-value.ts';
import type { Span } from '../bolt/node.ts';
import { bucketNow, getNow, SyncCursor } from '../bolt/sync-bucket.ts';
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
  private readonly pager: SyncPager;
  private current: FileState;
  private readonly buckets = new Map<BucketName, StoredBucket | null>();

  constructor(path: string, shared: SharedFile, state: FileState, cacheBytesMax: number) {
    this.shared = shared;
    this.current = state;
    this.pager = new SyncPager(path, shared.file, state.meta, cacheBytesMax);
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
  private bucket(name: BucketName): StoredBucket | null {
    const known = this.buckets.get(name);
    if (known !== undefined) return known;
    const found = bucketNow(this.pager, Buffer.from(name));
    this.buckets.set(name, found);
    return found;
  }
}

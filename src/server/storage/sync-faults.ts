/**
 * Slow and failing disks, for people who want to see what their cluster makes of one: syncs take longer or fail, as ordered. What is
 * ordered lives in shared memory, so that the threads of one member obey the same order.
 */
import { constants } from 'node:os';
import type { Disk, DiskFile } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';

export interface SyncRule {
  /** Each sync takes this much longer. */
  readonly delayMs: number;
  /** One of `syncErrors`: syncs fail with it; null: they work. */
  readonly error: string | null;
}

/** What syncs can be made to fail with. */
const syncErrors = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS'] as const;
type SyncError = (typeof syncErrors)[number];

const texts: Readonly<Record<SyncError, string>> = {
  EIO: 'i/o error',
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'read-only file system',
};

/** A longer delay is refused: whoever stops a member waits for its last sync. */
export const syncDelayMaxMs = 60_000;

/** Places in the shared memory. The error is its place in `syncErrors` plus 1, or 0. */
const delayAt = 0;
const errorAt = 1;
const hitsAt = 2;

export class SyncFaults {
  /** For `SyncFaults` of other threads. */
  readonly shared: SharedArrayBuffer;
  private readonly cells: Int32Array;

  constructor(shared = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.cells = new Int32Array(shared);
  }

  /** Null: the disk is healthy. The error says what a rule can be. */
  set(rule: SyncRule | null): Result<void, string> {
    const { delayMs, error } = rule ?? { delayMs: 0, error: null };
    const known: readonly string[] = syncErrors;
    const code = error === null ? 0 : known.indexOf(error) + 1;
    if (error !== null && code === 0) return err(`syncs cannot fail with ${error}, but with ${syncErrors.join(', ')}`);
    if (!(delayMs >= 0 && delayMs <= syncDelayMaxMs)) return err(`a sync is late by 0 to ${syncDelayMaxMs} ms`);
    Atomics.store(this.cells, delayAt, Math.round(delayMs));
    Atomics.store(this.cells, errorAt, code);
    return ok(undefined);
  }

  /** Syncs that were late or have failed by order. */
  get hits(): number {
    return Atomics.load(this.cells, hitsAt);
  }

  /** To be called before each sync, which is as late as the promise; rejects if it has to fail. */
  async beforeSync(call: 'fdatasync' | 'fsync'): Promise<void> {
    const delayMs = this.hit();
    if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs));
    this.failIfOrdered(call);
  }

  private hit(): number {
    const delayMs = Atomics.load(this.cells, delayAt);
    if (delayMs > 0 || Atomics.load(this.cells, errorAt) > 0) Atomics.add(this.cells, hitsAt, 1);
    return delayMs;
  }

  private failIfOrdered(syscall: string): void {
    const code = syncErrors[Atomics.load(this.cells, errorAt) - 1];
    if (code === undefined) return;
    const errno = -constants.errno[code];
    throw Object.assign(new Error(`${code}: ${texts[code]}, ${syscall}`), { code, errno, syscall });
  }

  /** The same disk, with these faults. */
  wrap(disk: Disk): Disk {
    return {
      open: async (path, mode) => new FaultyFile(await disk.open(path, mode), this),
      list: (path) => disk.list(path),
      exists: (path) => disk.exists(path),
      makeDirectory: (path) => disk.makeDirectory(path),
      rename: (from, to) => disk.rename(from, to),
      remove: (path) => disk.remove(path),
      syncDirectory: (path) => disk.syncDirectory(path),
    };
  }
}

class FaultyFile implements DiskFile {
  private readonly file: DiskFile;
  private readonly faults: SyncFaults;

  constructor(file: DiskFile, faults: SyncFaults) {
    this.file = file;
    this.faults = faults;
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.file.read(buffer, position);
  }

  readNow(buffer: Uint8Array, position: number): number {
    return this.file.readNow(buffer, position);
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.file.writev(buffers, position);
  }

  writeNow(bytes: Uint8Array, position: number): boolean {
    return this.file.writeNow(bytes, position);
  }

  async datasync(): Promise<void> {
    await this.faults.beforeSync('fdatasync');
    await this.file.datasync();
  }

  async sync(): Promise<void> {
    await this.faults.beforeSync('fsync');
    await this.file.sync();
  }

  truncate(length: number): Promise<void> {
    return this.file.truncate(length);
  }

  size(): Promise<number> {
    return this.file.size();
  }

  identity(): Promise<string> {
    return this.file.identity();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

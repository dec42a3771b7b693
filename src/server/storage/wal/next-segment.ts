/** Prepares the file of the next segment while the current one fills, so that a cut does not wait for it. */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { ZeroAhead, type ZeroAheadLimits } from './zero-ahead.ts';

/** A file of the segment's full size, still under its temporary name. */
export interface PreparedSegment {
  readonly path: string;
  readonly file: DiskFile;
  readonly zeroAhead: ZeroAhead;
}

export class NextSegment {
  private readonly disk: Disk;
  private readonly directory: string;
  private readonly limits: ZeroAheadLimits;
  private readonly onSyncFailure: (error: unknown) => void;
  private count = 0;
  private prepared: Promise<PreparedSegment> | null = null;

  constructor(disk: Disk, directory: string, limits: ZeroAheadLimits, onSyncFailure: (error: unknown) => void) {
    this.disk = disk;
    this.directory = directory;
    this.limits = limits;
    this.onSyncFailure = onSyncFailure;
  }

  /** Starts to prepare, unless that was done. Returns at once; a failure shows when the segment is taken. */
  prepare(): void {
    if (this.prepared !== null) return;
    this.prepared = this.make();
    this.prepared.catch(() => undefined);
  }

  /** The prepared segment, which is the caller's from now on. Rejects if it could not be made. */
  async take(): Promise<PreparedSegment> {
    this.prepare();
    const prepared = this.prepared ?? this.make();
    this.prepared = null;
    return await prepared;
  }

  /** Removes what was prepared and not taken. */
  async discard(): Promise<void> {
    const prepared = this.prepared;
    this.prepared = null;
    if (prepared === null) return;
    try {
      const { path, file, zeroAhead } = await prepared;
      await zeroAhead.stop();
      await file.close();
      await this.disk.remove(path);
    } catch {
      // It could not be made or removed; the next start does away with leftovers.
    }
  }

  private async make(): Promise<PreparedSegment> {
    // Two names in turn, as etcd does: the one before may just be on its way to its final name.
    const path = join(this.directory, `${this.count++ % 2}.tmp`);
    if (await this.disk.exists(path)) await this.disk.remove(path);
    const file = await this.disk.open(path, 'create');
    try {
      await file.truncate(this.limits.segmentBytes);
    } catch (error) {
      await file.close();
      throw error;
    }
    const zeroAhead = new ZeroAhead(file, this.limits, 0, this.onSyncFailure);
    zeroAhead.advance();
    return { path, file, zeroAhead };
  }
}

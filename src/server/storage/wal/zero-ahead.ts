/**
 * Writes zeros ahead of the log's write position, in the background, so that the file system has allocated the blocks before a
 * record lands there and fdatasync has no metadata to commit: 92 µs instead of 150 to 176 measured on ext4.
 */
import type { DiskFile } from '../../../base/ports.ts';
import { errorCode } from '../os-error.ts';

export interface ZeroAheadLimits {
  readonly segmentBytes: number;
  /** How far ahead of the write position is zeroed; 0 turns it off. */
  readonly windowBytes: number;
  /** Zeros per write: an append that catches up waits for at most one such write. */
  readonly chunkBytes: number;
}

/** Writers and zeros must not share a page. */
const pageBytes = 4096;

let zeros = Buffer.alloc(0);

export class ZeroAhead {
  private readonly file: DiskFile;
  private readonly limits: ZeroAheadLimits;
  private readonly onSyncFailure: (error: unknown) => void;
  /** Bytes below this belong to the writer. */
  private floor: number;
  private zeroedTo: number;
  /** The zeros being written: from this offset on, none if it is infinite. */
  private busyFrom = Number.POSITIVE_INFINITY;
  private busy: Promise<void> = Promise.resolve();
  private round: Promise<void> | null = null;
  private stopped = false;

  /**
   * @param onSyncFailure a failed sync leaves the fate of all of the file's bytes unknown, also of the log's: it must fail too.
   * A failed write of zeros only ends the zeroing.
   */
  constructor(file: DiskFile, limits: ZeroAheadLimits, position: number, onSyncFailure: (error: unknown) => void) {
    this.file = file;
    this.limits = limits;
    this.onSyncFailure = onSyncFailure;
    this.floor = position;
    this.zeroedTo = position;
    this.stopped = limits.windowBytes === 0;
  }

  /** The writer is about to write up to `end`. If zeros are on their way there, returns what to wait for. */
  claim(end: number): Promise<void> | null {
    if (end > this.floor) this.floor = end;
    return end > this.busyFrom ? this.busy : null;
  }

  /** Starts a round of zeroing if less than half of the window is left. Returns at once. */
  advance(): void {
    if (this.stopped || this.round !== null) return;
    if (this.zeroedTo - this.floor >= this.limits.windowBytes / 2 || this.next() >= this.target()) return;
    this.round = this.zeroWindow().finally(() => {
      this.round = null;
    });
  }

  /** No zeros are written after this resolved. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.round;
  }

  private target(): number {
    return Math.min(this.floor + this.limits.windowBytes, this.limits.segmentBytes);
  }

  private next(): number {
    return Math.max(this.zeroedTo, Math.ceil(this.floor / pageBytes) * pageBytes);
  }

  private async zeroWindow(): Promise<void> {
    const target = this.target();
    try {
      while (!this.stopped && this.next() < target) {
        const from = this.next();
        await this.writeZeros(from, Math.min(from + this.limits.chunkBytes, target));
      }
    } catch (error) {
      this.stopped = true;
      if (isOutOfSpace(error)) return;
      this.onSyncFailure(error);
      return;
    }
    await this.file.datasync().catch((error: unknown) => {
      this.stopped = true;
      this.onSyncFailure(error);
    });
  }

  private async writeZeros(from: number, to: number): Promise<void> {
    if (zeros.length < to - from) zeros = Buffer.alloc(to - from);
    const write = this.file.writev([zeros.subarray(0, to - from)], from);
    this.busyFrom = from;
    // Who waits for the zeros only wants them out of the way: their failure is reported once, by the round.
    this.busy = write.catch(() => undefined);
    try {
      await write;
      this.zeroedTo = to;
    } finally {
      this.busyFrom = Number.POSITIVE_INFINITY;
    }
  }
}

/** No room for zeros is no harm: the log itself may still fit. */
function isOutOfSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(error));
}

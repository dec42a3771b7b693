/**
 * The write-ahead log in etcd's format (etcd server/storage/wal): every entry and hard state that this member has promised to keep.
 *
 * Saves are asynchronous and commit in groups: while one write and fdatasync is under way, further saves queue, and go out
 * together. They are acknowledged in the order they were made. A failed write or sync fails the WAL for good, because after it
 * nobody can tell what is on the disk: a sync that is tried again may succeed without having written what the first one lost.
 */
import { dirname, join } from 'node:path';
import { invariant } from '../../../base/assert.ts';
import type { Disk, DiskFile } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import { type Entry, emptyHardState, type HardState } from '../../../proto/raftpb.ts';
import type { WalSnapshot } from '../../../proto/walpb.ts';
import { unreadable, type WalError } from './errors.ts';
import { newSegment, type Segment, segmentsAmong, segmentsFrom } from './layout.ts';
import { type LogPosition, LogReader } from './log-reader.ts';
import { NextSegment } from './next-segment.ts';
import { type WalOptions, type WalSettings, walSettings } from './options.ts';
import { contents, type LogContents, walExists } from './read.ts';
import { keepBroken } from './repair.ts';
import { type Piece, type QueueStart, type SaveCallback, SaveQueue } from './save-queue.ts';
import { type LogEnd, scanSegments } from './scan.ts';
import { ZeroAhead } from './zero-ahead.ts';

export { type WalOptions, walExists };

export interface OpenedWal extends LogContents {
  readonly wal: Wal;
  /** The torn tail that was cut off, in words for the log; the file's former state is kept beside it as `.broken`. */
  readonly repaired: string | null;
}

export class Wal {
  private readonly disk: Disk;
  private readonly directory: string;
  private readonly settings: WalSettings;
  private readonly queue: SaveQueue;
  private readonly next: NextSegment;
  private segments: Segment[];
  private file: DiskFile;
  private zeroAhead: ZeroAhead;
  /** Where in the last segment the next write goes. */
  private position: number;
  /** Segments before the one that holds this index are no longer needed. */
  private releasedTo = 0;
  private unsynced = false;
  private flushing: Promise<void> | null = null;
  private failure: Error | null = null;
  private closing: Promise<void> | null = null;

  private constructor(
    disk: Disk,
    directory: string,
    settings: WalSettings,
    metadata: Uint8Array,
    segments: Segment[],
    file: DiskFile,
    start: QueueStart,
  ) {
    this.disk = disk;
    this.directory = directory;
    this.settings = settings;
    this.queue = new SaveQueue(settings.segmentBytes, metadata, start);
    this.next = new NextSegment(disk, directory, settings.zeroAhead, this.onBackgroundSyncFailure);
    this.segments = segments;
    this.file = file;
    this.position = start.offset;
    this.zeroAhead = new ZeroAhead(file, settings.zeroAhead, start.offset, this.onBackgroundSyncFailure);
  }

  /**
   * Makes a new log whose segments all begin with `metadata`. It appears whole or not at all: it is built in `directory`.tmp and
   * renamed. Rejects with the operating system's error, or if there is a log already.
   */
  static async create(disk: Disk, directory: string, metadata: Uint8Array, options: WalOptions = {}): Promise<Wal> {
    const settings = walSettings(options);
    if (await walExists(disk, directory)) throw new Error(`there is a WAL in ${directory} already`);
    const temporary = `${directory}.tmp`;
    await removeDirectory(disk, directory);
    await removeDirectory(disk, temporary);
    await disk.makeDirectory(temporary);
    const segment = newSegment(0, 0);
    const file = await disk.open(join(temporary, segment.name), 'create');
    const start = { segment, offset: 0, crc: 0, lastIndex: 0, hardState: emptyHardState };
    const wal = new Wal(disk, directory, settings, Uint8Array.from(metadata), [segment], file, start);
    try {
      await file.truncate(settings.segmentBytes);
      await wal.writeFirstHead();
      await disk.syncDirectory(temporary);
      await disk.rename(temporary, directory);
      await disk.syncDirectory(dirname(directory));
    } catch (error) {
      await file.close();
      throw error;
    }
    return wal;
  }

  /**
   * Opens an existing log for appending and reads what follows `from`, the position of the snapshot that the caller has loaded, or
   * {0, 0}. A torn tail is repaired; anything else that is wrong is an error, and nothing is changed on disk.
   */
  static async open(
    disk: Disk,
    directory: string,
    from: LogPosition,
    options: WalOptions = {},
  ): Promise<Result<OpenedWal, WalError>> {
    try {
      return await Wal.openOrThrow(disk, directory, from, walSettings(options));
    } catch (error) {
      return err(unreadable(directory, error));
    }
  }

  private static async openOrThrow(
    disk: Disk,
    directory: string,
    from: LogPosition,
    settings: WalSettings,
  ): Promise<Result<OpenedWal, WalError>> {
    const all = segmentsAmong(await disk.list(directory));
    const segments = segmentsFrom(directory, all, from.index);
    if (!segments.ok) return segments;
    const reader = new LogReader(from);
    const limits = { chunkBytes: settings.readChunkBytes };
    const end = await scanSegments(disk, directory, segments.value, limits, reader.visit);
    if (!end.ok) return end;
    const log = contents(reader, directory, from);
    if (!log.ok) return log;

    const path = join(directory, end.value.segment.name);
    const file = await openTail(disk, path, end.value, settings.segmentBytes);
    const { metadata, hardState, entries } = log.value;
    const start = { ...end.value, lastIndex: reader.lastIndex, hardState };
    const wal = new Wal(disk, directory, settings, metadata, all, file, start);
    const { torn, offset } = end.value;
    const repaired = torn === null ? null : `cut off a torn tail of ${path} at byte ${offset} (${torn})`;
    return ok({ wal, metadata, hardState, entries, repaired });
  }

  /**
   * Appends entries and, unless null, the hard state that goes with them. `done(null)` is called once they are on the disk: synced if
   * `mustSync` (there are entries, or term or vote changed), else only written. Never called before `save` returns. `entries`
   * are encoded before `save` returns. After a failure every `done` gets the error, for good.
   */
  save(hardState: HardState | null, entries: readonly Entry[], mustSync: boolean, done: SaveCallback): void {
    if (!this.accepts(done)) return;
    this.queue.addSave(hardState, entries, mustSync, done);
    this.flushSoon();
  }

  /**
   * Notes that a snapshot exists; resolves once the note is durable. Save the .snap file first: only a snapshot with a note is used
   * at the next start.
   */
  saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    invariant(snapshot.index === 0 || snapshot.confState !== null, 'a snapshot record states its confState');
    return new Promise((resolve, reject) => {
      const done: SaveCallback = (error) => (error === null ? resolve() : reject(error));
      if (!this.accepts(done)) return;
      this.queue.addSnapshot(snapshot, done);
      this.flushSoon();
    });
  }

  /** Encoded bytes that wait for the disk: the caller's sign to slow down. */
  get pendingBytes(): number {
    return this.queue.pendingBytes;
  }

  /** Declares the log up to `index` unneeded for a restart: `purge` may remove segments that end before it. */
  releaseTo(index: number): void {
    this.releasedTo = Math.max(this.releasedTo, index);
  }

  /** Removes the oldest released segments while more than `segmentsMax` exist. Resolves to the names that it removed. */
  async purge(segmentsMax: number): Promise<string[]> {
    const removed: string[] = [];
    for (;;) {
      const [oldest, second] = this.segments;
      if (oldest === undefined || second === undefined) break;
      if (this.segments.length <= segmentsMax || second.firstIndex >= this.releasedTo) break;
      const path = join(this.directory, oldest.name);
      if (await this.disk.exists(path)) await this.disk.remove(path);
      // One after the other: after a crash none may be there that is older than one that is not.
      await this.disk.syncDirectory(this.directory);
      this.segments.shift();
      removed.push(oldest.name);
    }
    return removed;
  }

  /** Writes and syncs what was saved, then closes the files. Later saves fail. Rejects if the last sync fails. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    await this.flushing;
    try {
      await this.zeroAhead.stop();
      await this.next.discard();
      if (this.unsynced && this.failure === null) await this.file.datasync();
    } finally {
      await this.file.close();
    }
  }

  /** False if the WAL has failed or is closed; then `done` is told, after all earlier saves. */
  private accepts(done: SaveCallback): boolean {
    if (this.failure === null && this.closing === null && this.queue.pendingBytes >= this.settings.pendingBytesMax) {
      const message = `more than ${this.settings.pendingBytesMax} bytes wait for the disk`;
      this.failure = new Error(`WAL ${this.directory} failed: ${message}`);
    }
    const error = this.failure ?? (this.closing === null ? null : new Error(`WAL ${this.directory} is closed`));
    if (error === null) return true;
    void (this.flushing ?? Promise.resolve()).then(() => done(error));
    return false;
  }

  /** Saves of the same turn of the loop go out together. */
  private flushSoon(): void {
    this.flushing ??= Promise.resolve().then(() => this.flush());
  }

  private async flush(): Promise<void> {
    while (!this.queue.isEmpty()) {
      const { bytes, pieces } = this.queue.take();
      for (const piece of pieces) {
        const error = await this.commit(bytes.subarray(piece.start, piece.end), piece);
        for (const done of piece.callbacks) done(error);
      }
      this.queue.written();
      this.prepareAhead();
    }
    this.flushing = null;
  }

  /** Writes a piece and makes it durable as far as it must be. The error is the WAL's failure; after the first, nothing is written. */
  private async commit(bytes: Buffer, piece: Piece): Promise<Error | null> {
    if (this.failure !== null) return this.failure;
    try {
      if (piece.opens === null) await this.append(bytes, piece.mustSync && !piece.closes);
      else await this.appendToNew(bytes, piece.opens);
      if (piece.closes) await this.finishSegment();
    } catch (error) {
      this.fail(error);
    }
    return this.failure;
  }

  private async append(bytes: Buffer, mustSync: boolean): Promise<void> {
    if (bytes.length > 0) await this.write(bytes);
    if (mustSync && this.unsynced) await this.sync();
  }

  private async write(bytes: Buffer): Promise<void> {
    const end = this.position + bytes.length;
    const zeros = this.zeroAhead.claim(end);
    if (zeros !== null) await zeros;
    const startMs = this.settings.monotonicMs();
    this.unsynced = true;
    if (!this.file.writeNow(bytes, this.position)) await this.file.writev([bytes], this.position);
    this.position = end;
    this.settings.onWrite(bytes.length, this.settings.monotonicMs() - startMs);
  }

  private async sync(): Promise<void> {
    const startMs = this.settings.monotonicMs();
    await this.file.datasync();
    this.unsynced = false;
    this.settings.onSync(this.settings.monotonicMs() - startMs);
  }

  /** Frees the unused space of a full segment. All that it holds is durable after this. */
  private async finishSegment(): Promise<void> {
    await this.zeroAhead.stop();
    await this.file.truncate(this.position);
    await this.file.sync();
    this.unsynced = false;
  }

  /** Begins a segment with `bytes`. It takes its place among the segments only when its head is durable. */
  private async appendToNew(bytes: Buffer, segment: Segment): Promise<void> {
    const { path, file, zeroAhead } = await this.next.take();
    const full = this.file;
    this.file = file;
    this.zeroAhead = zeroAhead;
    this.position = 0;
    await full.close();
    await this.append(bytes, true);
    // A sync in the background that failed meanwhile may have lost the head, whatever a later sync says.
    if (this.failure !== null) throw this.failure;
    await this.disk.rename(path, join(this.directory, segment.name));
    await this.disk.syncDirectory(this.directory);
    this.segments.push(segment);
  }

  private async writeFirstHead(): Promise<void> {
    this.queue.addHead();
    this.queue.addSnapshot({ index: 0, term: 0, confState: null }, () => undefined);
    await this.append(this.queue.take().bytes, true);
    this.queue.written();
  }

  private prepareAhead(): void {
    if (this.failure !== null || this.closing !== null) return;
    this.zeroAhead.advance();
    if (this.position >= this.settings.segmentBytes / 2) this.next.prepare();
  }

  private readonly onBackgroundSyncFailure = (error: unknown): void => {
    this.fail(error);
  };

  private fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.failure ??= new Error(`WAL ${this.directory} failed: ${reason}`, { cause: error });
  }
}

/** Opens the last segment for appending, and zeroes whatever may follow the last record. */
async function openTail(disk: Disk, path: string, end: LogEnd, segmentBytes: number): Promise<DiskFile> {
  const file = await disk.open(path, 'readWrite');
  try {
    if (end.torn !== null) await keepBroken(disk, path, file);
    // Unsynced leftovers of a crash must be gone before anything is appended: mixed with new records they would look like damage.
    await file.truncate(end.offset);
    if (end.offset < segmentBytes) await file.truncate(segmentBytes);
    await file.datasync();
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** Does away with what an interrupted `create` left. */
async function removeDirectory(disk: Disk, directory: string): Promise<void> {
  if (!(await disk.exists(directory))) return;
  for (const name of await disk.list(directory)) await disk.remove(join(directory, name));
  await disk.remove(directory);
}

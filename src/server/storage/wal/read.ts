/** Reading a WAL without touching it: for a member that starts, and for tools that look. */
import type { Disk } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { Entry, HardState } from '../../../proto/raftpb.ts';
import type { WalSnapshot } from '../../../proto/walpb.ts';
import { unreadable, type WalError } from './errors.ts';
import { segmentsAmong, segmentsFrom } from './layout.ts';
import { type LogPosition, LogReader } from './log-reader.ts';
import { chunkBytesDefault, type LogEnd, scanSegments } from './scan.ts';
import type { RecordVisitor } from './segment-reader.ts';

export interface LogContents {
  readonly metadata: Uint8Array;
  readonly hardState: HardState;
  readonly entries: Entry[];
}

/** True if the directory holds at least one segment. Rejects if it cannot be read for a reason other than being missing. */
export async function walExists(disk: Disk, directory: string): Promise<boolean> {
  if (!(await disk.exists(directory))) return false;
  return (await disk.list(directory)).some((name) => name.endsWith('.wal'));
}

/** Reads the log after `from` and changes nothing: a torn tail is left out and left where it is. */
export async function readLog(
  disk: Disk,
  directory: string,
  from: LogPosition,
): Promise<Result<LogContents, WalError>> {
  const reader = new LogReader(from);
  const scanned = await scanLog(disk, directory, from.index, reader.visit);
  return scanned.ok ? contents(reader, directory, from) : scanned;
}

/**
 * The snapshots whose .snap file may be used: those that the log knows and that lie at or below its last commit index. A .snap
 * file is written before its record, so one without a record may be half of a save (etcd ValidSnapshotEntries).
 */
export async function validSnapshots(disk: Disk, directory: string): Promise<Result<WalSnapshot[], WalError>> {
  const oldest = await oldestIndex(disk, directory);
  if (!oldest.ok) return oldest;
  // No entry lies after this start, so none is kept.
  const reader = new LogReader({ index: Number.MAX_SAFE_INTEGER, term: 0 });
  const scanned = await scanLog(disk, directory, oldest.value, reader.visit);
  if (!scanned.ok) return scanned;
  return ok(reader.snapshots.filter((snapshot) => snapshot.index <= reader.hardState.commit));
}

/** Visits each record of the segments that hold everything after `index`, in chunks. Never throws for what is on disk. */
export async function scanLog(
  disk: Disk,
  directory: string,
  index: number,
  visit: RecordVisitor,
  chunkBytes = chunkBytesDefault,
): Promise<Result<LogEnd, WalError>> {
  try {
    const segments = segmentsFrom(directory, segmentsAmong(await disk.list(directory)), index);
    return segments.ok ? await scanSegments(disk, directory, segments.value, { chunkBytes }, visit) : segments;
  } catch (error) {
    return err(unreadable(directory, error));
  }
}

/** What the reader gathered, if it is a whole log. */
export function contents(reader: LogReader, directory: string, from: LogPosition): Result<LogContents, WalError> {
  if (!reader.sawStart) {
    const message = `the WAL in ${directory} has no record of the snapshot at index ${from.index}, term ${from.term}`;
    return err({ type: 'snapshotNotFound', message });
  }
  if (reader.metadata === null) {
    return err({ type: 'notFound', message: `the WAL in ${directory} has no metadata record` });
  }
  return ok({ metadata: reader.metadata, hardState: reader.hardState, entries: reader.entries });
}

async function oldestIndex(disk: Disk, directory: string): Promise<Result<number, WalError>> {
  try {
    const oldest = segmentsAmong(await disk.list(directory))[0];
    if (oldest === undefined)
      return err({ type: 'notFound', message: `there is no WAL in ${directory}: no .wal files` });
    return ok(oldest.firstIndex);
  } catch (error) {
    return err(unreadable(directory, error));
  }
}

/** Names in a WAL directory: segments are `<sequence>-<first index>.wal`, 16 hex digits each (etcd server/storage/wal/util.go). */
import { err, ok, type Result } from '../../../base/result.ts';
import type { WalError } from './errors.ts';

export interface Segment {
  readonly name: string;
  /** 0, 1, 2, … without gaps. */
  readonly sequence: number;
  /** The index that the next entry had, or should have had, when the segment was made. */
  readonly firstIndex: number;
}

export function newSegment(sequence: number, firstIndex: number): Segment {
  return { name: `${hex16(sequence)}-${hex16(firstIndex)}.wal`, sequence, firstIndex };
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}

/** The segments among the names of a directory, oldest first. Other names (.tmp, .broken) are ignored, as etcd does. */
export function segmentsAmong(names: readonly string[]): Segment[] {
  const segments: Segment[] = [];
  for (const name of [...names].sort()) {
    const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/.exec(name);
    if (match !== null) {
      segments.push({ name, sequence: Number(`0x${match[1]}`), firstIndex: Number(`0x${match[2]}`) });
    }
  }
  return segments;
}

/** The segments that hold everything after `index`: the last one that starts at or before it, and all later ones. */
export function segmentsFrom(directory: string, all: readonly Segment[], index: number): Result<Segment[], WalError> {
  if (all.length === 0) return err({ type: 'notFound', message: `there is no WAL in ${directory}: no .wal files` });
  const first = all.findLastIndex((segment) => segment.firstIndex <= index);
  if (first < 0) {
    const oldest = all[0]?.firstIndex ?? 0;
    const message = `the WAL in ${directory} starts at index ${oldest}, after the snapshot's index ${index}`;
    return err({ type: 'notFound', message });
  }
  const chosen = all.slice(first);
  for (const [i, segment] of chosen.entries()) {
    const before = chosen[i - 1];
    if (before !== undefined && segment.sequence !== before.sequence + 1) {
      const message = `the WAL in ${directory} has a gap: ${before.name} is followed by ${segment.name}`;
      return err({ type: 'notFound', message });
    }
  }
  return ok(chosen);
}

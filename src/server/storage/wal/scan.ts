/** Walks a run of segments record by record, without holding more than a chunk of them. */
import { join } from 'node:path';
import type { Disk } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import { corrupt, type WalError } from './errors.ts';
import type { Segment } from './layout.ts';
import { type Chain, type ReadLimits, type RecordVisitor, readSegment, type SegmentEnd } from './segment-reader.ts';

/** Where the log ends: in the last segment. */
export interface LogEnd {
  readonly segment: Segment;
  /** Bytes of the segment up to the end of its last sound record. */
  readonly offset: number;
  /** What a crash left behind `offset`, or null. */
  readonly torn: string | null;
  /** The running checksum at the end. */
  readonly crc: number;
}

/** What `readLog` and `Wal.open` read a megabyte at a time unless told otherwise. */
export const chunkBytesDefault = 1024 * 1024;

/** Visits every record of `segments`, which follow each other. I/O errors are thrown. */
export async function scanSegments(
  disk: Disk,
  directory: string,
  segments: readonly Segment[],
  limits: ReadLimits,
  visit: RecordVisitor,
): Promise<Result<LogEnd, WalError>> {
  const chain: Chain = { crc: segments[0]?.sequence === 0 ? 0 : null };
  const last = segments.at(-1);
  for (const segment of segments) {
    const file = join(directory, segment.name);
    const end = await scanOne(disk, file, segment === last, chain, limits, visit);
    if (end.type === 'corrupt') return err(corrupt(file, end.offset, end.found));
    if (segment === last) {
      const torn = end.type === 'torn' ? end.found : null;
      return ok({ segment, offset: end.offset, torn, crc: chain.crc ?? 0 });
    }
  }
  return err({ type: 'notFound', message: `there is no WAL in ${directory}: no .wal files` });
}

async function scanOne(
  disk: Disk,
  path: string,
  isLast: boolean,
  chain: Chain,
  limits: ReadLimits,
  visit: RecordVisitor,
): Promise<SegmentEnd> {
  const file = await disk.open(path, 'read');
  try {
    return await readSegment(file, isLast, chain, limits, visit);
  } finally {
    await file.close();
  }
}

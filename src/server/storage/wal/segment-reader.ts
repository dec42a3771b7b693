/**
 * Reads one segment in chunks, checks every record against the running checksum, and tells at its end whether what follows is
 * nothing, the torn tail of a crash, or damage. Hot path of start-up: a record costs no promise and no copy.
 *
 * Where it is stricter than etcd: a sector is written whole or not at all, so what shares a sector with an intact length word must
 * be intact too. A header that contradicts its length word, or bytes after a zero word in its sector, are damage and no tear;
 * etcd would cut the log there.
 */
import { crc32c } from '../../../base/crc32c.ts';
import type { DiskFile } from '../../../base/ports.ts';
import { recordType } from '../../../proto/walpb.ts';
import {
  hasZeroSector,
  isZero,
  lengthWordBytes,
  padding,
  RecordView,
  readLengthWord,
  recordHeaderBytesMax,
  sectorBytes,
} from './frame.ts';

/** How a segment ends. Offsets are bytes in the file, just after the last sound record. */
export type SegmentEnd =
  | { readonly type: 'end'; readonly offset: number }
  | { readonly type: 'torn'; readonly offset: number; readonly found: string }
  | { readonly type: 'corrupt'; readonly offset: number; readonly found: string };

/** Called for each sound record but the checksum's; returns what is wrong with it, or null. The view is reused. */
export type RecordVisitor = (record: RecordView) => string | null;

/** The running checksum: 0 before the log's first segment; null before a later one, whose own first record states it. */
export interface Chain {
  crc: number | null;
}

/** Enough to judge a length word: its own sector, and the next one that a record's header may reach into. */
const probeBytes = 2 * sectorBytes + lengthWordBytes;

type Scan = SegmentEnd | { readonly type: 'more'; readonly bytes: number };

export interface ReadLimits {
  /** Bytes read at a time. Entries are views of these chunks. */
  readonly chunkBytes: number;
}

/**
 * Reads the segment in `file` from its start.
 * @param isLast only the last segment can be torn: earlier ones were synced before their successor was made.
 */
export async function readSegment(
  file: DiskFile,
  isLast: boolean,
  chain: Chain,
  limits: ReadLimits,
  visit: RecordVisitor,
): Promise<SegmentEnd> {
  const reader = new SegmentReader(file, await file.size(), isLast, chain, limits);
  for (;;) {
    const scan = reader.scan(visit);
    if (scan.type !== 'more') return scan;
    await reader.fill(scan.bytes);
  }
}

class SegmentReader {
  private readonly file: DiskFile;
  private readonly fileBytes: number;
  private readonly isLast: boolean;
  private readonly chain: Chain;
  private readonly chunkBytes: number;
  private readonly view = new RecordView();
  /** The bytes [windowStart, windowStart + window.length) of the file. */
  private window = Buffer.alloc(0);
  private windowStart = 0;
  private offset = 0;

  constructor(file: DiskFile, fileBytes: number, isLast: boolean, chain: Chain, limits: ReadLimits) {
    this.file = file;
    this.fileBytes = fileBytes;
    this.isLast = isLast;
    this.chain = chain;
    this.chunkBytes = limits.chunkBytes;
  }

  /** Makes `bytes` more bytes from the current offset on available, or all that the file has. */
  async fill(bytes: number): Promise<void> {
    const wanted = Math.min(Math.max(bytes, this.chunkBytes), this.fileBytes - this.offset);
    const kept = this.window.subarray(this.offset - this.windowStart);
    // A new buffer each time: entries that were handed out are views of the old one.
    const window = Buffer.allocUnsafeSlow(wanted);
    kept.copy(window, 0);
    const count = await this.file.read(window.subarray(kept.length), this.offset + kept.length);
    if (kept.length + count < wanted) throw new Error(`file ended early: ${kept.length + count} of ${wanted} bytes`);
    this.window = window;
    this.windowStart = this.offset;
  }

  /** Visits all records that are wholly in the window. */
  scan(visit: RecordVisitor): Scan {
    for (;;) {
      const at = this.offset - this.windowStart;
      const inWindow = this.window.length - at;
      const inFile = this.fileBytes - this.offset;
      if (inFile === 0) return this.end();
      if (inFile < lengthWordBytes) return this.tornIfLast('the file ends within a length word');
      const probe = Math.min(inFile, probeBytes);
      if (inWindow < probe) return { type: 'more', bytes: probe };

      const size = readLengthWord(this.window, at);
      if (size === 0) return this.nothingMore(at);
      if (size < 0) return this.corrupt('a length word contradicts itself');
      const frameBytes = lengthWordBytes + size + padding(size);
      const start = at + lengthWordBytes;
      if (frameBytes > inWindow) {
        // Asked before reading on, so that a damaged length is not believed.
        if (this.headerContradicts(start, size)) return this.corrupt('a length word contradicts its record');
        if (frameBytes > inFile) return this.tornIfLast('a record is longer than the rest of the file');
        return { type: 'more', bytes: frameBytes };
      }
      const problem = this.check(start, size, visit);
      if (problem !== null) return problem;
      this.offset += frameBytes;
    }
  }

  private check(start: number, size: number, visit: RecordVisitor): SegmentEnd | null {
    const { view, chain } = this;
    const end = start + size;
    view.fileOffset = this.offset;
    if (!view.parse(this.window, start, end)) return this.tornOrCorrupt(start, size, 'not a record');
    if (view.type === recordType.crc) return this.checkCrcRecord(end);
    if (this.offset === 0 || chain.crc === null) return this.corrupt('the segment does not begin with its checksum');
    const crc = view.hasData() ? crc32c(chain.crc, this.window, view.dataStart, view.dataEnd) : chain.crc;
    if (crc !== view.crc) {
      const found = `checksum mismatch: stored ${view.crc.toString(16)}, computed ${crc.toString(16)}`;
      return this.tornOrCorrupt(start, size, found);
    }
    if (!this.paddingIsZero(end)) return this.corrupt('padding is not zero');
    chain.crc = crc;
    const found = visit(view);
    return found === null ? null : this.corrupt(found);
  }

  private checkCrcRecord(end: number): SegmentEnd | null {
    const { view, chain } = this;
    if (!this.paddingIsZero(end)) return this.corrupt('padding is not zero');
    if (this.offset !== 0 || view.hasData()) return this.corrupt('a checksum record where none belongs');
    if (chain.crc !== null && chain.crc !== view.crc) {
      const expected = chain.crc.toString(16);
      return this.corrupt(
        `the previous segment ends with checksum ${expected}, this one states ${view.crc.toString(16)}`,
      );
    }
    chain.crc = view.crc;
    return null;
  }

  /** Records end 8-aligned in the file: what lies between `end`, in the window, and there. */
  private paddingIsZero(end: number): boolean {
    return isZero(this.window, end, end + padding(this.windowStart + end));
  }

  /** At a zero length word: the end of what was written, unless its own sector holds more. */
  private nothingMore(at: number): SegmentEnd {
    const inSector = sectorBytes - (this.offset % sectorBytes);
    const end = Math.min(at + inSector, this.window.length);
    if (!isZero(this.window, at, end)) return this.corrupt('bytes follow a zero length word');
    return this.end();
  }

  private end(): SegmentEnd {
    if (this.offset === 0) return this.corrupt('the segment is empty');
    return { type: 'end', offset: this.offset };
  }

  private tornOrCorrupt(start: number, size: number, found: string): SegmentEnd {
    const end = start + size + padding(size);
    const torn =
      !this.headerContradicts(start, size) && hasZeroSector(this.window, start, end, this.offset + lengthWordBytes);
    return torn ? this.tornIfLast(found) : this.corrupt(found);
  }

  /**
   * True if the record's header is surely what was written, and states another size than the length word, or none. A header that runs
   * into the next sector is sure only if that one is not zero, as it was before the record was written.
   */
  private headerContradicts(start: number, size: number): boolean {
    const inSector = (sectorBytes - ((this.offset + lengthWordBytes) % sectorBytes)) % sectorBytes;
    const headerEnd = Math.min(start + Math.min(recordHeaderBytesMax, size), this.window.length);
    const sectorEnd = start + inSector;
    const nextSectorEnd = Math.min(sectorEnd + sectorBytes, this.window.length);
    if (headerEnd > sectorEnd && isZero(this.window, sectorEnd, nextSectorEnd)) return false;
    if (headerEnd - start < Math.min(recordHeaderBytesMax, size)) return false;
    const probe = new RecordView();
    const dataStart = probe.parseHeader(this.window, start, start + Math.min(size, recordHeaderBytesMax));
    if (dataStart < 0) return true;
    return (probe.hasData() ? probe.dataEnd : dataStart) !== start + size;
  }

  private tornIfLast(found: string): SegmentEnd {
    return this.isLast ? { type: 'torn', offset: this.offset, found } : this.corrupt(found);
  }

  private corrupt(found: string): SegmentEnd {
    return { type: 'corrupt', offset: this.offset, found };
  }
}

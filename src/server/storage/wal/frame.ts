/**
 * The frame around every WAL record (etcd server/storage/wal/encoder.go): a little-endian 64-bit length word, the record, zero
 * bytes up to a multiple of eight. The low 56 bits of the word are the record's size; its top byte is 0x80 | padding, or 0 if
 * there is none. So length words are 8-aligned and never torn, and a zero word means "nothing was written here yet".
 *
 * The record (walpb.Record) is always `08 type 10 crc [1a size data]`; anything else on disk is damage.
 */

export const lengthWordBytes = 8;
/** The unit that disks write atomically (etcd server/storage/wal/decoder.go, minSectorSize). */
export const sectorBytes = 512;
/** The most bytes before a record's data: type 2, crc 1 + 5, tag 1, length 8. */
export const recordHeaderBytesMax = 17;

const two32 = 2 ** 32;

/** Zero bytes that follow a record of `size` bytes. */
export function padding(size: number): number {
  return -size & 7;
}

export function writeLengthWord(bytes: Buffer, at: number, size: number): void {
  const pad = padding(size);
  bytes.writeUInt32LE(size % two32, at);
  const top = pad === 0 ? 0 : 0x80 | pad;
  bytes.writeUInt32LE(((top << 24) | Math.floor(size / two32)) >>> 0, at + 4);
}

/** The record size that a length word states; 0 for the zero word; -1 if the padding contradicts the size. */
export function readLengthWord(bytes: Buffer, at: number): number {
  const low = bytes.readUInt32LE(at);
  const high = bytes.readUInt32LE(at + 4);
  if (low === 0 && high === 0) return 0;
  const size = (high & 0xffffff) * two32 + low;
  const pad = padding(size);
  const top = pad === 0 ? 0 : 0x80 | pad;
  return size !== 0 && high >>> 24 === top ? size : -1;
}

/** A record inside `bytes`. Reused from record to record, because reading a log visits millions. */
export class RecordView {
  bytes: Buffer = Buffer.alloc(0);
  /** Where the frame begins in its file. */
  fileOffset = 0;
  type = 0;
  crc = 0;
  dataStart = 0;
  /** Below `dataStart` when the record has no data field. */
  dataEnd = -1;

  /** Reads the header of the record at [start, end) of `bytes`. False unless header and data fill the record exactly. */
  parse(bytes: Buffer, start: number, end: number): boolean {
    const dataStart = this.parseHeader(bytes, start, end);
    return dataStart >= 0 && (this.dataEnd < dataStart ? dataStart : this.dataEnd) === end;
  }

  /**
   * Reads as much as is there of a record whose bytes from `start` on are known up to `end`. Returns where the header ends, or -1
   * if these bytes cannot begin a record. `dataEnd` may lie beyond `end`.
   */
  parseHeader(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes;
    let at = start;
    if (at + 4 > end || bytes[at] !== 0x08 || bytes[at + 2] !== 0x10) return -1;
    this.type = bytes[at + 1] as number;
    at += 3;
    let crc = 0;
    let scale = 1;
    for (;;) {
      if (at >= end || scale > 2 ** 28) return -1;
      const octet = bytes[at++] as number;
      crc += (octet & 0x7f) * scale;
      if (octet < 0x80) break;
      scale *= 128;
    }
    if (crc >= two32 || this.type >= 0x80) return -1;
    this.crc = crc;
    this.dataStart = at;
    this.dataEnd = -1;
    if (at >= end || bytes[at] !== 0x1a) return at;
    at++;
    let size = 0;
    scale = 1;
    for (;;) {
      if (at >= end || scale > 2 ** 49) return -1;
      const octet = bytes[at++] as number;
      size += (octet & 0x7f) * scale;
      if (octet < 0x80) break;
      scale *= 128;
    }
    this.dataStart = at;
    this.dataEnd = at + size;
    return at;
  }

  hasData(): boolean {
    return this.dataEnd >= this.dataStart;
  }
}

/** True if bytes[start, end) are all zero. */
export function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/**
 * True if some sector's share of bytes[start, end), which stand at `fileOffset` in their file, is all zero: what a crash leaves
 * when it loses a sector of a write into zeroed space (etcd's isTornEntry).
 */
export function hasZeroSector(bytes: Buffer, start: number, end: number, fileOffset: number): boolean {
  let at = start;
  let offset = fileOffset;
  while (at < end) {
    const share = Math.min(sectorBytes - (offset % sectorBytes), end - at);
    if (isZero(bytes, at, at + share)) return true;
    at += share;
    offset += share;
  }
  return false;
}

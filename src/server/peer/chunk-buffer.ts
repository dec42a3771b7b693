/**
 * Gathers the frames of one loop turn into one HTTP/1.1 chunk, ready for one socket write. Hot path: bytes are encoded once,
 * straight into a slab; large entry data is passed on by reference. A slab is never reused, so no write can see it change.
 */
import { invariant } from '../../base/assert.ts';
import { Writer } from '../../proto/codec.ts';

const slabBytes = 64 * 1024;
/** Data of this size is referenced: copying it would cost more than another element of a vectored write. */
export const referencedBytesMin = 16 * 1024;

/** Eight hex digits and CRLF: a fixed width, so that the length can be filled in last. */
const chunkHeaderBytes = 10;
const crlf = [0x0d, 0x0a] as const;

export class ChunkBuffer {
  private out = Writer.sized(0);
  private segmentStart = 0;
  private parts: Uint8Array[] = [];
  private partBytes = 0;
  private header: Buffer | null = null;

  /** Bytes gathered so far, framing included. */
  get length(): number {
    return this.partBytes + this.out.pos - this.segmentStart;
  }

  isEmpty(): boolean {
    return this.header === null;
  }

  /** A writer with room for `size` bytes, of which all must be written before the next call on this object. */
  writer(size: number): Writer {
    if (this.header === null) {
      this.reserve(chunkHeaderBytes + size);
      this.header = this.out.bytes.subarray(this.out.pos, this.out.pos + chunkHeaderBytes);
      this.out.pos += chunkHeaderBytes;
    } else this.reserve(size);
    return this.out;
  }

  /** Appends bytes that will never change, without a copy. A writer must have been used before. */
  reference(bytes: Uint8Array): void {
    this.seal();
    this.parts.push(bytes);
    this.partBytes += bytes.length;
  }

  /** The complete chunk, in parts; this object is empty again. */
  take(): readonly Uint8Array[] {
    const header = this.header;
    invariant(header !== null, 'a chunk has a body');
    this.reserve(crlf.length);
    this.out.byte(crlf[0]);
    this.out.byte(crlf[1]);
    this.seal();
    const bodyBytes = this.partBytes - chunkHeaderBytes - crlf.length;
    header.write(`${bodyBytes.toString(16).padStart(8, '0')}\r\n`, 'latin1');
    const parts = this.parts;
    this.parts = [];
    this.partBytes = 0;
    this.header = null;
    return parts;
  }

  private reserve(size: number): void {
    if (this.out.bytes.length - this.out.pos >= size) return;
    this.seal();
    this.out = new Writer(Buffer.allocUnsafeSlow(Math.max(slabBytes, size)));
    this.segmentStart = 0;
  }

  private seal(): void {
    const end = this.out.pos;
    if (end === this.segmentStart) return;
    this.parts.push(this.out.bytes.subarray(this.segmentStart, end));
    this.partBytes += end - this.segmentStart;
    this.segmentStart = end;
  }
}

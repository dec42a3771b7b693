/**
 * Puts and deletes that have not been handed over yet, as bytes in arenas that are never written twice. What follows the last mark
 * stays behind when the rest is taken.
 *
 * Hot: one call per put (bench/backend.ts).
 */
import { Writer } from '../../../proto/codec.ts';
import { opHeaderBytes, writeDeleteHeader, writePutHeader } from './ops.ts';

/** The arenas of a member that has little to do are small. */
const arenaBytesMin = 64 * 1024;
const arenaBytesMax = 1024 * 1024;

export interface Ops {
  /** Whole ops, in order, see ops.ts; views of arenas. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

export class WriteBuffer {
  /** Ops since the last `take`. */
  count = 0;
  /** Bytes since the last `take`. */
  bytes = 0;
  /** Full arenas, each from where the last `take` left it. */
  private full: Uint8Array[] = [];
  private writer = new Writer(Buffer.alloc(0));
  /** The first byte in the current arena that was not taken, and the one after the last. */
  private start = 0;
  private end = 0;
  private arenaBytes = arenaBytesMin;
  private readonly marked = { count: 0, bytes: 0 };

  /** Room for a put; see Backend.put. */
  put(bucket: number, keyBytes: number, valueBytes: number): Writer {
    const writer = this.reserve(opHeaderBytes + keyBytes + valueBytes);
    writePutHeader(writer.bytes, writer.pos, bucket, keyBytes, valueBytes);
    writer.pos += opHeaderBytes;
    return writer;
  }

  delete(bucket: number, key: Uint8Array): void {
    const writer = this.reserve(opHeaderBytes + key.length);
    writeDeleteHeader(writer.bytes, writer.pos, bucket, key.length);
    writer.bytes.set(key, writer.pos + opHeaderBytes);
  }

  /** What was written so far may be taken. */
  mark(): void {
    this.marked.count = this.count;
    this.marked.bytes = this.bytes;
  }

  /** Something was written after the last mark. */
  get hasTail(): boolean {
    return this.count > this.marked.count;
  }

  /** Bytes written before the last mark. */
  get markedBytes(): number {
    return this.marked.bytes;
  }

  /** Takes out what was written before the last mark. */
  take(): Ops {
    const { count, bytes } = this.marked;
    const parts: Uint8Array[] = [];
    for (let left = bytes; left > 0; ) {
      const part = (this.full[0] ?? this.writer.bytes.subarray(this.start, this.end)).subarray(0, left);
      parts.push(part);
      this.drop(part.length);
      left -= part.length;
    }
    this.count -= count;
    this.bytes -= bytes;
    this.marked.count = 0;
    this.marked.bytes = 0;
    this.arenaBytes = Math.min(arenaBytesMax, Math.max(arenaBytesMin, bytes));
    return { parts, bytes };
  }

  private drop(bytes: number): void {
    const [first] = this.full;
    if (first === undefined) this.start += bytes;
    else if (bytes < first.length) this.full[0] = first.subarray(bytes);
    else this.full.shift();
  }

  private reserve(size: number): Writer {
    if (this.end + size > this.writer.bytes.length) this.nextArena(size);
    const { writer } = this;
    writer.pos = this.end;
    this.end += size;
    this.count++;
    this.bytes += size;
    return writer;
  }

  private nextArena(size: number): void {
    if (this.end > this.start) this.full.push(this.writer.bytes.subarray(this.start, this.end));
    this.writer = new Writer(Buffer.allocUnsafeSlow(Math.max(this.arenaBytes, size)));
    this.arenaBytes = Math.min(arenaBytesMax, this.arenaBytes * 2);
    this.start = 0;
    this.end = 0;
  }
}

/**
 * Bytes that arrived but are not yet decoded. Hot path: a frame that lies within one chunk is taken as a view; one that spans
 * chunks is copied once, when it is complete, however many chunks it came in.
 */
import { invariant } from '../../base/assert.ts';

export class ByteQueue {
  private chunks: Buffer[] = [];
  private head = 0;
  private headPos = 0;
  private size = 0;

  get length(): number {
    return this.size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  /** Removes and returns the first `count` bytes; there must be as many. The result must not be written to. */
  take(count: number): Buffer {
    invariant(count <= this.size, 'only bytes that arrived are taken');
    this.size -= count;
    const first = this.chunks[this.head];
    if (first !== undefined && this.headPos + count <= first.length) {
      const view = first.subarray(this.headPos, this.headPos + count);
      this.advance(first, count);
      return view;
    }
    const bytes = Buffer.allocUnsafe(count);
    for (let filled = 0; filled < count; ) {
      const chunk = this.chunks[this.head];
      invariant(chunk !== undefined, 'the size is that of the chunks');
      const part = Math.min(count - filled, chunk.length - this.headPos);
      chunk.copy(bytes, filled, this.headPos, this.headPos + part);
      filled += part;
      this.advance(chunk, part);
    }
    return bytes;
  }

  /** A big-endian 64-bit length; Infinity for those that no limit admits. Eight bytes must be there. */
  takeLength(): number {
    const bytes = this.take(8);
    const high = bytes.readUInt32BE(0);
    return high >= 2 ** 21 ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32BE(4);
  }

  private advance(chunk: Buffer, count: number): void {
    this.headPos += count;
    if (this.headPos < chunk.length) return;
    this.headPos = 0;
    this.head++;
    if (this.head === this.chunks.length) {
      this.chunks = [];
      this.head = 0;
    } else if (this.head >= 1_024) {
      this.chunks = this.chunks.slice(this.head);
      this.head = 0;
    }
  }
}

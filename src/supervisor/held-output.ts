/** Standard output while something else has the terminal: the last lines are kept, and shown when the terminal is free again. */
import type { Send } from './output.ts';
import { Output, terminalSend } from './output.ts';

/** More than the last lines of a screen. */
const keptBytesMax = 64 * 1024;

export class HeldOutput {
  readonly output = new Output((buffers, done) => this.#take(buffers, done), null);
  #kept: Buffer = Buffer.alloc(0);
  #send: Send | null = null;

  /** From now on all goes to the terminal, after the last `lines` lines of what was held. */
  release(lines: number): void {
    if (this.#send !== null) return;
    this.#send = terminalSend();
    const tail = lastLines(this.#kept, lines);
    this.#kept = Buffer.alloc(0);
    if (tail.length > 0) this.output.write(tail);
  }

  #take(buffers: readonly Buffer[], done: (error: Error | null) => void): void {
    if (this.#send !== null) {
      this.#send(buffers, done);
      return;
    }
    // Of a flood the end alone is copied; the buffers are not ours to keep.
    const ends: Buffer[] = [];
    let bytes = 0;
    for (let at = buffers.length - 1; at >= 0 && bytes < keptBytesMax; at--) {
      const end = buffers[at]?.subarray(-keptBytesMax);
      if (end === undefined) continue;
      ends.unshift(end);
      bytes += end.length;
    }
    this.#kept = Buffer.from(Buffer.concat([this.#kept, ...ends]).subarray(-keptBytesMax));
    done(null);
  }
}

/** Of whole lines. */
function lastLines(bytes: Buffer, count: number): Buffer {
  let from = bytes.length;
  for (let left = count + 1; left > 0; left--) {
    const newline = from === 0 ? -1 : bytes.lastIndexOf(0x0a, from - 1);
    if (newline < 0) return bytes;
    from = newline;
  }
  return bytes.subarray(from + 1);
}

/** Standard output while something else has the terminal: the last lines are kept, and shown when the terminal is free again. */
import { lastLines } from './last-lines.ts';
import type { Send } from './output.ts';
import { Output, terminalSend } from './output.ts';

const keptBytesMax = 64 * 1024;

export class HeldOutput {
  readonly output = new Output((buffers, done) => this.#take(buffers, done), null);
  #kept: Buffer = Buffer.alloc(0);
  readonly #lines: number;
  #send: Send | null = null;

  /** Keeps `lines` lines, of 64 KiB at most. */
  constructor(lines: number) {
    this.#lines = lines;
    this.output.linesWanted = lines;
  }

  /** From now on all goes to the terminal, after the lines that were kept. */
  release(): void {
    if (this.#send !== null) return;
    this.#send = terminalSend();
    this.output.linesWanted = null;
    const tail = lastLines(this.#kept, this.#lines);
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

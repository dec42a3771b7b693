/** Standard output while something else has the terminal: the last lines are kept, and shown when the terminal is free again. */
import { lastLines } from './last-lines.ts';
import type { Send } from './output.ts';
import { Output, terminalSend } from './output.ts';

const keptBytesMax = 64 * 1024;

export class HeldOutput {
  readonly output = new Output((buffers, done) => this.#take(buffers, done), null);
  #kept: Buffer[] = [];
  #keptBytes = 0;
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
    const tail = lastLines(Buffer.concat(this.#kept), this.#lines);
    this.#kept = [];
    if (tail.length > 0) this.output.write(tail);
  }

  #take(buffers: readonly Buffer[], done: (error: Error | null) => void): void {
    if (this.#send !== null) {
      this.#send(buffers, done);
      return;
    }
    // The buffers are not ours to keep; of a flood the end alone is copied.
    for (const buffer of buffers) {
      const end = Buffer.from(buffer.subarray(-keptBytesMax));
      this.#kept.push(end);
      this.#keptBytes += end.length;
    }
    while (this.#keptBytes - (this.#kept[0]?.length ?? 0) >= keptBytesMax)
      this.#keptBytes -= this.#kept.shift()?.length ?? 0;
    done(null);
  }
}

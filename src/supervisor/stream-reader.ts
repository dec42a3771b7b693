/**
 * Reads the output of child processes into one piece of memory that all streams share: nothing is allocated for a chunk, and
 * what is in a pipe comes in fewer, larger pieces (measured: half the CPU of 'data' events). What hears a chunk must be done
 * with it when it returns.
 */
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** More than a pipe or a socket holds by default gains nothing. */
const readBytes = 128 * 1024;
/** In front of each chunk: for the beginning of its first line, which came with the chunk before. */
const headroomBytes = 64 * 1024;

export class StreamReader {
  readonly #memory = Buffer.allocUnsafeSlow(headroomBytes + readBytes);

  /**
   * Reads `stream` from now on. The result is what may be paused, resumed and destroyed in its place, and says 'close'.
   * `headroom` is how much memory before each chunk may be written to.
   */
  read(stream: Readable, hear: (chunk: Buffer) => void): { readonly stream: Readable; readonly headroom: number } {
    const handle: unknown = '_handle' in stream ? stream._handle : null;
    if (!(stream instanceof Socket) || handle === null) {
      stream.on('data', hear);
      return { stream, headroom: 0 };
    }
    // The stream that Node makes for a child reads into new memory each time; one that is told where to read has to be made
    // of the same handle. `handle` is what Node's own servers pass; its types leave it out.
    const options = {
      handle,
      readable: true,
      writable: false,
      onread: {
        buffer: this.#memory.subarray(headroomBytes),
        callback: (count: number) => {
          hear(this.#memory.subarray(headroomBytes, headroomBytes + count));
          return true;
        },
      },
    };
    const reader = new Socket(options);
    stream.on('error', () => {}); // Node looks at it once more when the process ends, and finds the handle closed
    reader.resume();
    return { stream: reader, headroom: headroomBytes };
  }
}

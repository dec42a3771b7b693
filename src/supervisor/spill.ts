/** Bytes that nobody takes yet, first in first out, in a nameless temporary file: memory stays free for supervising. */
import { randomBytes } from 'node:crypto';
import { ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** No more is kept; whoever produces must wait then. */
const spillBytesMax = 1024 * 1024 * 1024;

export class Spill {
  readonly #folder: string;
  readonly #maxBytes: number;
  #descriptor: number | null = null;
  #written = 0;
  #read = 0;

  /** The file is made in `folder` when it is first needed. */
  constructor(folder: string, maxBytes = spillBytesMax) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#written - this.#read;
  }

  /** False, and nothing is kept, if the limit or the disk does not allow it. */
  append(bytes: Buffer): boolean {
    if (this.#written + bytes.length > this.#maxBytes) return false;
    try {
      this.#descriptor ??= this.#open();
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#written + done);
      }
    } catch {
      return false;
    }
    this.#written += bytes.length;
    return true;
  }

  /** The oldest bytes, up to `count`. */
  take(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(Math.min(count, this.bytes));
    if (this.#descriptor === null) return bytes;
    for (let done = 0; done < bytes.length; ) {
      done += readSync(this.#descriptor, bytes, done, bytes.length - done, this.#read + done);
    }
    this.#read += bytes.length;
    if (this.bytes === 0) {
      ftruncateSync(this.#descriptor, 0);
      this.#written = 0;
      this.#read = 0;
    }
    return bytes;
  }

  /** Without a name the file ends with the process, however that ends. */
  #open(): number {
    const file = join(this.#folder, `clusterctl-${process.pid}-${randomBytes(6).toString('hex')}`);
    const descriptor = openSync(file, 'wx+', 0o600);
    unlinkSync(file);
    return descriptor;
  }
}

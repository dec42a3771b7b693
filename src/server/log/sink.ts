/**
 * Where log lines go: a file descriptor, written synchronously at the end of the loop turn, so that lines are cheap, in order,
 * and on their way before the process can exit. A reader that is gone never stops the member; one that is slow holds it up, as it
 * does real etcd, unless the descriptor is non-blocking: then lines wait in memory up to a limit.
 */
import { closeSync, writeSync } from 'node:fs';
import { errnoCode } from '../../base/go-errno.ts';

/** Lines beyond this much unwritten text (in UTF-16 units) are dropped and counted, when the reader does not keep up. */
export const pendingMax = 4 * 1024 * 1024;
/** This much pending text (in UTF-16 units) is written at once instead of at the end of the turn. */
const writeAtOnce = 64 * 1024;
/** How soon to try again when the descriptor takes no more. */
const retryMs = 10;
/** How long `flush` waits in total for a full pipe before it gives the rest up. */
const flushWaitMs = 1000;

export interface Sink {
  write(line: string): void;
  /** Writes everything that is pending, waiting up to a second for a reader that is behind. */
  flush(): void;
  /** Flushes, then closes the descriptor if the sink opened it. */
  close(): void;
  /** How many lines were lost to a full buffer since the last call; 0 while it is still full. */
  takeDropped(): number;
}

/** The part of the file system a sink needs; tests replace it. */
export interface SinkIo {
  /** Returns the bytes written; throws as fs.writeSync does. */
  write(descriptor: number, bytes: Uint8Array): number;
  sleep(ms: number): void;
}

const nodeIo: SinkIo = {
  write: (descriptor, bytes) => writeSync(descriptor, bytes),
  sleep: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
};

export class DescriptorSink implements Sink {
  readonly #descriptor: number;
  readonly #owned: boolean;
  readonly #io: SinkIo;
  #lines: string[] = [];
  #linesSize = 0;
  /** Encoded text of which a part may have been written already. */
  #unwritten: Uint8Array = new Uint8Array(0);
  #dropped = 0;
  #scheduled: NodeJS.Immediate | NodeJS.Timeout | null = null;
  #broken = false;

  /** `owned` descriptors are closed by `close`; 1 and 2 are never owned. */
  constructor(descriptor: number, owned: boolean, io: SinkIo = nodeIo) {
    this.#descriptor = descriptor;
    this.#owned = owned;
    this.#io = io;
  }

  write(line: string): void {
    if (this.#broken) return;
    if (this.#linesSize + this.#unwritten.length + line.length > pendingMax) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#linesSize += line.length;
    if (this.#scheduled !== null) return;
    if (this.#linesSize >= writeAtOnce) this.#writePending();
    else this.#scheduled = setImmediate(() => this.#writePending());
  }

  flush(): void {
    for (let waitedMs = 0; !this.#writePending() && waitedMs < flushWaitMs; waitedMs += retryMs)
      this.#io.sleep(retryMs);
  }

  close(): void {
    this.flush();
    this.#cancel();
    this.#broken = true;
    if (this.#owned) closeSync(this.#descriptor);
  }

  takeDropped(): number {
    if (this.#dropped === 0 || this.#linesSize + this.#unwritten.length > pendingMax / 2) return 0;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** True when nothing is left to write. */
  #writePending(): boolean {
    this.#cancel();
    if (this.#lines.length > 0) {
      this.#unwritten = Buffer.concat([this.#unwritten, Buffer.from(this.#lines.join(''))]);
      this.#lines = [];
      this.#linesSize = 0;
    }
    try {
      while (this.#unwritten.length > 0) {
        const written = this.#io.write(this.#descriptor, this.#unwritten);
        this.#unwritten = this.#unwritten.subarray(written);
      }
      return true;
    } catch (error) {
      return this.#onWriteError(errnoCode(error));
    }
  }

  #onWriteError(code: string | null): boolean {
    if (code === 'EAGAIN' || code === 'EINTR') {
      this.#scheduled = setTimeout(() => this.#writePending(), retryMs);
      this.#scheduled.unref();
      return false;
    }
    // A full disk may get room again; a reader that is gone (EPIPE, EIO of a closed terminal) never comes back.
    this.#broken = code !== 'ENOSPC';
    this.#unwritten = new Uint8Array(0);
    return true;
  }

  #cancel(): void {
    if (this.#scheduled instanceof Object && 'refresh' in this.#scheduled) clearTimeout(this.#scheduled);
    else if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
  }
}

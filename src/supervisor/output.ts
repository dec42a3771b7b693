/**
 * The supervisor's standard output: an ordered, bounded queue whose writes never block the event loop, so that a terminal held
 * with Ctrl-S or a reader that sleeps cannot stop the supervisor from supervising. What memory should not hold goes to a file,
 * so that it does not slow the processes either.
 */
import { constants, fstatSync, openSync, writev } from 'node:fs';
import { tmpdir } from 'node:os';
import { isatty } from 'node:tty';
import { LineBlocks } from './line-blocks.ts';
import { prefixLines } from './line-format.ts';
import { Spill } from './spill.ts';
import type { BlockPool } from './text-blocks.ts';
import { blockBytes, TextBlocks } from './text-blocks.ts';

/** Above this the queue asks its producers to pause … */
const queueBytesHigh = 8 * 1024 * 1024;
/** … and below this to go on. */
const queueBytesLow = 2 * 1024 * 1024;
/** Kept in memory; more goes to the spill, if there is one. */
const memoryBytesMax = 4 * 1024 * 1024;
/** Taken back from the spill at once. */
const spillTakeBytes = 1024 * 1024;
/** Handed to the kernel at once. */
const batchBuffersMax = 512;
/** Lines that come in smaller blocks are not worth the memory that a flood needs. */
const floodBytes = 4 * 1024;
/** With this much to write there is no waiting for more. */
const gatherBytes = 512 * 1024;
/** How soon to try again when a terminal takes nothing. */
const retryMs = 2;

/** Starts to write all of `buffers`; calls back once, after the last byte or with the error that prevents it. */
export type Send = (buffers: readonly Buffer[], done: (error: Error | null) => void) => void;

export class Output {
  /** Called when the queue passes its high mark (true) and when it has fallen to the low one (false). */
  onCongestion: (congested: boolean) => void = () => {};
  /** Of a block of lines only so many at its end are of use to anybody; null: all. Whoever writes may leave out the others. */
  linesWanted: number | null = null;
  /** Called once when the reader is gone (EPIPE) or writing fails for good; later writes are dropped. */
  onClosed: (error: Error) => void = () => {};

  readonly #send: Send;
  readonly #spill: Spill | null;
  readonly #gatherMs: number;
  /** Younger than the queue; at most one of the two holds anything. */
  readonly #text: TextBlocks;
  readonly #lines = new LineBlocks();
  /** Younger than everything in the spill; filled only when that takes no more. */
  #late: Buffer[] = [];
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #sendingBytes = 0;
  #congested = false;
  #failed = false;
  #gathering = false;
  #idle: (() => void)[] = [];
  #sends = 0;

  /** Waits up to `gatherMs` for more to write at once; with 0, until the end of the turn of the event loop. Memory is of `pool`. */
  constructor(send: Send, spill: Spill | null, gatherMs = 0, pool?: BlockPool) {
    this.#send = send;
    this.#text = new TextBlocks(pool);
    this.#spill = spill;
    this.#gatherMs = gatherMs;
  }

  /** The bytes must not change any more. */
  write(bytes: Buffer): void {
    if (this.#failed) return;
    if (this.#takesMore()) {
      this.#seal();
      this.#queue.push(bytes);
    } else {
      if (this.#late.length === 0 && this.#spill?.append(bytes) === true) return;
      this.#late.push(bytes);
    }
    this.#added(bytes.length);
  }

  /** Text whose characters are bytes. */
  writeLatin1(text: string): void {
    if (this.#failed) return;
    if (text.length > blockBytes || !this.#takesMore()) {
      this.write(Buffer.from(text, 'latin1'));
      return;
    }
    this.#sealLines();
    if (!this.#text.append(text)) {
      this.#sealText();
      this.#text.append(text);
    }
    this.#added(text.length);
  }

  /** Bytes that may change afterwards. */
  writeCopy(bytes: Buffer): void {
    if (this.#failed) return;
    if (!this.#takesMore()) {
      this.write(Buffer.from(bytes));
      return;
    }
    this.#sealLines();
    for (let at = this.#text.copy(bytes, 0); at < bytes.length; at += this.#text.copy(bytes, at)) this.#sealText();
    this.#added(bytes.length);
  }

  /** Whole lines, each after a prefix whose characters are bytes; `block` may change afterwards. */
  writeLines(block: Buffer, prefix: string): void {
    if (this.#failed) return;
    if (block.length < floodBytes || !this.#takesMore()) {
      this.writeLatin1(prefixLines(block, prefix));
      return;
    }
    this.#sealText();
    const { taken, written } = this.#lines.add(block, prefix, (piece) => this.#queue.push(piece));
    if (written > 0) this.#added(written);
    if (taken < block.length) this.writeLatin1(prefixLines(block.subarray(taken), prefix));
  }

  /** True if memory may take what comes next. */
  #takesMore(): boolean {
    if (this.#spill === null) return true;
    return this.#spill.bytes === 0 && this.#late.length === 0 && this.#queuedBytes < memoryBytesMax;
  }

  #seal(): void {
    this.#sealText();
    this.#sealLines();
  }

  #sealLines(): void {
    const bytes = this.#lines.take();
    if (bytes !== null) this.#queue.push(bytes);
  }

  #sealText(): void {
    const bytes = this.#text.take();
    if (bytes !== null) this.#queue.push(bytes);
  }

  #added(bytes: number): void {
    this.#queuedBytes += bytes;
    if (this.#sendingBytes === 0) {
      if (this.#queuedBytes >= gatherBytes) this.#next();
      else this.#gather();
    }
    if (!this.#congested && this.#queuedBytes > queueBytesHigh) {
      this.#congested = true;
      this.onCongestion(true);
    }
  }

  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const gathered = () => {
      this.#gathering = false;
      if (this.#sendingBytes === 0 && this.#queuedBytes > 0) this.#next();
    };
    if (this.#gatherMs === 0) setImmediate(gathered);
    else setTimeout(gathered, this.#gatherMs);
  }

  /** Resolves to true when everything is written or dropped, to false when nothing could be written for `patienceMs`. */
  async flush(patienceMs: number): Promise<boolean> {
    while (!this.#failed && (this.#hasMore() || this.#sendingBytes > 0)) {
      const before = this.#sends;
      if (this.#sendingBytes === 0) this.#next();
      if (this.#sends !== before) continue;
      await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), timeout(patienceMs)]);
      if (this.#sends === before) return false;
    }
    return true;
  }

  #hasMore(): boolean {
    return this.#queuedBytes > this.#sendingBytes || (this.#spill !== null && this.#spill.bytes > 0);
  }

  #next(): void {
    this.#seal();
    if (this.#queue.length === 0) this.#refill();
    const batch = this.#queue.length <= batchBuffersMax ? this.#queue : this.#queue.slice(0, batchBuffersMax);
    this.#queue = batch === this.#queue ? [] : this.#queue.slice(batchBuffersMax);
    this.#sendingBytes = batch.reduce((sum, buffer) => sum + buffer.length, 0);
    this.#send(batch, (error) => this.#sent(batch, error));
  }

  #sent(batch: readonly Buffer[], error: Error | null): void {
    this.#sends++;
    for (const bytes of batch) {
      this.#text.giveBack(bytes);
      this.#lines.giveBack(bytes);
    }
    this.#queuedBytes -= this.#sendingBytes;
    this.#sendingBytes = 0;
    if (error !== null && !this.#failed) {
      this.#failed = true;
      this.#queue = [];
      this.#text.take();
      this.#lines.take();
      this.#late = [];
      this.#queuedBytes = 0;
      this.onClosed(error);
    }
    if (this.#congested && this.#queuedBytes <= queueBytesLow) {
      this.#congested = false;
      this.onCongestion(false);
    }
    if (!this.#failed && this.#hasMore()) {
      if (this.#queuedBytes < gatherBytes && this.#takesMore()) this.#gather();
      else this.#next();
    }
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  /** The next oldest after the queue. */
  #refill(): void {
    if (this.#spill !== null && this.#spill.bytes > 0) {
      const bytes = this.#spill.take(spillTakeBytes);
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
    } else {
      this.#queue = this.#late;
      this.#late = [];
    }
  }
}

function timeout(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs).unref());
}

/** Standard output by what it is: pipes and sockets through Node's stream, files and terminals by descriptor. */
export function standardOutput(): Output {
  const stat = fstatSync(1);
  if (stat.isFile()) return fileOutput(1); // a disk is no slower than the one that the spill would use
  const spill = new Spill(tmpdir());
  if (stat.isFIFO() || stat.isSocket()) return new Output(sendToStream(process.stdout), spill);
  return new Output(sendToDescriptor(isatty(1) ? nonBlockingTerminal(1) : 1), spill);
}

/** A regular file; `gatherMs` and `pool` as for Output. Nothing is written before `after` has resolved; it must not reject. */
export function fileOutput(
  descriptor: number,
  gatherMs = 0,
  after: Promise<void> | null = null,
  pool?: BlockPool,
): Output {
  const send = sendToDescriptor(descriptor);
  return new Output(
    after === null ? send : (buffers, done) => void after.then(() => send(buffers, done)),
    null,
    gatherMs,
    pool,
  );
}

/** Writes to the terminal that standard output is. */
export function terminalSend(): Send {
  return sendToDescriptor(nonBlockingTerminal(1));
}

/** Standard error, if it is a terminal; to anything else Node's own writes do not block either. */
export function terminalErrors(): Output | null {
  return isatty(2) ? new Output(sendToDescriptor(nonBlockingTerminal(2)), null) : null;
}

/** The terminal of a descriptor opened anew: O_NONBLOCK on the descriptor itself would be shared with the user's shell. */
function nonBlockingTerminal(descriptor: 1 | 2): number {
  try {
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return descriptor; // not ours to open, as after su: writes may then block a thread, but not the loop
  }
}

/** Writes through a stream that Node drives by polling. */
function sendToStream(stream: NodeJS.WritableStream): Send {
  let fail: (error: Error | null) => void = () => {};
  stream.on('error', (error) => fail(error));
  return (buffers, done) => {
    let called = false;
    fail = (error) => {
      if (!called) done(error);
      called = true;
    };
    stream.write(Buffer.concat(buffers), (error) => fail(error ?? null));
  };
}

/** Writes on Node's thread pool; a descriptor that would block is tried again a little later. */
function sendToDescriptor(descriptor: number): Send {
  return (buffers, done) => {
    const attempt = (rest: readonly Buffer[]) =>
      writev(descriptor, rest, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(attempt, retryMs, rest);
        else if (error !== null) done(error);
        else {
          const left = after(rest, written);
          if (left.length === 0) done(null);
          else attempt(left);
        }
      });
    attempt(buffers);
  };
}

function after(buffers: readonly Buffer[], written: number): Buffer[] {
  let skip = written;
  const left: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) left.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return left;
}

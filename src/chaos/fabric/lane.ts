/**
 * One direction of a connection: what comes in goes out in order, late or not at all for now, and is never lost. Hot path: every
 * message between members passes here, nearly always without waiting.
 */
import type { Socket } from 'node:net';
import type { Random } from '../../base/ports.ts';
import type { LaneOrder } from './link-policy.ts';

/** What waits here; then the source is not read any more, until half of it is gone. */
export const laneBytesMax = 1024 * 1024;

interface Waiting {
  readonly bytes: Buffer;
  /** On the monotonic clock, in milliseconds. */
  readonly dueMs: number;
}

export class Lane {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #random: Random;
  /** Everything was passed on, and nothing comes any more. */
  readonly #finished: () => void;
  #order: LaneOrder = { hold: false, delayMs: 0, jitterMs: 0 };
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(source: Socket, target: Socket, random: Random, finished: () => void) {
    this.#source = source;
    this.#target = target;
    this.#random = random;
    this.#finished = finished;
    target.on('drain', () => this.#pace());
  }

  /** Bytes that come now do not go out untouched. */
  get isHit(): boolean {
    return this.#order.hold || this.#order.delayMs > 0 || this.#order.jitterMs > 0;
  }

  get isHeld(): boolean {
    return this.#order.hold;
  }

  push(bytes: readonly Buffer[]): void {
    if (bytes.length === 0) return;
    if (this.#waiting.length === 0 && !this.isHit) {
      this.#send(bytes);
      this.#pace();
      return;
    }
    const nowMs = performance.now();
    const dueMs = Math.max(nowMs + this.#lateness(), this.#waiting.at(-1)?.dueMs ?? 0);
    for (const one of bytes) {
      this.#waiting.push({ bytes: one, dueMs });
      this.#waitingBytes += one.length;
    }
    this.#drain(nowMs);
  }

  /** The source has nothing more to say. */
  end(): void {
    this.#ended = true;
    this.#drain(performance.now());
  }

  apply(order: LaneOrder): void {
    this.#order = order;
    const isPrompt = order.delayMs === 0 && order.jitterMs === 0;
    if (isPrompt) this.#waiting = this.#waiting.map(({ bytes }) => ({ bytes, dueMs: 0 }));
    this.#drain(performance.now());
  }

  /** Nothing is passed on any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** Milliseconds by which a chunk that comes now is late. */
  #lateness(): number {
    const { delayMs, jitterMs } = this.#order;
    if (jitterMs === 0) return delayMs;
    return Math.max(0, delayMs + (this.#random.below(2_001) / 1_000 - 1) * jitterMs);
  }

  #drain(nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#order.hold && this.#waiting.length > 0) this.#write(nowMs);
    if (!this.#order.hold && this.#waiting.length === 0 && this.#ended) this.#finished();
    else this.#pace();
  }

  #write(nowMs: number): void {
    const later = this.#waiting.findIndex((one) => one.dueMs > nowMs);
    const due = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    for (const { bytes } of due) this.#waitingBytes -= bytes.length;
    this.#send(due.map((one) => one.bytes));
    const [next] = this.#waiting;
    // A timer never fires early by more than a millisecond, and then it is armed again.
    if (next !== undefined) {
      this.#timer = setTimeout(() => this.#drain(performance.now()), Math.ceil(next.dueMs - nowMs));
    }
  }

  #send(bytes: readonly Buffer[]): void {
    const [only] = bytes;
    if (only !== undefined && bytes.length === 1) {
      this.#target.write(only);
      return;
    }
    this.#target.cork();
    for (const one of bytes) this.#target.write(one);
    this.#target.uncork();
  }

  /** Reads as fast as the other side, and memory, take it. */
  #pace(): void {
    const isFull = this.#waitingBytes >= laneBytesMax || this.#target.writableNeedDrain;
    if (isFull) this.#source.pause();
    else if (this.#source.isPaused() && this.#waitingBytes <= laneBytesMax / 2) this.#source.resume();
  }
}

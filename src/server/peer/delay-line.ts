/** Messages that a fault makes late. Those of one link leave in order, as those of one TCP connection do. */
import type { Clock, Timer } from '../../base/ports.ts';
import { delayedMessagesMax } from './limits.ts';

interface Late {
  readonly dueMs: number;
  readonly proceed: () => void;
}

export class DelayLine {
  private readonly clock: Clock;
  private readonly lines = new Map<string, Late[]>();
  private readonly timers = new Map<string, Timer>();
  private waiting = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** False, and `proceed` is never called, if too many wait already. */
  push(line: string, delayMs: number, proceed: () => void): boolean {
    if (this.waiting >= delayedMessagesMax) return false;
    const queue = this.lines.get(line) ?? [];
    const last = queue.at(-1);
    const dueMs = Math.max(this.clock.monotonicMs() + delayMs, last?.dueMs ?? 0);
    queue.push({ dueMs, proceed });
    this.waiting++;
    this.lines.set(line, queue);
    if (last === undefined) this.arm(line, queue);
    return true;
  }

  private arm(line: string, queue: Late[]): void {
    const first = queue[0];
    if (first === undefined) {
      this.lines.delete(line);
      this.timers.delete(line);
      return;
    }
    const leftMs = Math.max(0, first.dueMs - this.clock.monotonicMs());
    this.timers.set(
      line,
      this.clock.after(Math.ceil(leftMs), () => this.release(line, queue)),
    );
  }

  private release(line: string, queue: Late[]): void {
    const nowMs = this.clock.monotonicMs();
    for (let first = queue[0]; first !== undefined && first.dueMs <= nowMs; first = queue[0]) {
      queue.shift();
      this.waiting--;
      first.proceed();
    }
    this.arm(line, queue);
  }

  /** Nothing proceeds any more. */
  close(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
    this.lines.clear();
    this.waiting = 0;
  }
}

/** Who waits until this member has applied what it knows to be committed (etcd's ApplyWait), and for how long. */
import type { Clock, Timer } from '../../base/ports.ts';

export interface AppliedWaitPorts {
  readonly clock: Clock;
  committedIndex(): number;
  appliedIndex(): number;
}

interface Waiter {
  readonly index: number;
  readonly timer: Timer;
  readonly done: (isApplied: boolean) => void;
}

export class AppliedWait {
  private readonly ports: AppliedWaitPorts;
  private readonly waiters = new Set<Waiter>();

  constructor(ports: AppliedWaitPorts) {
    this.ports = ports;
  }

  /** Calls back once: at once if all that is committed now is applied, else when it is (true), or after `timeoutMs` (false). */
  wait(timeoutMs: number, done: (isApplied: boolean) => void): void {
    const index = this.ports.committedIndex();
    if (this.ports.appliedIndex() >= index) {
      done(true);
      return;
    }
    const timer = this.ports.clock.after(timeoutMs, () => this.release(waiter, false));
    const waiter: Waiter = { index, timer, done };
    this.waiters.add(waiter);
  }

  /** The applied index moved. */
  applied(index: number): void {
    if (this.waiters.size === 0) return;
    for (const waiter of [...this.waiters]) if (waiter.index <= index) this.release(waiter, true);
  }

  stop(): void {
    for (const waiter of [...this.waiters]) this.release(waiter, false);
  }

  private release(waiter: Waiter, isApplied: boolean): void {
    if (!this.waiters.delete(waiter)) return;
    waiter.timer.cancel();
    waiter.done(isApplied);
  }
}

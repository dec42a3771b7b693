/** A clock that stands still unless it is told to go on. */
import type { Clock, Timer } from '../../src/base/ports.ts';

interface Due {
  at: number;
  readonly everyMs: number | null;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  private time = 0;
  private timers: Due[] = [];

  now(): number {
    return this.time;
  }

  monotonicMs(): number {
    return this.time;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.add({ at: this.time + delayMs, everyMs: null, callback });
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.add({ at: this.time + intervalMs, everyMs: intervalMs, callback });
  }

  /** Fires what is due by then, in order of time; what follows from each, in promises, happens before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.time = next.at;
      if (next.everyMs === null) this.timers = this.timers.filter((one) => one !== next);
      else next.at += next.everyMs;
      next.callback();
      await new Promise((done) => setImmediate(done));
    }
    this.time = until;
  }

  private add(timer: Due): Timer {
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((one) => one !== timer);
      },
    };
  }
}

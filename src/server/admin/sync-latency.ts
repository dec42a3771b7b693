/** How long syncs of the last seconds took, for the admin socket: a ring of samples that forgets. */
import type { Clock } from '../../base/ports.ts';

const samplesMax = 1_024;
const memoryMs = 10_000;

export class SyncLatency {
  private readonly clock: Clock;
  private readonly durations = new Float64Array(samplesMax);
  private readonly ends = new Float64Array(samplesMax).fill(Number.NEGATIVE_INFINITY);
  private next = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A sync that has just ended. */
  add(durationMs: number): void {
    this.durations[this.next] = durationMs;
    this.ends[this.next] = this.clock.monotonicMs();
    this.next = (this.next + 1) % samplesMax;
  }

  /** The 99th percentile in milliseconds; null if none was made lately. */
  p99Ms(): number | null {
    const sinceMs = this.clock.monotonicMs() - memoryMs;
    const recent = this.durations.filter((_, at) => (this.ends[at] ?? 0) >= sinceMs).sort();
    return recent[Math.ceil(recent.length * 0.99) - 1] ?? null;
  }
}

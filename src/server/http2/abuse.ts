/** Budgets against peers that make much work with few bytes. Time is an input: milliseconds of a monotonic clock. */

/** A burst of `capacity` units, refilled at `perSecond`. */
export class Budget {
  private readonly capacity: number;
  private readonly perMs: number;
  private left: number;
  private filledAtMs: number;

  constructor(capacity: number, perSecond: number, nowMs: number) {
    this.capacity = capacity;
    this.perMs = perSecond / 1000;
    this.left = capacity;
    this.filledAtMs = nowMs;
  }

  /** False: the budget is spent. */
  take(units: number, nowMs: number): boolean {
    this.left = Math.min(this.capacity, this.left + (nowMs - this.filledAtMs) * this.perMs);
    this.filledAtMs = nowMs;
    this.left -= units;
    return this.left >= 0;
  }
}

export interface PingPolicy {
  /** The least interval between a client's pings while it has streams. */
  readonly minTimeMs: number;
  /** Whether that interval also holds without streams; else a ping is worth a strike for two hours after the last. */
  readonly permitWithoutStream: boolean;
}

const idlePingIntervalMs = 2 * 3600 * 1000;
const pingStrikesMax = 2;

/** Counts a client's pings that come too early, as gRPC servers do (gRFC A8). What we send between two pings excuses the next. */
export class PingStrikes {
  private readonly policy: PingPolicy;
  private strikes = 0;
  private lastPingMs = Number.NEGATIVE_INFINITY;
  private excused = false;

  constructor(policy: PingPolicy) {
    this.policy = policy;
  }

  /** Headers or data went out: the client may be measuring the bandwidth. */
  excuse(): void {
    this.excused = true;
  }

  /** False: too many. */
  ping(streams: number, nowMs: number): boolean {
    const sinceMs = nowMs - this.lastPingMs;
    this.lastPingMs = nowMs;
    if (this.excused) {
      this.excused = false;
      this.strikes = 0;
      return true;
    }
    const leastMs = streams > 0 || this.policy.permitWithoutStream ? this.policy.minTimeMs : idlePingIntervalMs;
    if (sinceMs < leastMs) this.strikes++;
    return this.strikes <= pingStrikesMax;
  }
}

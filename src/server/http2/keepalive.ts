/** The server's own pings: they find out that a silent peer is gone (gRPC: "server-side keepalive"). */
import type { Clock, Timer } from '../../base/ports.ts';

export interface KeepalivePolicy {
  /** A peer that has been silent for this long is pinged. */
  readonly keepaliveMs: number;
  /** A peer that stays silent for this long after the ping is given up. */
  readonly keepaliveTimeoutMs: number;
}

export class Keepalive {
  private readonly clock: Clock;
  private readonly policy: KeepalivePolicy;
  private readonly ping: () => void;
  private readonly giveUp: () => void;
  private lastReadMs: number;
  private pingedAtMs = -1;
  private timer: Timer;

  constructor(clock: Clock, policy: KeepalivePolicy, ping: () => void, giveUp: () => void) {
    this.clock = clock;
    this.policy = policy;
    this.ping = ping;
    this.giveUp = giveUp;
    this.lastReadMs = clock.monotonicMs();
    this.timer = this.arm(policy.keepaliveMs);
  }

  /** Something was read. Cheap: the timer is left alone and looks at this when it fires. */
  heard(): void {
    this.lastReadMs = this.clock.monotonicMs();
    this.pingedAtMs = -1;
  }

  close(): void {
    this.timer.cancel();
  }

  private arm(delayMs: number): Timer {
    return this.clock.after(Math.max(1, delayMs), () => this.look());
  }

  private look(): void {
    const { keepaliveMs, keepaliveTimeoutMs } = this.policy;
    const nowMs = this.clock.monotonicMs();
    const leftMs =
      this.pingedAtMs < 0 ? this.lastReadMs + keepaliveMs - nowMs : this.pingedAtMs + keepaliveTimeoutMs - nowMs;
    if (leftMs > 0) {
      this.timer = this.arm(leftMs);
    } else if (this.pingedAtMs >= 0) {
      this.giveUp();
    } else {
      this.pingedAtMs = nowMs;
      this.ping();
      this.timer = this.arm(keepaliveTimeoutMs);
    }
  }
}

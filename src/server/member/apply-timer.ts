/** What applying costs, by operation, as etcd measures it. Hot: two looks at the clock an entry. */
import type { Clock } from '../../base/ports.ts';
import type { InternalBody } from '../../proto/raft-internal.ts';
import type { ApplyMetrics } from './member-metrics.ts';

/** etcd's --warning-apply-duration. */
const slowApplyMs = 100;

export class ApplyTimer {
  private readonly clock: Clock;
  private readonly metrics: ApplyMetrics;
  private begunMs = 0;

  constructor(clock: Clock, metrics: ApplyMetrics) {
    this.clock = clock;
    this.metrics = metrics;
  }

  readonly begin = (): void => {
    this.begunMs = this.clock.monotonicMs();
  };

  readonly end = (type: InternalBody['type'], succeeded: boolean): void => {
    const tookMs = this.clock.monotonicMs() - this.begunMs;
    this.metrics.applied(type, succeeded, tookMs / 1000);
    if (tookMs > slowApplyMs) this.metrics.slow.inc();
  };
}

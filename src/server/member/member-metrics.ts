/** The counters that the member moves itself; the registry behind them is the caller's. */

export interface EventCounter {
  inc(): void;
}

export interface LeaseCounters {
  readonly granted: EventCounter;
  /** Times to live of granted leases, in seconds. */
  readonly grantedSeconds: { observe(value: number): void };
  readonly revoked: EventCounter;
  readonly renewed: EventCounter;
  /** Revoked because they had ended. */
  readonly expired: EventCounter;
}

export interface MemberMetrics {
  readonly leases: LeaseCounters;
  readonly proposalsFailed: EventCounter;
  readonly slowReadIndexes: EventCounter;
  readonly readIndexesFailed: EventCounter;
  readonly leaderChanges: EventCounter;
}

/** The counters that the member moves itself; the registry behind them is the caller's. */

export interface EventCounter {
  inc(): void;
}

export interface MemberMetrics {
  readonly proposalsFailed: EventCounter;
  readonly slowReadIndexes: EventCounter;
  readonly readIndexesFailed: EventCounter;
  readonly leaderChanges: EventCounter;
}

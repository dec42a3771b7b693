/** The counters that the member moves itself; the registry behind them is the caller's. */
import type { InternalBody } from '../../proto/raft-internal.ts';

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

export interface Observed {
  observe(value: number): void;
}

export interface MaintenanceMetrics {
  /** Whole compactions, and the parts of them during which nothing else happens; milliseconds. */
  readonly compactionMs: Observed;
  readonly compactionPauseMs: Observed;
  /** When the last one ended, milliseconds of Unix time. */
  compacted(nowMs: number): void;
  readonly hashRevisionSeconds: Observed;
  /** Of .snap files. */
  readonly snapshotSaveSeconds: Observed;
  /** Of databases that came with snapshots. */
  readonly databaseSaveSeconds: Observed;
  /** A database sets out to a member, or comes from it, by its id as logs print it. What this gives is told once how it ended. */
  sendingSnapshot(to: string): (succeeded: boolean) => void;
  receivingSnapshot(from: string): (succeeded: boolean) => void;
}

export interface ApplyMetrics {
  applied(type: InternalBody['type'], succeeded: boolean, seconds: number): void;
  readonly slow: EventCounter;
}

export interface MemberMetrics {
  readonly apply: ApplyMetrics;
  readonly maintenance: MaintenanceMetrics;
  readonly leases: LeaseCounters;
  readonly proposalsFailed: EventCounter;
  readonly slowReadIndexes: EventCounter;
  readonly readIndexesFailed: EventCounter;
  readonly leaderChanges: EventCounter;
}

/**
 * --auto-compaction-mode: the leader proposes compactions of its own accord (etcd server/etcdserver/api/v3compactor). periodic: after the
 * time of the retention, then as often, but at least every hour, to the revision that was current that long ago. revision: every five
 * minutes, to as many revisions ago.
 */
import { Duration } from '../../base/duration.ts';
import type { Clock, Timer } from '../../base/ports.ts';
import type { CompactionPolicy } from '../config/compaction.ts';
import type { Logger } from '../log/logger.ts';

const hourMs = 3_600_000;
/** Revisions are noted, and failures tried again, this many times in an interval. */
const samplesPerInterval = 10;
const revisionCheckMs = 300_000;

export interface AutoCompactionPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  isLeader(): boolean;
  revision(): number;
  /** Resolves to null once it is compacted to there, or was before; else to why not. */
  compact(revision: number): Promise<string | null>;
}

export class AutoCompaction {
  private readonly ports: AutoCompactionPorts;
  private readonly timer: Timer | null;

  constructor(policy: CompactionPolicy, ports: AutoCompactionPorts) {
    this.ports = ports;
    switch (policy.mode) {
      case 'off':
        this.timer = null;
        break;
      case 'periodic':
        this.timer = this.startPeriodic(policy.retentionMs);
        break;
      case 'revision':
        this.timer = this.startByRevision(policy.retentionRevisions);
        break;
    }
  }

  stop(): void {
    this.timer?.cancel();
  }

  private startPeriodic(retentionMs: number): Timer {
    const { clock } = this.ports;
    const intervalMs = Math.min(retentionMs, hourMs);
    const sampleMs = intervalMs / samplesPerInterval;
    const samplesMax = Math.floor(retentionMs / sampleMs) + 1;
    const samples = [this.ports.revision()];
    let lastMs = clock.monotonicMs();
    let waitMs = retentionMs;
    let lastRevision = 0;
    const period = { 'compact-period': Duration.fromMs(retentionMs) };
    const failed = { ...period, 'retry-interval': Duration.fromMs(sampleMs) };
    return this.every(sampleMs, async () => {
      // The oldest sample is from as long ago as history is kept.
      const revision = samples[0] ?? 0;
      const isDue = clock.monotonicMs() - lastMs >= waitMs && revision !== lastRevision;
      if (this.ports.isLeader() && isDue) {
        waitMs = intervalMs;
        if (await this.compact('periodic', revision, period, failed)) {
          lastRevision = revision;
          lastMs = clock.monotonicMs();
        }
      }
      samples.push(this.ports.revision());
      if (samples.length > samplesMax) samples.shift();
    });
  }

  private startByRevision(retention: number): Timer {
    let lastRevision = 0;
    const kept = { 'revision-compaction-retention': retention };
    const failed = { ...kept, 'retry-interval': Duration.fromMs(revisionCheckMs) };
    return this.every(revisionCheckMs, async () => {
      const revision = this.ports.revision() - retention;
      if (!this.ports.isLeader() || revision <= 0 || revision === lastRevision) return;
      if (await this.compact('revision', revision, kept, failed)) lastRevision = revision;
    });
  }

  /** Calls that would overlap are left out. */
  private every(intervalMs: number, check: () => Promise<void>): Timer {
    let busy = false;
    return this.ports.clock.every(intervalMs, () => {
      if (busy) return;
      busy = true;
      void check().finally(() => {
        busy = false;
      });
    });
  }

  private async compact(mode: string, revision: number, about: object, aboutFailure: object): Promise<boolean> {
    const { clock, logger } = this.ports;
    logger.info(`starting auto ${mode} compaction`, { revision, ...about });
    const startedMs = clock.monotonicMs();
    const error = await this.ports.compact(revision);
    if (error === null) {
      const took = Duration.fromMs(clock.monotonicMs() - startedMs);
      logger.info(`completed auto ${mode} compaction`, { revision, ...about, took });
      return true;
    }
    logger.warn(`failed auto ${mode} compaction`, { revision, ...aboutFailure, error });
    return false;
  }
}

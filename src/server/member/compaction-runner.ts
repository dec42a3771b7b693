/** Carries out compactions in the background: about a millisecond of work a turn, and a rest after each batch of deletions, as etcd. */
import { Duration } from '../../base/duration.ts';
import type { Clock } from '../../base/ports.ts';
import type { Logger } from '../log/logger.ts';
import type { CompactionProgress } from '../mvcc/compactor.ts';
import { databaseSizes } from './log-lines.ts';
import type { MaintenanceMetrics } from './member-metrics.ts';
import type { MemberState } from './state.ts';

/** etcd's default of --compaction-sleep-interval. */
const defaultRestMs = 10;

export interface CompactionPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  readonly metrics: { readonly maintenance: MaintenanceMetrics };
  /** The database cannot be read. */
  failed(error: Error): void;
}

interface Waiter {
  readonly revision: number;
  readonly startedMs: number;
  readonly done: () => void;
}

export class CompactionRunner {
  private state: MemberState;
  private readonly restMs: number;
  private readonly ports: CompactionPorts;
  /** In ascending order of their revisions. */
  private readonly waiting: Waiter[] = [];
  private running = false;
  private stopped = false;

  /** `restMs` is --compaction-sleep-interval; 0 is the default. */
  constructor(state: MemberState, restMs: number, ports: CompactionPorts) {
    this.state = state;
    this.restMs = restMs === 0 ? defaultRestMs : restMs;
    this.ports = ports;
  }

  /** Resolves when the compaction of this revision, which the store knows of, is carried out, or the member stops. */
  finish(revision: number): Promise<void> {
    return new Promise((done) => {
      this.waiting.push({ revision, startedMs: this.ports.clock.monotonicMs(), done });
      this.wake();
    });
  }

  /** Goes on with a compaction that an earlier run of the member did not finish. */
  resume(): void {
    const { compactRevision, finishedCompactRevision } = this.state.store;
    if (compactRevision <= finishedCompactRevision) return;
    this.ports.logger.info('resume scheduled compaction', { 'scheduled-compact-revision': compactRevision });
    void this.finish(compactRevision);
  }

  /** Goes on with another state: what waits for the old one is over. */
  replace(state: MemberState): void {
    this.state = state;
    for (const { done } of this.waiting.splice(0)) done();
    this.resume();
  }

  stop(): void {
    this.stopped = true;
    for (const { done } of this.waiting.splice(0)) done();
  }

  private wake(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    // Never at once: an entry may be half-way through being applied.
    this.ports.schedule(this.step);
  }

  private readonly step = (): void => {
    if (this.stopped) return;
    const progress = this.advance();
    if (progress === null) return;
    if (progress === 'more') this.ports.schedule(this.step);
    else if (progress === 'pause') this.ports.clock.after(this.restMs, this.step);
    else this.running = false;
  };

  /** Null if it cannot go on, ever. */
  private advance(): CompactionProgress | null {
    const { clock, metrics } = this.ports;
    const begunMs = clock.monotonicMs();
    try {
      const progress = this.state.store.compactionStep();
      metrics.maintenance.compactionPauseMs.observe(clock.monotonicMs() - begunMs);
      this.state.markAgain();
      this.report();
      return progress;
    } catch (error) {
      this.stop();
      this.ports.failed(error instanceof Error ? error : new Error(String(error)));
      return null;
    }
  }

  private report(): void {
    const { store, backend } = this.state;
    while (this.waiting[0] !== undefined && this.waiting[0].revision <= store.finishedCompactRevision) {
      const { revision, startedMs, done } = this.waiting.shift() as Waiter;
      const { clock, logger, metrics } = this.ports;
      const tookMs = clock.monotonicMs() - startedMs;
      metrics.maintenance.compactionMs.observe(tookMs);
      metrics.maintenance.compacted(clock.now());
      const hash = store.compactionHashes.find(({ hashRevision }) => hashRevision === revision);
      logger.info('finished scheduled compaction', {
        'compact-revision': revision,
        took: Duration.fromMs(tookMs),
        ...(hash !== undefined && { hash: hash.hash }),
        ...databaseSizes(backend),
      });
      if (hash === undefined) logger.info('previous compaction was interrupted, skip storing compaction hash value');
      else {
        logger.info('storing new hash', {
          hash: hash.hash,
          revision: hash.hashRevision,
          'compact-revision': hash.compactRevision,
        });
      }
      done();
    }
  }
}

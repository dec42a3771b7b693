/** The checksums that members compare (etcd server/storage/mvcc/hash.go): of the whole database, and of the keys up to a revision. */
import type { Clock } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { BackendHash, KvHash } from './api.ts';
import type { MaintenanceMetrics } from './member-metrics.ts';
import type { MemberState } from './state.ts';

export interface HashPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly metrics: Pick<MaintenanceMetrics, 'hashRevisionSeconds'>;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  state(): MemberState;
  isStopped(): boolean;
}

export class Hashes {
  private readonly ports: HashPorts;

  constructor(ports: HashPorts) {
    this.ports = ports;
  }

  /** Of the database as of now, in the background. */
  ofDatabase(done: (outcome: Result<BackendHash, RpcError>) => void): void {
    const { store, backend } = this.ports.state();
    const { revision } = store;
    backend.hash().then(
      (hash) => done(ok({ hash, revision })),
      () => done(err(rpcErrors.stopped)),
    );
  }

  /** Of the keys up to a revision, 0 being the current one: a step a turn, unless a snapshot replaces the state meanwhile. */
  ofKeys(revision: number, done: (outcome: Result<KvHash, RpcError>) => void): void {
    const { clock, metrics, schedule, isStopped } = this.ports;
    const state = this.ports.state();
    const job = state.store.beginHashKv(revision);
    if (!job.ok) {
      done(err(job.error === 'compacted' ? rpcErrors.compacted : rpcErrors.futureRevision));
      return;
    }
    const begunMs = clock.monotonicMs();
    const step = (): void => {
      if (isStopped() || this.ports.state() !== state) {
        job.value.cancel();
        done(err(rpcErrors.stopped));
        return;
      }
      const hashed = job.value.step();
      if (hashed === null) {
        schedule(step);
        return;
      }
      metrics.hashRevisionSeconds.observe((clock.monotonicMs() - begunMs) / 1000);
      done(ok({ ...hashed, currentRevision: state.store.revision }));
    };
    step();
  }
}

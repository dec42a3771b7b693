/**
 * Linearizable reads (Raft thesis §6.4): a read waits until this member has applied an index that a quorum confirmed to be current
 * after the read arrived. All reads that arrive while one round is under way share the next one.
 */
import type { Clock, Timer } from '../../base/ports.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';

type Done = (error: RpcError | null) => void;

export interface ReadBarrierPorts {
  readonly clock: Clock;
  /** Asks Raft for a read index; the answer comes through `confirmed` with the same context, or never. */
  requestReadIndex(context: Uint8Array): void;
  /** A value no other member uses, for the context of a round. */
  nextRequestId(): bigint;
  appliedIndex(): number;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  slowRound(): void;
  failedRound(): void;
}

/** A round without an answer is asked again this often: the request may have been lost, or sent to a leader that is gone. */
const retryIntervalMs = 500;

interface Round {
  readonly context: Buffer;
  readonly waiters: Done[];
  readonly timer: Timer;
  readonly deadlineMs: number;
}

export class ReadBarrier {
  private readonly ports: ReadBarrierPorts;
  private readonly timeoutMs: number;
  private arrived: Done[] = [];
  private round: Round | null = null;
  /** Confirmed, but not yet applied here. Indexes never decrease from one to the next. */
  private confirmedRounds: { readonly index: number; readonly waiters: readonly Done[] }[] = [];
  private scheduled = false;
  private stopped = false;

  /** `timeoutMs`: a round without an answer for so long fails its reads with "request timed out". */
  constructor(ports: ReadBarrierPorts, timeoutMs: number) {
    this.ports = ports;
    this.timeoutMs = timeoutMs;
  }

  wait(done: Done): void {
    if (this.stopped) {
      done(rpcErrors.stopped);
      return;
    }
    this.arrived.push(done);
    if (this.round === null && !this.scheduled) {
      this.scheduled = true;
      this.ports.schedule(this.startScheduledRound);
    }
  }

  /** Raft confirmed a read index. Answers to rounds that are over are ignored. */
  confirmed(context: Uint8Array | null, index: number): void {
    const round = this.round;
    if (round === null || context === null || !round.context.equals(context)) return;
    this.round = null;
    round.timer.cancel();
    if (index <= this.ports.appliedIndex()) release(round.waiters, null);
    else this.confirmedRounds.push({ index, waiters: round.waiters });
    this.startRound();
  }

  /** The applied index moved. */
  applied(index: number): void {
    while (this.confirmedRounds.length > 0) {
      const first = this.confirmedRounds[0];
      if (first === undefined || first.index > index) return;
      this.confirmedRounds.shift();
      release(first.waiters, null);
    }
  }

  /** A new leader was elected: as etcd does, the round that the old one may have answered fails, so that clients ask again. */
  leaderChanged(): void {
    this.failRound(rpcErrors.leaderChanged);
  }

  /** Asks again at once: the leader has committed in its term, so that a request it could not answer before can be answered. */
  retryNow(): void {
    if (this.round !== null) this.ports.requestReadIndex(this.round.context);
  }

  stop(): void {
    this.stopped = true;
    const round = this.round;
    this.round = null;
    round?.timer.cancel();
    const waiters = [
      ...(round?.waiters ?? []),
      ...this.arrived,
      ...this.confirmedRounds.flatMap(({ waiters }) => waiters),
    ];
    this.arrived = [];
    this.confirmedRounds = [];
    release(waiters, rpcErrors.stopped);
  }

  private readonly startScheduledRound = (): void => {
    this.scheduled = false;
    this.startRound();
  };

  private startRound(): void {
    if (this.round !== null || this.arrived.length === 0 || this.stopped) return;
    const context = Buffer.allocUnsafe(8);
    context.writeBigUInt64BE(this.ports.nextRequestId());
    const waiters = this.arrived;
    this.arrived = [];
    const timer = this.ports.clock.every(retryIntervalMs, () => this.retry());
    this.round = { context, waiters, timer, deadlineMs: this.ports.clock.monotonicMs() + this.timeoutMs };
    this.ports.requestReadIndex(context);
  }

  private retry(): void {
    const round = this.round;
    if (round === null) return;
    if (this.ports.clock.monotonicMs() >= round.deadlineMs) {
      this.failRound(rpcErrors.timeout);
      return;
    }
    this.ports.slowRound();
    this.ports.requestReadIndex(round.context);
  }

  private failRound(error: RpcError): void {
    const round = this.round;
    if (round === null) return;
    this.round = null;
    round.timer.cancel();
    this.ports.failedRound();
    release(round.waiters, error);
    this.startRound();
  }
}

function release(waiters: readonly Done[], error: RpcError | null): void {
  for (const done of waiters) done(error);
}

/**
 * The requests that this member proposed and whose clients wait: who to answer when the entry is applied, and what to say if it is
 * not in time (etcd server/etcdserver/server.go, parseProposeCtxErr).
 */
import type { Clock, Timer } from '../../base/ports.ts';
import { err, type Result } from '../../base/result.ts';
import type { ApplyResponse } from '../apply/response.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';

export type ProposalDone = (outcome: Result<ApplyResponse, RpcError>) => void;

interface Waiting {
  readonly data: Uint8Array;
  readonly startedMs: number;
  readonly done: ProposalDone;
}

export interface ProposalPorts {
  readonly clock: Clock;
  /** Hands the entry to Raft, or queues it while there is no leader. */
  propose(data: Uint8Array): void;
  /** Hands the entry to Raft if this member leads, and says whether it does. */
  proposeAsLeader(data: Uint8Array): boolean;
  /** Takes back those of the entries that are still queued, and tells which they are. */
  dropQueued(entries: ReadonlySet<Uint8Array>): ReadonlySet<Uint8Array>;
  /** What a client is told whose proposal Raft took, but that was not applied in time. */
  timeoutError(startedMs: number): RpcError;
  failed(): void;
}

/** Time-outs are looked for this often; a proposal may fail that much late. */
const sweepIntervalMs = 250;

export class Proposals {
  private readonly ports: ProposalPorts;
  private readonly timeoutMs: number;
  /** By the low 48 bits of the request id, in the order proposed: the oldest are first, so a sweep stops early. */
  private readonly waiting = new Map<number, Waiting>();
  private readonly sweeper: Timer;
  private stopped = false;

  constructor(ports: ProposalPorts, timeoutMs: number) {
    this.ports = ports;
    this.timeoutMs = timeoutMs;
    this.sweeper = ports.clock.every(sweepIntervalMs, () => this.sweep());
  }

  /** Proposals whose clients wait. */
  get pending(): number {
    return this.waiting.size;
  }

  /** `data` is the entry's data, which carries the request id that `key` stands for. */
  propose(key: number, data: Uint8Array, done: ProposalDone): void {
    if (this.stopped) {
      done(err(rpcErrors.stopped));
      return;
    }
    this.wait(key, data, done);
    this.ports.propose(data);
  }

  /** The same, but fails with `notLeader` unless this member leads. */
  proposeAsLeader(key: number, data: Uint8Array, done: ProposalDone): void {
    if (this.stopped) done(err(rpcErrors.stopped));
    else if (this.ports.proposeAsLeader(data)) this.wait(key, data, done);
    else done(err(rpcErrors.notLeader));
  }

  private wait(key: number, data: Uint8Array, done: ProposalDone): void {
    this.waiting.set(key, { data, startedMs: this.ports.clock.monotonicMs(), done });
  }

  /** Whether a client of this member waits for the entry. */
  isWaiting(key: number): boolean {
    return this.waiting.has(key);
  }

  /** The entry was applied. */
  applied(key: number, outcome: Result<ApplyResponse, RpcError>): void {
    const waiting = this.waiting.get(key);
    if (waiting === undefined) return;
    this.waiting.delete(key);
    waiting.done(outcome);
  }

  stop(): void {
    this.stopped = true;
    this.sweeper.cancel();
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const { done } of all) done(err(rpcErrors.stopped));
  }

  private sweep(): void {
    const now = this.ports.clock.monotonicMs();
    const late: Waiting[] = [];
    for (const [key, waiting] of this.waiting) {
      if (now - waiting.startedMs < this.timeoutMs) break;
      this.waiting.delete(key);
      late.push(waiting);
    }
    if (late.length === 0) return;
    const queued = this.ports.dropQueued(new Set(late.map(({ data }) => data)));
    for (const { data, startedMs, done } of late) {
      this.ports.failed();
      done(err(queued.has(data) ? rpcErrors.deadlineExceeded : this.ports.timeoutError(startedMs)));
    }
  }
}

/**
 * Streams of clients that insist on a leader (clientv3.WithRequireLeader) end when this member has known none for a while: their clients
 * then try another member, which may be on the right side of a partition (etcd server/etcdserver/api/v3rpc/interceptor.go).
 */
import type { Clock, Timer } from '../../../base/ports.ts';
import { rpcErrors } from '../status.ts';
import type { StreamCall } from '../stream-call.ts';

/** Election time-outs in a row without a leader: to connect again costs more than to wait. */
const checksMax = 3;

export interface LeaderLossPorts {
  readonly clock: Clock;
  /** 0n while no leader is known. */
  leaderId(): bigint;
}

export class LeaderLoss {
  private readonly electionTimeoutMs: number;
  private readonly ports: LeaderLossPorts;
  /** At most as many as there are open streams. */
  private readonly calls = new Set<StreamCall>();
  private timer: Timer | null = null;
  private checksWithoutLeader = 0;

  constructor(electionTimeoutMs: number, ports: LeaderLossPorts) {
    this.electionTimeoutMs = electionTimeoutMs;
    this.ports = ports;
  }

  /** Fails the call when the leader is lost, if its client insists on one. To be undone, by the result, when the call ends in another way. */
  watch(call: StreamCall): () => void {
    if (call.metadata.get('hasleader') !== 'true') return () => {};
    const forget = (): void => this.forget(call);
    this.calls.add(call);
    call.onCancel(forget);
    this.timer ??= this.ports.clock.every(this.electionTimeoutMs, () => this.check());
    return forget;
  }

  private forget(call: StreamCall): void {
    this.calls.delete(call);
    if (this.calls.size > 0) return;
    this.timer?.cancel();
    this.timer = null;
    this.checksWithoutLeader = 0;
  }

  private check(): void {
    this.checksWithoutLeader = this.ports.leaderId() === 0n ? this.checksWithoutLeader + 1 : 0;
    if (this.checksWithoutLeader < checksMax) return;
    for (const call of [...this.calls]) {
      this.forget(call);
      call.fail(rpcErrors.noLeader);
    }
  }
}

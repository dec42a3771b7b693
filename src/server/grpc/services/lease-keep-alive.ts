/**
 * Lease.LeaseKeepAlive: renewals one after another, each answered before the next is looked at, as etcd does.
 *
 * Hot path on the leader: a renewal there is answered before `renew` returns.
 */
import type { Result } from '../../../base/result.ts';
import { leaseKeepAliveRequest, leaseKeepAliveResponse } from '../../../proto/etcdserverpb-lease.ts';
import type { MemberApi } from '../../member/api.ts';
import type { RpcError } from '../status.ts';
import type { StreamCall, StreamHandler } from '../stream-call.ts';
import type { Admission } from './admission.ts';
import type { Headers } from './headers.ts';
import type { LeaderLoss } from './leader-loss.ts';
import { decodeError } from './unary.ts';

export function keepAliveStream(
  member: MemberApi,
  admission: Admission,
  headers: Headers,
  leaderLoss: LeaderLoss | null,
): StreamHandler {
  return (call) => {
    const refusal = admission.refuse('stream', call, false);
    if (refusal !== null) call.fail(refusal);
    else new KeepAlive(member, call, headers, leaderLoss?.watch(call)).begin();
  };
}

class KeepAlive {
  private readonly member: MemberApi;
  private readonly call: StreamCall;
  private readonly headers: Headers;
  private readonly isWanted = (): boolean => !this.call.cancelled;
  /** A renewal is under way, or its answer waits for room. */
  private isBusy = false;
  private isHalfClosed = false;

  private readonly ended: () => void;

  /** `ended` is told when the stream ends in other ways than by its client. */
  constructor(member: MemberApi, call: StreamCall, headers: Headers, ended: () => void = () => {}) {
    this.member = member;
    this.call = call;
    this.headers = headers;
    this.ended = ended;
  }

  begin(): void {
    const { call } = this;
    call.onMessage((message) => this.renew(message));
    call.onHalfClose(() => {
      this.isHalfClosed = true;
      if (!this.isBusy) this.end();
    });
    call.onDrain(() => this.next());
  }

  private renew(message: Uint8Array): void {
    const { member, call } = this;
    let id: bigint;
    try {
      ({ id } = leaseKeepAliveRequest.decode(message));
    } catch (error) {
      this.fail(decodeError(error));
      return;
    }
    // Of before the renewal: whoever sees the lease end at a revision must not see it renewed at a later one.
    const header = this.headers.header(member.store.revision);
    this.isBusy = true;
    let isAnswered = false;
    member.leases.renew(id, this.isWanted, (outcome: Result<number | null, RpcError>) => {
      isAnswered = true;
      if (!outcome.ok) this.fail(outcome.error);
      else if (call.write(leaseKeepAliveResponse.encode({ header, id, ttl: outcome.value ?? 0 }))) this.next();
      else call.pause();
    });
    if (!isAnswered) call.pause();
  }

  private next(): void {
    this.isBusy = false;
    this.call.resume();
    if (this.isHalfClosed && !this.isBusy) this.end();
  }

  private end(): void {
    this.ended();
    this.call.end();
  }

  private fail(error: RpcError): void {
    this.ended();
    this.call.fail(error);
  }
}

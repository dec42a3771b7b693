/**
 * Whether this member takes a call at all, before the service looks at it: a learner refuses most calls, and a client that insists on a
 * leader is refused while there is none (etcd server/etcdserver/api/v3rpc/interceptor.go).
 */
import { isUtf8 } from 'node:buffer';
import type { MemberApi } from '../../member/api.ts';
import type { CallContext } from '../call.ts';
import type { Metadata } from '../metadata.ts';
import { type RpcError, rpcErrors, statusCode } from '../status.ts';

export type CallType = 'unary' | 'stream';

/** The counter of calls by type and by the client's version (etcd_server_client_requests_total). */
export type RequestCounters = (type: CallType, clientVersion: string) => { inc(): void };

const invalidClientVersion: RpcError = {
  code: statusCode.invalidArgument,
  message: 'etcdserver: invalid client api version',
};

const uncounted: RequestCounters = () => ({ inc: () => {} });

export class Admission {
  private readonly member: MemberApi;
  private readonly counters: RequestCounters;
  /** Calls of one connection mostly share their metadata: the last one's counter is at hand. */
  private readonly last = new Map<CallType, { readonly metadata: Metadata; readonly counter: { inc(): void } }>();

  constructor(member: MemberApi, counters: RequestCounters = uncounted) {
    this.member = member;
    this.counters = counters;
  }

  /** Why the call is not taken, or null. `learnerMayAnswer`: whether it is one of the few that a learner answers. */
  refuse(type: CallType, call: CallContext, learnerMayAnswer: boolean): RpcError | null {
    if (!learnerMayAnswer && this.member.isLearner()) return rpcErrors.learnerNotSupported;
    if (!this.count(type, call.metadata)) return invalidClientVersion;
    // clientv3.WithRequireLeader; looked for only when it matters.
    if (this.member.leaderId() === 0n && call.metadata.get('hasleader') === 'true') return rpcErrors.noLeader;
    return null;
  }

  /** False if the client gives a version that is no text. */
  private count(type: CallType, metadata: Metadata): boolean {
    let last = this.last.get(type);
    if (last?.metadata !== metadata) {
      const version = metadata.get('client-api-version') ?? 'unknown';
      if (!isUtf8(Buffer.from(version, 'latin1'))) return false;
      last = { metadata, counter: this.counters(type, version) };
      this.last.set(type, last);
    }
    last.counter.inc();
    return true;
  }
}

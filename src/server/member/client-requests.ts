/**
 * What becomes of a write (etcd server/etcdserver/v3_server.go, processInternalRaftRequestOnce): it is refused if it is too large, or one
 * too many, or there is no room for it; else it gets an id, is proposed, and answered when it is applied.
 *
 * Hot path: a request costs its encoded entry and its place in Proposals, and no more.
 */
import { humanBytes } from '../../base/human-bytes.ts';
import { err, type Result } from '../../base/result.ts';
import { alarmType } from '../../proto/etcdserverpb-maintenance.ts';
import { encodeInternalRequest } from '../../proto/raft-internal.ts';
import type { Alarms } from '../apply/alarms.ts';
import type { Quota } from '../apply/quota.ts';
import type { ApplyResponse } from '../apply/response.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import { raiseAlarm } from './own-requests.ts';
import { type ProposalDone, type ProposalPorts, Proposals } from './proposals.ts';
import { RequestIds, type RequestKey } from './request-id.ts';
import { SpaceAlarm } from './space-alarm.ts';

/** Requests whose clients wait; more are refused with "too many requests" until some are answered. */
const pendingProposalsMax = 100_000;

export interface ClientRequestSettings {
  /** --max-request-bytes: the largest entry. */
  readonly maxRequestBytes: number;
  /** --quota-backend-bytes, for the log. */
  readonly quotaBackendBytes: number;
  /** How long a request may take. */
  readonly timeoutMs: number;
}

export interface ClientRequestPorts extends ProposalPorts {
  readonly logger: Logger;
  state(): { readonly alarms: Pick<Alarms, 'has'>; readonly quota: Pick<Quota, 'allows'> };
}

export class ClientRequests {
  private readonly settings: ClientRequestSettings;
  private readonly ports: ClientRequestPorts;
  private readonly ids: RequestIds;
  private readonly proposals: Proposals;
  private readonly spaceAlarm: SpaceAlarm;

  constructor(localId: bigint, settings: ClientRequestSettings, ports: ClientRequestPorts) {
    this.settings = settings;
    this.ports = ports;
    this.ids = new RequestIds(localId, ports.clock.now());
    this.proposals = new Proposals(ports, settings.timeoutMs);
    this.spaceAlarm = new SpaceAlarm((done) => raiseAlarm(this, alarmType.noSpace, localId, done));
  }

  /** Those whose clients wait. */
  get pending(): number {
    return this.proposals.pending;
  }

  /** An id that no other request of the cluster has. */
  nextId(): bigint {
    return this.ids.idOf(this.ids.nextKey());
  }

  /** See MemberApi. */
  propose(field: number, raw: Uint8Array, done: ProposalDone): void {
    if (this.proposals.pending >= pendingProposalsMax) {
      done(err(rpcErrors.tooManyRequests));
      return;
    }
    const key = this.ids.nextKey();
    const data = encodeInternalRequest(this.ids.idOf(key), field, raw);
    if (data.length > this.settings.maxRequestBytes) done(err(rpcErrors.requestTooLarge));
    else this.proposals.propose(key, data, done);
  }

  /** The same for what this member asks itself as the leader, without the limits; fails with `notLeader` unless it leads. */
  proposeAsLeader(field: number, raw: Uint8Array, done: ProposalDone): void {
    const key = this.ids.nextKey();
    this.proposals.proposeAsLeader(key, encodeInternalRequest(this.ids.idOf(key), field, raw), done);
  }

  /** See MemberApi. */
  refuseForSpace(costBytes: number, refuse: (error: RpcError) => void): boolean {
    if (this.ports.state().quota.allows(costBytes)) return false;
    this.spaceAlarm.raise(() => refuse(rpcErrors.noSpace));
    return true;
  }

  /** A request of this or another member was applied. */
  applied(requestId: bigint, outcome: Result<ApplyResponse, RpcError>): void {
    const key = this.ids.keyOf(requestId);
    const isNews =
      !outcome.ok && outcome.error === rpcErrors.noSpace && !this.ports.state().alarms.has(alarmType.noSpace);
    if (isNews) this.alarmThenAnswer(key, outcome);
    else this.answer(key, outcome);
  }

  /** It had room when it was proposed, and is applied; the next ones must know, on all members. */
  private alarmThenAnswer(key: RequestKey | null, outcome: Result<ApplyResponse, RpcError>): void {
    const quota = this.settings.quotaBackendBytes;
    this.ports.logger.warn('message exceeded backend quota; raising alarm', {
      'quota-size-bytes': quota,
      'quota-size': humanBytes(quota),
      error: 'etcdserver: no space',
    });
    this.spaceAlarm.raise(() => this.answer(key, outcome));
  }

  private answer(key: RequestKey | null, outcome: Result<ApplyResponse, RpcError>): void {
    if (key !== null) this.proposals.applied(key, outcome);
  }

  /** Answers everyone who waits. */
  stop(): void {
    this.proposals.stop();
  }
}

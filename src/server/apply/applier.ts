/**
 * Turns committed entries into state: the key-value store, the membership, the alarms. Everything here is a function of the log, so
 * that every member that has applied the same index holds the same content.
 *
 * Hot path: one call per entry on every member.
 */
import { invariant, unreachable } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { ProtoError, Reader } from '../../proto/codec.ts';
import type { V2Request } from '../../proto/etcdserverpb-v2.ts';
import { v2Request } from '../../proto/etcdserverpb-v2.ts';
import { decodeInternalRequest, type InternalBody, requestIdOf } from '../../proto/raft-internal.ts';
import { type ConfChange, decodeConfChange, type Entry, entryType } from '../../proto/raftpb.ts';
import { parseId } from '../cluster/ids.ts';
import { parseAttributes } from '../cluster/member.ts';
import type { Membership, MembershipChange, MembershipError } from '../cluster/membership.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { LeaseError, Lessor } from '../lease/lessor.ts';
import type { KvStore } from '../mvcc/store.ts';
import type { Alarms } from './alarms.ts';
import { applyCompaction, applyDeleteRange, applyPut, applyRange, applyTxn, type LeaseExists } from './kv.ts';
import type { ApplyResponse } from './response.ts';

/** What applying tells its owner; the calls happen while the entry is applied. */
export interface ApplierPorts {
  /** Hands a conf change to Raft: every committed one, the refused ones with node id 0, which changes nothing. */
  confChange(change: ConfChange): void;
  /** The outcome of the request with this id, for whoever waits for it. */
  completed(requestId: bigint, outcome: Result<ApplyResponse, RpcError>): void;
  membershipChanged(change: MembershipChange): void;
  membershipRefused(change: ConfChange, error: MembershipError): void;
  memberPublished(memberId: bigint): void;
  clusterVersionChanged(version: string, previous: string | null): void;
  /** An entry whose subsystem this member does not have yet; its effect is skipped. */
  unsupported(type: InternalBody['type']): void;
  /** Old revisions may go: calls back when they are gone. */
  scheduleCompaction(revision: number): Promise<void>;
}

export interface AppliedState {
  readonly store: KvStore;
  readonly membership: Membership;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
}

const leaseErrors: Readonly<Record<LeaseError, RpcError>> = {
  notFound: rpcErrors.leaseNotFound,
  exists: rpcErrors.leaseExists,
  ttlTooLarge: rpcErrors.leaseTtlTooLarge,
};

const noEnd = new Uint8Array(0);

const empty: Result<ApplyResponse, never> = ok({ type: 'empty' });

export class Applier {
  private readonly state: AppliedState;
  private readonly ports: ApplierPorts;
  private readonly leaseExists: LeaseExists = (id) => this.state.lessor.exists(id);
  private applied = 0;

  constructor(state: AppliedState, ports: ApplierPorts) {
    this.state = state;
    this.ports = ports;
  }

  get appliedIndex(): number {
    return this.applied;
  }

  /** Applies the entry that follows the last one. Throws InvariantError for an entry that no correct member can have committed. */
  apply(entry: Entry): void {
    invariant(entry.index === this.applied + 1, `entry ${entry.index} follows applied index ${this.applied}`);
    switch (entry.type) {
      case entryType.normal:
        if (entry.data !== null && entry.data.length > 0) this.applyNormal(entry.data);
        break;
      case entryType.confChange:
        this.applyConfChange(decodeConfChange(new Reader(entry.data ?? new Uint8Array(0))));
        break;
      case entryType.confChangeV2:
        invariant(false, 'no etcd member proposes a ConfChangeV2 entry');
        break;
      default:
        unreachable(entry.type);
    }
    this.applied = entry.index;
  }

  private applyNormal(data: Uint8Array): void {
    let request: ReturnType<typeof decodeInternalRequest>;
    try {
      request = decodeInternalRequest(data);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      // Members of 3.4 and 3.5 write bare v2 requests, which are told apart by not being valid InternalRaftRequests.
      const bare = v2Request.decodeFrom(new Reader(data));
      this.applyV2(bare);
      this.ports.completed(bare.id, empty);
      return;
    }
    const outcome = this.applyBody(request.body);
    this.ports.completed(requestIdOf(request), outcome);
  }

  private applyBody(body: InternalBody): Result<ApplyResponse, RpcError> {
    const { store } = this.state;
    switch (body.type) {
      case 'put': {
        const result = applyPut(store, body.request, this.leaseExists);
        return result.ok ? ok({ type: 'put', response: result.value }) : result;
      }
      case 'txn': {
        const result = applyTxn(store, body.request, this.leaseExists);
        return result.ok ? ok({ type: 'txn', response: result.value }) : result;
      }
      case 'deleteRange': {
        const result = applyDeleteRange(store, body.request);
        return result.ok ? ok({ type: 'deleteRange', response: result.value }) : result;
      }
      case 'range': {
        const result = applyRange(store, body.request);
        return result.ok ? ok({ type: 'range', response: result.value }) : result;
      }
      case 'compaction': {
        const result = applyCompaction(store, body.request);
        if (!result.ok) return result;
        const physical = this.ports.scheduleCompaction(body.request.revision);
        return ok({ type: 'compaction', response: result.value, physical });
      }
      case 'leaseGrant': {
        const granted = this.state.lessor.grant(body.request.id, body.request.ttl);
        return granted.ok ? empty : err(leaseErrors[granted.error]);
      }
      case 'leaseRevoke':
        return this.revokeLease(body.request.id);
      case 'alarm':
        return ok({ type: 'alarm', alarms: this.state.alarms.apply(body.request) });
      case 'clusterVersionSet':
        this.setClusterVersion(body.request.ver);
        return empty;
      case 'clusterMemberAttrSet': {
        const attributes = body.request.memberAttributes;
        this.setAttributes(body.request.memberId, attributes?.name ?? '', attributes?.clientUrls ?? []);
        return empty;
      }
      case 'downgradeInfoSet':
        this.state.membership.setDowngrade({ enabled: body.request.enabled, targetVersion: body.request.ver });
        return empty;
      case 'v2':
        this.applyV2(body.request);
        return empty;
      default:
        this.ports.unsupported(body.type);
        return empty;
    }
  }

  /** Deletes the keys of the lease, all in one revision. */
  private revokeLease(id: bigint): Result<ApplyResponse, RpcError> {
    const keys = this.state.lessor.revoke(id);
    if (!keys.ok) return err(leaseErrors[keys.error]);
    if (keys.value.length === 0) return empty;
    const txn = this.state.store.beginWrite();
    for (const key of keys.value) txn.deleteRange(key, noEnd);
    txn.end();
    return empty;
  }

  /** The two writes to the v2 store that etcd's members still make: attributes and the cluster version. */
  private applyV2(request: V2Request): void {
    if (request.method !== 'PUT') return;
    const member = /^\/0\/members\/([0-9a-f]+)\/attributes$/.exec(request.path);
    const id = member === null ? null : parseId(member[1] ?? '');
    if (id !== null) {
      const { name, clientUrls } = parseAttributes(request.val);
      this.setAttributes(id, name, clientUrls);
    } else if (request.path === '/0/version') this.setClusterVersion(request.val);
  }

  private setAttributes(id: bigint, name: string, clientUrls: readonly string[]): void {
    if (this.state.membership.setAttributes(id, name, clientUrls) !== null) this.ports.memberPublished(id);
  }

  private setClusterVersion(version: string): void {
    const previous = this.state.membership.version();
    this.state.membership.setVersion(version);
    this.ports.clusterVersionChanged(version, previous);
  }

  private applyConfChange(change: ConfChange): void {
    const { membership } = this.state;
    const valid = membership.validate(change);
    if (!valid.ok) {
      this.ports.confChange({ ...change, nodeId: 0n });
      this.ports.membershipRefused(change, valid.error);
      return;
    }
    this.ports.confChange(change);
    this.ports.membershipChanged(membership.apply(change));
  }
}

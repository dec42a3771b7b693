/**
 * Turns committed entries into state: the key-value store, the membership, the alarms, the leases, and with them the member's database.
 * Everything here is a function of the log, so that every member that has applied the same index holds the same content. (An answer may
 * differ: it says whether this member's own database had room.)
 *
 * Hot path: one call per entry on every member.
 */
import { invariant, unreachable } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { ProtoError, Reader } from '../../proto/codec.ts';
import { alarmType } from '../../proto/etcdserverpb-maintenance.ts';
import type { V2Request } from '../../proto/etcdserverpb-v2.ts';
import { v2Request } from '../../proto/etcdserverpb-v2.ts';
import { decodeInternalRequest, type InternalBody, requestIdOf } from '../../proto/raft-internal.ts';
import { type ConfChange, decodeConfChange, type Entry, entryType } from '../../proto/raftpb.ts';
import { parseId } from '../cluster/ids.ts';
import { parseAttributes } from '../cluster/member.ts';
import type { MembershipChange, MembershipError } from '../cluster/membership.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { LeaseError, Lessor } from '../lease/lessor.ts';
import type { KvStore } from '../mvcc/store.ts';
import type { Alarms } from './alarms.ts';
import type { ClusterBooks } from './cluster-books.ts';
import { applyCompaction, applyDeleteRange, applyPut, applyRange, applyTxn, type LeaseExists } from './kv.ts';
import { leaseCostBytes, putCostBytes, type Quota, txnCostBytes } from './quota.ts';
import type { ApplyResponse } from './response.ts';

/** What applying tells its owner; the calls happen while the entry is applied. */
export interface ApplierPorts {
  /** A request is about to be applied, and was applied or refused: for whoever has a clock. */
  begins(): void;
  ends(type: InternalBody['type'], succeeded: boolean): void;
  /** Hands a conf change to Raft: every committed one, the refused ones with node id 0, which changes nothing. */
  confChange(change: ConfChange, isRefused: boolean): void;
  /** The outcome of the request with this id, for whoever waits for it. */
  completed(requestId: bigint, outcome: Result<ApplyResponse, RpcError>): void;
  membershipChanged(change: MembershipChange): void;
  membershipRefused(change: ConfChange, error: MembershipError): void;
  /** The change that was proposed with this id has taken effect, or was refused. */
  reconfigured(id: bigint, outcome: Result<null, MembershipError>): void;
  memberPublished(memberId: bigint): void;
  clusterVersionChanged(version: string, previous: string | null): void;
  /** An entry whose subsystem this member does not have yet; its effect is skipped. */
  unsupported(type: InternalBody['type']): void;
  /** Old revisions may go: calls back when they are gone. */
  scheduleCompaction(revision: number): Promise<void>;
}

export interface AppliedState {
  readonly store: KvStore;
  readonly cluster: ClusterBooks;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  readonly quota: Quota;
}

const leaseErrors: Readonly<Record<LeaseError, RpcError>> = {
  notFound: rpcErrors.leaseNotFound,
  exists: rpcErrors.leaseExists,
  ttlTooLarge: rpcErrors.leaseTtlTooLarge,
};

/** While any member says that the cluster is corrupt. */
const corruptForbids: ReadonlySet<InternalBody['type']> = new Set([
  'put',
  'range',
  'deleteRange',
  'txn',
  'compaction',
  'leaseGrant',
  'leaseRevoke',
]);

const noEnd = new Uint8Array(0);

const empty: Result<ApplyResponse, never> = ok({ type: 'empty' });

export class Applier {
  private state: AppliedState;
  private readonly ports: ApplierPorts;
  private readonly leaseExists: LeaseExists = (id) => this.state.lessor.exists(id);
  private applied: number;
  /** The last entry that pretends to need a certain version (only etcd's own tests propose one); null if there was none. */
  testedVersion: { readonly index: number; readonly version: string } | null = null;

  /** `applied` is the index of the last entry that `state` holds. */
  constructor(state: AppliedState, ports: ApplierPorts, applied: number) {
    this.state = state;
    this.ports = ports;
    this.applied = applied;
  }

  get appliedIndex(): number {
    return this.applied;
  }

  /** Goes on with another state, which came with a snapshot and holds everything through `applied`. */
  replace(state: AppliedState, applied: number): void {
    this.state = state;
    this.applied = applied;
  }

  /**
   * Applies the entry that follows the last one. Throws InvariantError for an entry that no correct member can have committed. A
   * database may be ahead of the snapshot that it came with: entries that it holds already are passed over.
   */
  apply(entry: Entry): void {
    if (entry.index <= this.applied) {
      if (entry.type === entryType.confChange)
        this.ports.confChange(decodeConfChange(new Reader(entry.data ?? new Uint8Array(0))), false);
      return;
    }
    if (entry.index !== this.applied + 1)
      invariant(false, `entry ${entry.index} follows applied index ${this.applied}`);
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
      this.ports.begins();
      this.applyV2(bare);
      this.ports.ends('v2', true);
      this.ports.completed(bare.id, empty);
      return;
    }
    this.ports.begins();
    const outcome = this.applyBody(request.body);
    // Whoever compacts to where it is compacted already has what was asked for.
    this.ports.ends(request.body.type, outcome.ok || outcome.error === rpcErrors.compacted);
    this.ports.completed(requestIdOf(request), outcome);
  }

  private applyBody(body: InternalBody): Result<ApplyResponse, RpcError> {
    const { store } = this.state;
    const refusal = this.refusalByAlarm(body);
    if (refusal !== null) return err(refusal);
    switch (body.type) {
      case 'put': {
        const hasRoom = this.state.quota.allows(putCostBytes(body.request));
        const result = applyPut(store, body.request, this.leaseExists);
        return result.ok ? ifRoom(hasRoom, { type: 'put', response: result.value }) : result;
      }
      case 'txn': {
        const hasRoom = this.state.quota.allows(txnCostBytes(body.request));
        const result = applyTxn(store, body.request, this.leaseExists);
        return result.ok ? ifRoom(hasRoom, { type: 'txn', response: result.value }) : result;
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
        const hasRoom = this.state.quota.allows(leaseCostBytes);
        const granted = this.state.lessor.grant(body.request.id, body.request.ttl);
        if (!granted.ok) return err(leaseErrors[granted.error]);
        const { id, ttl } = granted.value;
        return ifRoom(hasRoom, { type: 'leaseGrant', id, ttl });
      }
      case 'leaseRevoke':
        return this.revokeLease(body.request.id);
      case 'leaseCheckpoint': {
        const { lessor, cluster } = this.state;
        // Members of 3.5 and before do not keep checkpoints, unless they are told to.
        const isPersisted = lessor.persistsCheckpoints || isFrom36(cluster.membership.version());
        for (const { id, remainingTtl } of body.request.checkpoints) lessor.checkpoint(id, remainingTtl, isPersisted);
        return empty;
      }
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
      case 'downgradeInfoSet': {
        const { enabled, ver } = body.request;
        this.state.cluster.setDowngrade({ enabled, targetVersion: enabled ? ver : '' });
        return empty;
      }
      case 'downgradeVersionTest':
        this.testedVersion = { index: this.applied + 1, version: body.request.ver };
        return empty;
      case 'v2':
        this.applyV2(body.request);
        return empty;
      default:
        this.ports.unsupported(body.type);
        return empty;
    }
  }

  /** What the alarms of the cluster forbid (etcd server/etcdserver/apply: the corrupt applier before the capped one). */
  private refusalByAlarm(body: InternalBody): RpcError | null {
    const { alarms } = this.state;
    if (alarms.list().length === 0) return null;
    if (alarms.has(alarmType.corrupt) && corruptForbids.has(body.type)) return rpcErrors.corrupt;
    if (!alarms.has(alarmType.noSpace)) return null;
    const grows =
      body.type === 'put' || body.type === 'leaseGrant' || (body.type === 'txn' && txnCostBytes(body.request) > 0);
    return grows ? rpcErrors.noSpace : null;
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
    if (this.state.cluster.setAttributes(id, name, clientUrls)) this.ports.memberPublished(id);
  }

  private setClusterVersion(version: string): void {
    const { cluster } = this.state;
    const previous = cluster.membership.version();
    cluster.setVersion(version);
    this.ports.clusterVersionChanged(version, previous);
  }

  private applyConfChange(change: ConfChange): void {
    const { cluster } = this.state;
    const valid = cluster.membership.validate(change);
    if (!valid.ok) {
      this.ports.confChange({ ...change, nodeId: 0n }, true);
      this.ports.membershipRefused(change, valid.error);
      this.ports.reconfigured(change.id, valid);
      return;
    }
    this.ports.confChange(change, false);
    this.ports.membershipChanged(cluster.apply(change));
    this.ports.reconfigured(change.id, ok(null));
  }
}

/** What is applied is applied on every member; only the answer tells that this one is over its quota. */
function ifRoom(hasRoom: boolean, response: ApplyResponse): Result<ApplyResponse, RpcError> {
  return hasRoom ? ok(response) : err(rpcErrors.noSpace);
}

function isFrom36(version: string | null): boolean {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 6);
}

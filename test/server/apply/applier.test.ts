import { describe, expect, it } from 'vitest';
import { newPutRequest, newRangeRequest, type RequestOp } from '../../../src/proto/etcdserverpb-kv.ts';
import {
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeTxnRequest,
} from '../../../src/proto/etcdserverpb-kv-requests.ts';
import {
  leaseCheckpointRequest,
  leaseGrantRequest,
  leaseRevokeRequest,
} from '../../../src/proto/etcdserverpb-lease.ts';
import { alarmType } from '../../../src/proto/etcdserverpb-maintenance.ts';
import { clusterVersionSetRequest, downgradeInfoSetRequest } from '../../../src/proto/membershippb.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import { confChangeType, type Entry } from '../../../src/proto/raftpb.ts';
import { defaultQuotaBytes, putCostBytes, Quota, txnCostBytes } from '../../../src/server/apply/quota.ts';
import type { FeatureGate } from '../../../src/server/config/feature-gates.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { AppliedState, alarm, confChange, request, stateConfig } from '../../support/applied-state.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';

const bytes = (text: string) => Buffer.from(text);
const putRequest = (key: string, value = 'v') => newPutRequest({ key: bytes(key), value: bytes(value) });
const put = (key: string, value?: string) => request(internalField.put, encodePutRequest(putRequest(key, value)));
const putOp = (key: string): RequestOp => ({ type: 'put', request: putRequest(key) });
const deleteOp = (key: string): RequestOp => ({
  type: 'deleteRange',
  request: { key: bytes(key), rangeEnd: bytes(''), prevKv: false },
});
const txn = (...success: RequestOp[]) =>
  request(internalField.txn, encodeTxnRequest({ compare: [], success, failure: [] }));
const deletion = (key: string) =>
  request(internalField.deleteRange, encodeDeleteRangeRequest({ key: bytes(key), rangeEnd: bytes(''), prevKv: false }));
const grant = (id: bigint, ttl: number) => request(internalField.leaseGrant, leaseGrantRequest.encode({ id, ttl }));
const version = (ver: string) => request(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver }));

/** What a client is told. */
function outcomeOf(member: AppliedState, entry: Entry): string {
  member.apply(entry);
  return member.outcome.ok ? member.outcome.value.type : member.outcome.error.message;
}

async function fresh(quotaBackendBytes = 0): Promise<{ member: AppliedState; backend: MemoryBackend }> {
  const backend = new MemoryBackend();
  return { member: await AppliedState.over(backend, { ...stateConfig, quotaBackendBytes }), backend };
}

describe('the quota', () => {
  it('estimates as etcd does', () => {
    expect(putCostBytes(putRequest('key', 'value'))).toBe(256 + 8);
    const nested: RequestOp = { type: 'txn', request: { compare: [], success: [putOp('k')], failure: [] } };
    const both = { compare: [], success: [putOp('k'), deleteOp('x')], failure: [putOp('a'), putOp('b'), nested] };
    expect(txnCostBytes(both)).toBe(2 * (256 + 2));
  });

  it('is 2 GiB by default, and none if negative', () => {
    expect(new Quota(0, () => defaultQuotaBytes - 100).allows(99)).toBe(true);
    expect(new Quota(0, () => defaultQuotaBytes - 100).allows(100)).toBe(false);
    expect(new Quota(-1, () => Number.MAX_SAFE_INTEGER).allows(100)).toBe(true);
    expect(new Quota(10, () => 1000).allows(0)).toBe(true);
  });

  it('refuses in the answer what is applied nevertheless, so that members stay equal', async () => {
    const { member } = await fresh(1);
    expect(outcomeOf(member, put('a'))).toBe(rpcErrors.noSpace.message);
    expect(outcomeOf(member, txn(putOp('b')))).toBe(rpcErrors.noSpace.message);
    expect(outcomeOf(member, grant(7n, 60))).toBe(rpcErrors.noSpace.message);
    expect(outcomeOf(member, txn(deleteOp('a')))).toBe('txn');
    expect(member.state.store.revision).toBe(4);
    expect(member.state.lessor.exists(7n)).toBe(true);
  });
});

describe('an alarm', () => {
  it('for want of space refuses what grows the database, on every member, until it is disarmed', async () => {
    const { member } = await fresh();
    outcomeOf(member, put('a'));
    outcomeOf(member, request(internalField.alarm, alarm('activate', 9n, alarmType.noSpace)));
    expect(outcomeOf(member, put('b'))).toBe(rpcErrors.noSpace.message);
    expect(outcomeOf(member, txn(putOp('b')))).toBe(rpcErrors.noSpace.message);
    expect(outcomeOf(member, grant(7n, 60))).toBe(rpcErrors.noSpace.message);
    expect(member.state.store.revision).toBe(2);
    expect(outcomeOf(member, txn(deleteOp('a')))).toBe('txn');
    const compaction = encodeCompactionRequest({ revision: 2, physical: false });
    expect(outcomeOf(member, request(internalField.compaction, compaction))).toBe('compaction');
    outcomeOf(member, request(internalField.alarm, alarm('deactivate', 9n, alarmType.noSpace)));
    expect(outcomeOf(member, put('b'))).toBe('put');
  });

  it('for corruption refuses everything that reads or writes keys', async () => {
    const { member } = await fresh();
    outcomeOf(member, grant(7n, 60));
    outcomeOf(member, request(internalField.alarm, alarm('activate', 9n, alarmType.corrupt)));
    const revocation = request(internalField.leaseRevoke, leaseRevokeRequest.encode({ id: 7n }));
    for (const entry of [put('a'), deletion('a'), txn(deleteOp('a')), grant(8n, 60), revocation]) {
      expect(outcomeOf(member, entry)).toBe(rpcErrors.corrupt.message);
    }
    expect(outcomeOf(member, version('3.6.0'))).toBe('empty');
    expect(member.state.store.revision).toBe(1);
    expect(member.state.store.range(newRangeRequest({ key: bytes('a') })).ok).toBe(true);
  });

  it('is in the database until it is disarmed', async () => {
    const { member, backend } = await fresh();
    outcomeOf(member, request(internalField.alarm, alarm('activate', 9n, alarmType.noSpace)));
    backend.commitNow();
    const reopened = await AppliedState.over(backend.reopen());
    expect(reopened.state.alarms.list()).toEqual([{ memberId: 9n, alarm: alarmType.noSpace }]);
    outcomeOf(member, request(internalField.alarm, alarm('deactivate', 9n, alarmType.noSpace)));
    backend.commitNow();
    expect(backend.dump('alarm')).toEqual([]);
  });
});

describe('what else entries leave in the database', () => {
  it('is the lease with its time, at least one and a half election time-outs', async () => {
    const { member, backend } = await fresh();
    outcomeOf(member, grant(7n, 1));
    outcomeOf(member, grant(-2n, 600));
    backend.commitNow();
    const raw = (text: string) => Buffer.from(text, 'latin1').toString('hex');
    expect(backend.dump('lease').map((pair) => pair.map(raw))).toEqual([
      ['0000000000000007', '08071002'],
      ['fffffffffffffffe', '08feffffffffffffffff0110d804'],
    ]);
  });

  it('is what is left of a lease, from cluster version 3.6 on', async () => {
    const { member, backend } = await fresh();
    outcomeOf(member, grant(7n, 600));
    const checkpoints = leaseCheckpointRequest.encode({ checkpoints: [{ id: 7n, remainingTtl: 300 }] });
    for (const ver of ['3.5.0', '3.6.0']) {
      outcomeOf(member, version(ver));
      outcomeOf(member, request(internalField.leaseCheckpoint, checkpoints));
      backend.commitNow();
      expect(Buffer.from(backend.dump('lease')[0]?.[1] ?? '', 'latin1').toString('hex')).toBe(
        ver === '3.5.0' ? '080710d804' : '080710d80418ac02',
      );
    }
  });

  it('is what is left of a lease in older clusters too, if the gate says so; the next leader goes by it after a restart', async () => {
    const backend = new MemoryBackend();
    const featureGates = new Map<FeatureGate, boolean>([['LeaseCheckpointPersist', true]]);
    const member = await AppliedState.over(backend, { ...stateConfig, featureGates });
    outcomeOf(member, grant(7n, 600));
    const checkpoints = leaseCheckpointRequest.encode({ checkpoints: [{ id: 7n, remainingTtl: 300 }] });
    outcomeOf(member, version('3.5.0'));
    outcomeOf(member, request(internalField.leaseCheckpoint, checkpoints));
    backend.commitNow();
    const reopened = await AppliedState.over(backend.reopen());
    expect(reopened.state.lessor.find(7n)).toMatchObject({ ttl: 600, remainingTtl: 300 });
  });

  it('is the downgrade, the removed members, and who votes', async () => {
    const { member, backend } = await fresh();
    for (const id of [1n, 18446744073709551615n]) member.apply(confChange(confChangeType.addNode, id));
    member.apply(confChange(confChangeType.removeNode, 1n));
    member.apply(confChange(confChangeType.addNode, 1n));
    const downgrade = downgradeInfoSetRequest.encode({ enabled: true, ver: '3.5.0' });
    outcomeOf(member, request(internalField.downgradeInfoSet, downgrade));
    backend.commitNow();
    expect(backend.dump('members')).toEqual([
      ['ffffffffffffffff', '{"id":18446744073709551615,"peerURLs":["http://18446744073709551615"]}'],
    ]);
    expect(backend.dump('members_removed')).toEqual([['1', 'removed']]);
    expect(backend.dump('cluster')).toEqual([['downgrade', '{"target-version":"3.5.0","enabled":true}']]);
    expect(Object.fromEntries(backend.dump('meta'))['confState']).toBe(
      '{"voters":[18446744073709551615],"auto_leave":false}',
    );
    const reopened = await AppliedState.over(backend.reopen());
    expect(reopened.state.membership.downgrade()).toEqual({ enabled: true, targetVersion: '3.5.0' });
    expect(reopened.state.membership.isRemoved(1n)).toBe(true);
    expect(reopened.state.confState.voters).toEqual([18446744073709551615n]);
  });
});

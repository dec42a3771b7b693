import { describe, expect, it } from 'vitest';
import { emptyConfState } from '../../../src/proto/raftpb.ts';
import { Membership } from '../../../src/server/cluster/membership.ts';
import { backendHash } from '../../../src/server/member/backend-hash.ts';
import { KvStore } from '../../../src/server/mvcc/store.ts';

describe('Maintenance.Hash', () => {
  it('is what etcd 3.6.5 answers for the same state', () => {
    // A fresh one-member cluster on 127.0.0.1:23001/23002, cluster version 3.6.0, after `etcdctl put a b`.
    const id = 12087160956821666428n;
    const store = new KvStore();
    const txn = store.beginWrite();
    txn.put(Buffer.from('a'), Buffer.from('b'), 0n);
    txn.end();
    const member = {
      id,
      name: 'default',
      peerUrls: ['http://127.0.0.1:23002'],
      clientUrls: ['http://127.0.0.1:23001'],
      isLearner: false,
    };
    const membership = new Membership({
      clusterId: 5651537195376832483n,
      localId: id,
      members: [member],
      removed: [],
      version: '3.6.0',
    });
    const confState = { ...emptyConfState, voters: [id] };
    expect(backendHash({ store, membership, alarms: [], confState })).toBe(3289419191);
  });
});

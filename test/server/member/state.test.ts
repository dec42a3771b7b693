import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { newPutRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import {
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
} from '../../../src/proto/etcdserverpb-kv-requests.ts';
import { leaseGrantRequest, leaseRevokeRequest } from '../../../src/proto/etcdserverpb-lease.ts';
import { clusterMemberAttrSetRequest, clusterVersionSetRequest } from '../../../src/proto/membershippb.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import { confChangeType, type Entry, encodeConfChange, entryType } from '../../../src/proto/raftpb.ts';
import { bucketNames } from '../../../src/server/storage/backend/backend.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { AppliedState, alarm, confChange, request } from '../../support/applied-state.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';
import { openOn } from '../storage/backend/backends.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e').map((text) => Buffer.from(text));
const lease = fc.constantFrom(0n, 0n, 0n, 7n, 8n);
const value = fc.string({ maxLength: 5 }).map((text) => Buffer.from(text));
const put = fc
  .record({ key, value, lease })
  .map((fields) => request(internalField.put, encodePutRequest(newPutRequest(fields))));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: put },
  {
    weight: 2,
    arbitrary: fc
      .record({ key, rangeEnd: key, prevKv: fc.constant(false) })
      .map((fields) => request(internalField.deleteRange, encodeDeleteRangeRequest(fields))),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ revision: fc.nat(25), physical: fc.constant(false) })
      .map((fields) => request(internalField.compaction, encodeCompactionRequest(fields))),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      request(internalField.leaseGrant, leaseGrantRequest.encode({ id: 7n, ttl: 1 })),
      request(internalField.leaseGrant, leaseGrantRequest.encode({ id: 8n, ttl: 600 })),
      request(internalField.leaseRevoke, leaseRevokeRequest.encode({ id: 7n })),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      confChange(confChangeType.addNode, 2n),
      confChange(confChangeType.addNode, 18446744073709551615n),
      confChange(confChangeType.removeNode, 2n),
      request(internalField.alarm, alarm('activate', 4n, 1)),
      request(internalField.alarm, alarm('deactivate', 4n, 1)),
      request(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver: '3.6.0' })),
    ),
  },
);

/** What a member does besides applying: commits, and work on compactions. */
type Step = { readonly entry: Entry } | 'commit' | 'compact' | 'crash';
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: entry.map((one) => ({ entry: one })) },
  { weight: 3, arbitrary: fc.constantFrom<Step>('commit', 'compact', 'compact', 'crash') },
);

const first: readonly Entry[] = [
  confChange(confChangeType.addNode, 1n),
  request(
    internalField.clusterMemberAttrSet,
    clusterMemberAttrSetRequest.encode({ memberId: 1n, memberAttributes: { name: 'one', clientUrls: ['http://c'] } }),
  ),
];

/** Everything that can be asked of the state, and every pair of the database. */
function all({ state }: AppliedState, backend: MemoryBackend): unknown {
  while (state.store.compactionStep() !== 'done') state.markAgain();
  state.markAgain();
  backend.commitNow();
  return {
    buckets: bucketNames.map((name) => [name, backend.dump(name)]),
    hash: state.store.hashKv(0),
    revision: state.store.revision,
    compacted: state.store.compactRevision,
    keys: [state.store.index.liveKeys, state.store.index.size],
    members: state.membership.members(),
    removed: state.membership.removed(),
    version: state.membership.version(),
    alarms: state.alarms.list(),
    leases: [state.lessor.exists(7n), state.lessor.exists(8n)],
    confState: state.confState,
  };
}

describe('the state of a member', () => {
  it('comes to the same after crashes at any point, whatever was committed by then', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const entries = [...first, ...steps.flatMap((one) => (typeof one === 'string' ? [] : [one.entry]))];
        let backend = new MemoryBackend();
        let member = await AppliedState.over(backend);
        const catchUp = (to: number) => {
          for (const one of entries.slice(member.appliedIndex, to)) member.apply(one);
        };
        let reached = first.length;
        catchUp(reached);
        for (const one of steps) {
          if (one === 'commit') backend.commitNow();
          else if (one === 'compact') {
            member.state.store.compactionStep();
            member.state.markAgain();
          } else if (one === 'crash') {
            backend = backend.reopen();
            member = await AppliedState.over(backend);
            expect(member.appliedIndex).toBe(backend.committedIndex);
            catchUp(reached);
          } else catchUp(++reached);
        }
        const calmBackend = new MemoryBackend();
        const calm = await AppliedState.over(calmBackend);
        for (const one of entries) calm.apply(one);
        expect(all(member, backend)).toEqual(all(calm, calmBackend));
        // And the leases know their keys: what a revocation deletes is the same.
        for (const revoked of [member, calm]) {
          revoked.apply(request(internalField.leaseRevoke, leaseRevokeRequest.encode({ id: 8n })));
        }
        expect(all(member, backend)).toEqual(all(calm, calmBackend));
      }),
      { numRuns: 80 },
    );
  });

  it('has the Hash that etcd 3.6.5 answers for the same state', async () => {
    // A fresh one-member cluster on 127.0.0.1:23001/23002, cluster version 3.6.0, after `etcdctl put a b`.
    const id = 12087160956821666428n;
    const disk = new SimDisk(seededRandom(1));
    await disk.makeDirectory('/data');
    const { backend } = await openOn(disk);
    const member = await AppliedState.over(backend);
    const peer = `{"id":${id},"peerURLs":["http://127.0.0.1:23002"],"name":"default"}`;
    const data = encodeConfChange({
      id: 0n,
      type: confChangeType.addNode,
      nodeId: id,
      context: Buffer.from(peer),
    });
    member.apply({ type: entryType.confChange, term: 1, index: 1, data });
    const memberAttributes = { name: 'default', clientUrls: ['http://127.0.0.1:23001'] };
    const published = clusterMemberAttrSetRequest.encode({ memberId: id, memberAttributes });
    member.apply(request(internalField.clusterMemberAttrSet, published));
    member.apply(request(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver: '3.6.0' })));
    member.state.setStorageVersion('3.6.0');
    const written = newPutRequest({ key: Buffer.from('a'), value: Buffer.from('b') });
    member.apply(request(internalField.put, encodePutRequest(written)));
    expect(await backend.hash()).toBe(3289419191);
    await backend.close();
  });
});

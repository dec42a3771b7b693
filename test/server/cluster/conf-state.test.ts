import { describe, expect, it } from 'vitest';
import { emptyConfState } from '../../../src/proto/raftpb.ts';
import { confStateFrom, confStateJson } from '../../../src/server/cluster/conf-state.ts';
import { Membership } from '../../../src/server/cluster/membership.ts';

function membershipOf(voters: readonly bigint[], learners: readonly bigint[] = []): Membership {
  const member = (id: bigint, isLearner: boolean) => ({ id, name: `m${id}`, peerUrls: [], clientUrls: [], isLearner });
  const members = [...voters.map((id) => member(id, false)), ...learners.map((id) => member(id, true))];
  return new Membership({ clusterId: 1n, localId: 1n, members, removed: [], version: null, learnersMax: 1 });
}

describe('who takes part by what a database says', () => {
  it('are the members where nothing else is stored, as in databases of etcd 3.4', () => {
    expect(confStateFrom(null, membershipOf([1n, 2n], [3n]))).toEqual({
      ...emptyConfState,
      voters: [1n, 2n],
      learners: [3n],
    });
  });

  it('is what is stored, if it speaks of the same members: etcd 3.5 may not note that a learner was promoted', () => {
    const stored = { ...emptyConfState, voters: [1n, 0xffffffffffffffffn] };
    expect(confStateFrom(confStateJson(stored), membershipOf([1n], [0xffffffffffffffffn]))).toEqual(stored);
  });

  it('are the members that etcdutl has put in the place of those that are stored', () => {
    const stored = { ...emptyConfState, voters: [7n, 8n, 9n] };
    expect(confStateFrom(confStateJson(stored), membershipOf([1n])).voters).toEqual([1n]);
  });
});

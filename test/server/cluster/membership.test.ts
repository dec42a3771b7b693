import { describe, expect, it } from 'vitest';
import { type ConfChange, type ConfChangeType, confChangeType } from '../../../src/proto/raftpb.ts';
import {
  attributesJson,
  type Member,
  memberJson,
  parseAttributes,
  parseMember,
  parseMembers,
  promotionJson,
} from '../../../src/server/cluster/member.ts';
import { Membership, membershipErrorText } from '../../../src/server/cluster/membership.ts';

function member(id: bigint, rest: Partial<Member> = {}): Member {
  return { id, name: `m${id}`, peerUrls: [`http://127.0.0.1:${id}`], clientUrls: [], isLearner: false, ...rest };
}

function change(type: ConfChangeType, nodeId: bigint, context: string | null = null): ConfChange {
  return { id: 1n, type, nodeId, context: context === null ? null : Buffer.from(context) };
}

function membership(members: readonly Member[], removed: readonly bigint[] = []): Membership {
  return new Membership({ clusterId: 7n, localId: 1n, members, removed, version: null });
}

describe('member JSON', () => {
  it('is what etcd 3.6.5 answers on /members', () => {
    const golden =
      '[{"id":9372538179322589801,"peerURLs":["http://127.0.0.1:12380"],"name":"infra1","clientURLs":["http://127.0.0.1:12379"]},' +
      '{"id":10501334649042878790,"peerURLs":["http://127.0.0.1:22380"],"name":"infra2","clientURLs":["http://127.0.0.1:22379"]},' +
      '{"id":18249187646912138824,"peerURLs":["http://127.0.0.1:32380"],"name":"infra3","clientURLs":["http://127.0.0.1:32379"]}]\n';
    const members = parseMembers(golden);
    expect(members.map((one) => one.id)).toEqual([0x8211f1d0f64f3269n, 0x91bc3c398fb3c146n, 0xfd422379fda50e48n]);
    expect(membership(members).json()).toBe(golden);
  });

  it('leaves out empty fields but peerURLs, and escapes as Go does', () => {
    const odd = member(2n ** 64n - 1n, { name: 'a<&>b', isLearner: true, peerUrls: [] });
    const text = '{"id":18446744073709551615,"peerURLs":[],"isLearner":true,"name":"a\\u003c\\u0026\\u003eb"}';
    expect(memberJson(odd)).toBe(text);
    expect(parseMember(text)).toEqual(odd);
    expect(memberJson(member(1n, { name: '' }))).toBe('{"id":1,"peerURLs":["http://127.0.0.1:1"]}');
  });

  it('is read as Go reads it: any case, nulls and unknown fields', () => {
    expect(parseMember('{"ID":3,"PeerUrls":null,"name":null,"later":[1]}')).toEqual(
      member(3n, { name: '', peerUrls: [] }),
    );
    expect(parseMembers('null')).toEqual([]);
    for (const text of ['[]', '{"id":-1}', '{"id":1.5}', '{"id":"1"}', '{"peerURLs":"x"}', '{"name":1}']) {
      expect(() => parseMember(text)).toThrow();
    }
  });

  it('of attributes has only what is set', () => {
    expect(attributesJson('a', ['http://x:1'])).toBe('{"name":"a","clientURLs":["http://x:1"]}');
    expect(attributesJson('', [])).toBe('{}');
    expect(parseAttributes('{"name":"a"}')).toEqual({ name: 'a', clientUrls: [] });
  });
});

describe('membership', () => {
  const two = [member(1n), member(2n)];

  it('adds, publishes, updates, promotes and removes members', () => {
    const cluster = membership(two);
    const learner = memberJson(member(3n, { name: '', isLearner: true }));
    const steps = [
      change(confChangeType.addLearnerNode, 3n, learner),
      change(confChangeType.addNode, 3n, promotionJson(3n)),
      change(confChangeType.updateNode, 2n, '{"id":2,"peerURLs":["http://new:2"]}'),
      change(confChangeType.removeNode, 1n),
    ];
    const types: string[] = [];
    for (const step of steps) {
      expect(cluster.validate(step)).toEqual({ ok: true, value: null });
      types.push(cluster.apply(step).type);
    }
    expect(types).toEqual(['added', 'promoted', 'updated', 'removed']);
    expect(cluster.setAttributes(3n, 'three', ['http://c:3'])).toEqual(
      member(3n, { name: 'three', clientUrls: ['http://c:3'] }),
    );
    expect(cluster.members().map((one) => [one.id, one.peerUrls[0]])).toEqual([
      [2n, 'http://new:2'],
      [3n, 'http://127.0.0.1:3'],
    ]);
    expect(cluster.removed()).toEqual([1n]);
    expect(cluster.setAttributes(1n, 'late', [])).toBeNull();
    expect(() => cluster.setAttributes(9n, 'never', [])).toThrow('9');
  });

  it.each([
    ['idRemoved', change(confChangeType.addNode, 9n, memberJson(member(9n)))],
    ['idRemoved', change(confChangeType.removeNode, 9n)],
    ['idExists', change(confChangeType.addNode, 2n, memberJson(member(2n)))],
    ['idNotFound', change(confChangeType.removeNode, 5n)],
    ['idNotFound', change(confChangeType.updateNode, 5n, memberJson(member(5n)))],
    ['idNotFound', change(confChangeType.addNode, 5n, promotionJson(5n))],
    ['memberNotLearner', change(confChangeType.addNode, 2n, promotionJson(2n))],
    ['peerUrlExists', change(confChangeType.addNode, 5n, memberJson(member(5n, { peerUrls: ['http://127.0.0.1:1'] })))],
    ['peerUrlExists', change(confChangeType.updateNode, 2n, '{"id":2,"peerURLs":["http://127.0.0.1:1"]}')],
    ['tooManyLearners', change(confChangeType.addLearnerNode, 5n, memberJson(member(5n, { isLearner: true })))],
  ] as const)('refuses with %s', (error, refused) => {
    const cluster = membership([...two, member(4n, { isLearner: true })], [9n]);
    expect(cluster.validate(refused)).toEqual({ ok: false, error });
    expect(membershipErrorText[error]).toMatch(/^membership: /);
  });

  it('lets a member keep its own peer URLs in an update', () => {
    const update = change(confChangeType.updateNode, 2n, '{"id":2,"peerURLs":["http://127.0.0.1:2"]}');
    expect(membership(two).validate(update).ok).toBe(true);
  });

  it('counts started members for strict reconfiguration as etcd does', () => {
    const unstarted = (id: bigint): Member => member(id, { name: '' });
    expect(membership([member(1n)]).isReadyToAddVoter()).toBe(true);
    expect(membership([member(1n), unstarted(2n)]).isReadyToAddVoter()).toBe(false);
    expect(membership([member(1n), member(2n), unstarted(3n)]).isReadyToAddVoter()).toBe(false);
    expect(membership([member(1n), member(2n), member(3n)]).isReadyToAddVoter()).toBe(true);
    expect(membership([member(1n), member(2n), unstarted(3n)]).isReadyToRemoveVoter(3n)).toBe(true);
    expect(membership([member(1n), member(2n), unstarted(3n)]).isReadyToRemoveVoter(2n)).toBe(false);
    expect(membership([member(1n), unstarted(2n)]).isReadyToPromote()).toBe(true);
    expect(membership([member(1n), unstarted(2n), unstarted(3n)]).isReadyToPromote()).toBe(false);
  });

  it('takes over what a snapshot says', () => {
    const cluster = membership(two);
    cluster.replace({ members: [member(5n, { isLearner: true })], removed: [1n], version: '3.6.0' });
    expect(cluster.member(1n)).toBeNull();
    expect(cluster.isRemoved(1n)).toBe(true);
    expect(cluster.version()).toBe('3.6.0');
    expect(cluster.votingMembers()).toEqual([]);
  });
});

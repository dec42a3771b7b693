import { describe, expect, it } from 'vitest';
import { err, ok } from '../../../src/base/result.ts';
import type { KvHash } from '../../../src/server/member/api.ts';
import { compareCompactHashes, type PeerHash, suspicions } from '../../../src/server/member/corruption.ts';

const same: KvHash = { hash: 7, hashRevision: 20, compactRevision: 5, currentRevision: 20 };
const peer = (id: bigint, hash: Partial<KvHash> = {}) => ({ id, hash: { ...same, ...hash } });

describe('a leader that compares its peers with itself', () => {
  it('suspects nobody with equal hashes, or with hashes that cannot be compared', () => {
    const peers = [peer(2n), peer(3n, { compactRevision: 4, hash: 9 })];
    expect(suspicions(1n, same, same, peers)).toEqual([]);
    expect(suspicions(1n, same, { ...same, hash: 8, hashRevision: 21, currentRevision: 21 }, peers)).toEqual([]);
  });

  it('suspects itself when its hash of the same revision has changed', () => {
    expect(suspicions(1n, same, { ...same, hash: 8 }, [])).toEqual([{ id: 1n, type: 'ownHashChanged' }]);
  });

  it('suspects who is ahead of it, or differs', () => {
    const peers = [peer(2n, { currentRevision: 21 }), peer(3n, { compactRevision: 6 }), peer(4n, { hash: 8 })];
    expect(suspicions(1n, same, same, peers)).toEqual([
      { id: 2n, type: 'revisionAhead' },
      { id: 3n, type: 'compactRevisionAhead' },
      { id: 4n, type: 'hashDiffers' },
    ]);
  });
});

describe('the hashes that a compaction has left', () => {
  const leader = { hash: 7, hashRevision: 20, compactRevision: 5 };
  const answers = (...hashes: (Partial<KvHash> | null)[]): PeerHash[] =>
    hashes.map((hash, i) => ({
      id: BigInt(i + 2),
      endpoints: [],
      answer: hash === null ? err('failed') : ok({ ...same, ...hash }),
    }));

  it('are equal when all members have the same', () => {
    expect(compareCompactHashes(1n, leader, answers({}, {}))).toEqual({ type: 'equal' });
  });

  it('say little while a member does not answer, or has compacted at another revision', () => {
    expect(compareCompactHashes(1n, leader, answers({}, null))).toEqual({ type: 'incomplete', checked: 1 });
    expect(compareCompactHashes(1n, leader, answers({ compactRevision: 6, hash: 8 }, {}))).toEqual({
      type: 'incomplete',
      checked: 1,
    });
  });

  it('tell who is corrupt where a majority agrees, the leader too', () => {
    expect(compareCompactHashes(1n, leader, answers({ hash: 8 }, {}))).toEqual({
      type: 'differ',
      groups: [{ hash: 8, ids: [2n] }],
    });
    expect(compareCompactHashes(1n, leader, answers({ hash: 8 }, { hash: 8 }))).toEqual({
      type: 'differ',
      groups: [{ hash: 7, ids: [1n] }],
    });
  });

  it('tell only that something is wrong without a majority', () => {
    expect(compareCompactHashes(1n, leader, answers({ hash: 8 }))).toMatchObject({ type: 'undecidable' });
    expect(compareCompactHashes(1n, leader, answers({ hash: 8 }, { hash: 9 }))).toMatchObject({ type: 'undecidable' });
  });
});

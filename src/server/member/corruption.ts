/**
 * What the hashes of members say of each other (etcd server/etcdserver/corrupt.go). Equal histories have equal hashes, if they are of the
 * same revisions and were compacted at the same revision; where one of these differs, nothing can be said. [pure]
 */
import type { Result } from '../../base/result.ts';
import type { KvHash as StoredHash } from '../mvcc/store-types.ts';
import type { KvHash } from './api.ts';

/** Why a member did not answer with a hash. */
export type PeerHashError = 'future' | 'compacted' | 'clusterIdMismatch' | 'failed';

export interface PeerHash {
  readonly id: bigint;
  /** Its peer URLs. */
  readonly endpoints: readonly string[];
  readonly answer: Result<KvHash, PeerHashError>;
}

/** What is wrong with whom. */
export interface Suspicion {
  readonly id: bigint;
  readonly type: 'ownHashChanged' | 'revisionAhead' | 'compactRevisionAhead' | 'hashDiffers';
}

/**
 * The periodic check of a leader: it hashed its keys (`before`), asked the peers, confirmed that it still leads, and hashed them again
 * (`after`). Nobody can be ahead of it then.
 */
export function suspicions(
  localId: bigint,
  before: KvHash,
  after: KvHash,
  peers: readonly { readonly id: bigint; readonly hash: KvHash }[],
): Suspicion[] {
  const found: Suspicion[] = [];
  const isSameState = before.hashRevision === after.hashRevision && before.compactRevision === after.compactRevision;
  if (isSameState && before.hash !== after.hash) found.push({ id: localId, type: 'ownHashChanged' });
  for (const { id, hash } of peers) {
    if (hash.currentRevision > after.currentRevision) found.push({ id, type: 'revisionAhead' });
    if (hash.compactRevision > after.compactRevision) found.push({ id, type: 'compactRevisionAhead' });
    if (hash.compactRevision === before.compactRevision && hash.hash !== before.hash)
      found.push({ id, type: 'hashDiffers' });
  }
  return found;
}

export type CompactHashVerdict =
  /** All peers have the leader's hash. */
  | { readonly type: 'equal' }
  /** Those that could be compared have it. */
  | { readonly type: 'incomplete'; readonly checked: number }
  /** Others than the majority have another one. */
  | { readonly type: 'differ'; readonly groups: readonly HashGroup[] }
  /** There is no majority: nobody knows who is right. */
  | { readonly type: 'undecidable'; readonly groups: readonly HashGroup[] };

/** Members that have the same hash. */
export interface HashGroup {
  readonly hash: number;
  readonly ids: readonly bigint[];
}

/** Compares what a compaction has left on the leader with what it has left on the peers. */
export function compareCompactHashes(
  leaderId: bigint,
  leaderHash: StoredHash,
  peers: readonly PeerHash[],
): CompactHashVerdict {
  const groups = new Map<number, bigint[]>([[leaderHash.hash, [leaderId]]]);
  let checked = 0;
  for (const { id, answer } of peers) {
    if (!answer.ok || answer.value.compactRevision !== leaderHash.compactRevision) continue;
    checked++;
    groups.set(answer.value.hash, [...(groups.get(answer.value.hash) ?? []), id]);
  }
  if (groups.size === 1) return checked === peers.length ? { type: 'equal' } : { type: 'incomplete', checked };
  const quorum = Math.floor((peers.length + 1) / 2) + 1;
  const all = [...groups].map(([hash, ids]) => ({ hash, ids }));
  const minority = all.filter(({ ids }) => ids.length < quorum);
  return minority.length < all.length ? { type: 'differ', groups: minority } : { type: 'undecidable', groups: all };
}

/** Asks the other members for the hash of their keys up to a revision, over their peer ports (etcd server/etcdserver/corrupt.go). */
import { err, ok, type Result } from '../base/result.ts';
import { formatId } from './cluster/ids.ts';
import { JsonError, type JsonValue, parseJson } from './cluster/json.ts';
import type { Logger } from './log/logger.ts';
import type { ClusterMember, KvHash } from './member/api.ts';
import type { PeerHash, PeerHashError } from './member/corruption.ts';
import type { Requester } from './peer/requester.ts';
import { askPeer, type PeerAnswer } from './peer-question.ts';

export interface HashQuestion {
  readonly localId: bigint;
  readonly clusterId: bigint;
  readonly revision: number;
  readonly timeoutMs: number;
}

/** One answer for each member, in their order; the members are asked one after another, as etcd does. Never rejects. */
export async function fetchHashes(
  requester: Requester,
  members: readonly ClusterMember[],
  question: HashQuestion,
  logger: Logger,
): Promise<readonly PeerHash[]> {
  const hashes: PeerHash[] = [];
  for (const { id, peerUrls } of members) {
    if (peerUrls.length === 0) continue;
    hashes.push({ id, endpoints: peerUrls, answer: await fetchHash(requester, peerUrls, question, logger) });
  }
  return hashes;
}

async function fetchHash(
  requester: Requester,
  urls: readonly string[],
  question: HashQuestion,
  logger: Logger,
): Promise<Result<KvHash, PeerHashError>> {
  const { localId, clusterId, revision, timeoutMs } = question;
  const headers = { 'Content-Type': 'application/json', 'X-Etcd-Cluster-ID': formatId(clusterId) };
  const body = revision === 0 ? '{}' : `{"revision":${revision}}`;
  let failure: PeerHashError = 'failed';
  for (const url of urls) {
    const answer = await askPeer(requester, { method: 'GET', url, path: '/members/hashkv', headers, body, timeoutMs });
    const hash = answer.type === 'answered' && answer.status === 200 ? parseHash(answer.body) : null;
    if (hash !== null) return ok(hash);
    failure = failureIn(answer);
    logger.warn('failed hash kv request', {
      'local-member-id': formatId(localId),
      'requested-revision': revision,
      'remote-peer-endpoint': url,
      error: answer.type === 'failed' ? answer.error : answer.body.trim(),
    });
  }
  return err(failure);
}

/** The texts are etcd's. */
function failureIn(answer: PeerAnswer): PeerHashError {
  if (answer.type === 'failed') return 'failed';
  if (answer.status === 400 && answer.body.includes('mvcc: required revision has been compacted')) return 'compacted';
  if (answer.status === 400 && answer.body.includes('mvcc: required revision is a future revision')) return 'future';
  if (answer.status === 412 && answer.body.includes('cluster ID mismatch')) return 'clusterIdMismatch';
  return 'failed';
}

/** An etcdserverpb.HashKVResponse as Go prints it: fields that are zero are left out. Null if it is something else. */
function parseHash(body: string): KvHash | null {
  try {
    const answer = parseJson(body);
    const numbers = {
      hash: numberIn(answer, 'hash'),
      hashRevision: numberIn(answer, 'hash_revision'),
      compactRevision: numberIn(answer, 'compact_revision'),
      currentRevision: numberIn(fieldOf(answer, 'header'), 'revision'),
    };
    return Object.values(numbers).every(Number.isSafeInteger) ? numbers : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

function numberIn(value: JsonValue, name: string): number {
  const field = fieldOf(value, name) ?? 0;
  return typeof field === 'number' ? field : Number.NaN;
}

function fieldOf(value: JsonValue, name: string): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.entries(value).find(([key]) => key === name)?.[1] ?? null;
}

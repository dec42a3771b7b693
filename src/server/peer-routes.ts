/**
 * What peers ask of each other over HTTP beside Raft (etcd server/etcdserver/api/etcdhttp): to promote a learner, for the hash of the
 * keys, about leases, whether a downgrade is under way. And asking it.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { err, ok, type Result } from '../base/result.ts';
import { formatId, parseId } from './cluster/ids.ts';
import { JsonError, parseJson } from './cluster/json.ts';
import { membersJson, parseMembers } from './cluster/member.ts';
import { type RpcError, rpcErrors, statusCode } from './grpc/status.ts';
import type { ClusterMember } from './member/api.ts';
import type { Member } from './member/member.ts';
import { allowMethod, answerError, answerNotFound } from './peer/http-answers.ts';
import type { Requester } from './peer/requester.ts';
import { answerRenewal, answerTimeToLive, internalLeasesPath, leasesPath } from './peer-leases.ts';
import { askPeer } from './peer-question.ts';

const promotePath = /^\/members\/promote\/([^/]*)$/;
/** A request for a hash is a few bytes. */
const bodyBytesMax = 64 * 1024;

export function peerRoutes(member: Member): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const promote = promotePath.exec(path);
    if (promote !== null) promoteLearner(member, promote[1] ?? '', request, response);
    else if (path === '/members/hashkv') void answerHash(member, request, response);
    else if (path === leasesPath) void answerRenewal(member.leases.keeper, request, response);
    else if (path === internalLeasesPath) void answerTimeToLive(member.leases.keeper, request, response);
    else if (path === '/downgrade/enabled') answerDowngrade(member, request, response);
    else answerNotFound(response);
  };
}

/** What etcd's own handler says; the texts are how the asking member tells them apart. */
const promotionFailures = new Map<RpcError, { readonly status: number; readonly text: string }>([
  [rpcErrors.memberNotFound, { status: 404, text: 'membership: ID not found' }],
  [rpcErrors.memberNotLearner, { status: 412, text: 'membership: can only promote a learner member' }],
  [
    rpcErrors.learnerNotReady,
    { status: 412, text: 'etcdserver: can only promote a learner member which is in sync with leader' },
  ],
  [rpcErrors.timeout, { status: 408, text: rpcErrors.timeout.message }],
]);

function promoteLearner(member: Member, digits: string, request: IncomingMessage, response: ServerResponse): void {
  if (!allowMethod(request, response, 'POST')) return;
  if (!/^[0-9]+$/.test(digits) || BigInt(digits) >= 1n << 64n) {
    answerError(response, 404, `member ${digits} not found in cluster`);
    return;
  }
  void member.promoteHere(BigInt(digits)).then((outcome) => {
    response.setHeader('X-Etcd-Cluster-ID', formatId(member.clusterId));
    if (outcome.ok) {
      response.setHeader('Content-Type', 'application/json');
      response.end(membersJson(outcome.value));
      return;
    }
    const failure = promotionFailures.get(outcome.error) ?? { status: 500, text: outcome.error.message };
    answerError(response, failure.status, failure.text);
  });
}

async function answerHash(member: Member, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('X-Etcd-Cluster-ID', formatId(member.clusterId));
  if (!allowMethod(request, response, 'GET')) return;
  const asked = request.headers['x-etcd-cluster-id'];
  if (typeof asked === 'string' && asked !== '' && parseId(asked) !== member.clusterId) {
    answerError(response, 412, 'cluster ID mismatch');
    return;
  }
  const revision = revisionIn(await bodyOf(request));
  if (revision === null) {
    answerError(response, 400, 'error unmarshalling request');
    return;
  }
  member.hashKv(revision, (outcome) => {
    if (!outcome.ok) {
      // The store's own words, without those of the API.
      answerError(response, 400, outcome.error.message.replace(/^etcdserver: /, ''));
      return;
    }
    const { hash, hashRevision, compactRevision, currentRevision } = outcome.value;
    response.setHeader('Content-Type', 'application/json');
    response.end(
      `{"header":{"revision":${currentRevision}},"hash":${hash},"compact_revision":${compactRevision},"hash_revision":${hashRevision}}`,
    );
  });
}

function answerDowngrade(member: Member, request: IncomingMessage, response: ServerResponse): void {
  if (!allowMethod(request, response, 'GET')) return;
  response.setHeader('X-Etcd-Cluster-ID', formatId(member.clusterId));
  // Who asks may be the member that is missing: it would wait for what cannot come before it has joined.
  if (!member.isQuorumConnected()) {
    answerError(response, 500, `failed linearized read: ${rpcErrors.noLeader.message}`);
    return;
  }
  member.linearizableRead((error) => {
    if (error !== null) answerError(response, 500, `failed linearized read: ${error.message}`);
    else {
      response.setHeader('Content-Type', 'text/plain');
      response.end(String(member.membership.downgrade().enabled));
    }
  });
}

/** `{"revision":N}`; 0 is the current one. Null if it is something else. */
function revisionIn(body: string): number | null {
  try {
    const value = parseJson(body);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const revision = Object.entries(value).find(([key]) => key === 'revision')?.[1] ?? 0;
    return typeof revision === 'number' && Number.isSafeInteger(revision) ? revision : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    body += chunk;
    if (body.length > bodyBytesMax) break;
  }
  return body;
}

/** Asks a leader to promote a learner. */
export async function promoteAt(
  requester: Requester,
  leader: ClusterMember,
  id: bigint,
): Promise<Result<readonly ClusterMember[], RpcError>> {
  let failure: RpcError = rpcErrors.noLeader;
  for (const url of leader.peerUrls) {
    const answer = await askPeer(requester, { method: 'POST', url, path: `/members/promote/${id}` });
    if (answer.type === 'failed') continue;
    if (answer.status === 200) {
      try {
        return ok(parseMembers(answer.body));
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
      }
    }
    failure = promotionError(answer.status, answer.body);
  }
  return err(failure);
}

function promotionError(status: number, body: string): RpcError {
  for (const [error, { status: of, text }] of [...promotionFailures].reverse())
    if (of === status && body.includes(text)) return error;
  if (status === 408) return rpcErrors.timeout;
  return { code: statusCode.unknown, message: `member promote: unknown error(${body.trim()})` };
}

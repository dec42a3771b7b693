/**
 * What members ask the leader about leases over its peer port: POST /leases to renew one, POST /leases/internal for what is left of it
 * (etcd server/lease/leasehttp). Asking it, and answering members of 3.4 to 3.6.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/ports.ts';
import { ProtoError } from '../proto/codec.ts';
import {
  leaseInternalRequest,
  leaseInternalResponse,
  leaseKeepAliveRequest,
  leaseKeepAliveResponse,
} from '../proto/etcdserverpb-lease.ts';
import { rpcErrors } from './grpc/status.ts';
import type { ClusterMember } from './member/api.ts';
import { type LeaseAnswer, type LeaseKeeper, notPrimary } from './member/lease-keeper.ts';
import type { LeaderLeases, RemoteAnswer } from './member/leases.ts';
import { answerError } from './peer/http-answers.ts';
import type { Requester } from './peer/requester.ts';
import { askPeer } from './peer-question.ts';

export const leasesPath = '/leases';
export const internalLeasesPath = '/leases/internal';

/** A request is an id and a flag. */
const requestBytesMax = 64 * 1024;
/** The keys of a lease. */
const answerBytesMax = 64 * 1024 * 1024;
/** Questions that are under way at the leader at a time, and that wait for their turn; there is one for each stream of renewals. */
const questionsMax = 64;
const questionsWaitingMax = 10_000;

const contentType = 'application/protobuf';

/** Answers a request to `leasesPath`. */
export async function answerRenewal(
  keeper: LeaseKeeper,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = await messageIn(request, response, leaseKeepAliveRequest.decode);
  if (asked === null) return;
  keeper.renew(asked.id, (answer) => {
    if (answer.type === 'found')
      answerMessage(response, leaseKeepAliveResponse.encode({ header: null, id: asked.id, ttl: answer.value }));
    else answerFailure(response, answer, 400);
  });
}

/** Answers a request to `internalLeasesPath`. */
export async function answerTimeToLive(
  keeper: LeaseKeeper,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = await messageIn(request, response, leaseInternalRequest.decode);
  if (asked === null) return;
  const question = asked.request ?? { id: 0n, keys: false };
  keeper.timeToLive(question, (answer) => {
    if (answer.type !== 'found') {
      answerFailure(response, answer, 500);
      return;
    }
    const header = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
    const life = { header, id: question.id, ...answer.value };
    answerMessage(response, leaseInternalResponse.encode({ response: life }));
  });
}

/** The decoded request; null if it is answered already, with what is wrong with it. */
async function messageIn<T>(
  request: IncomingMessage,
  response: ServerResponse,
  decode: (bytes: Uint8Array) => T,
): Promise<T | null> {
  if (request.method !== 'POST') {
    answerError(response, 405, 'Method Not Allowed');
    return null;
  }
  try {
    return decode(await bodyOf(request));
  } catch (error) {
    answerError(response, 400, error instanceof ProtoError ? 'error unmarshalling request' : 'error reading body');
    return null;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > requestBytesMax) throw new Error(`the request is longer than ${requestBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answerMessage(response: ServerResponse, message: Uint8Array): void {
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', message.length);
  response.end(message);
}

function answerFailure(
  response: ServerResponse,
  answer: Exclude<LeaseAnswer<never>, { readonly type: 'found' }>,
  notPrimaryStatus: number,
): void {
  if (answer.type === 'notFound') answerError(response, 404, 'lease not found');
  else if (answer.type === 'notPrimary') answerError(response, notPrimaryStatus, notPrimary.message);
  else if (answer.error === rpcErrors.timeoutWaitAppliedIndex)
    answerError(response, 408, 'waiting for node to catch up its applied index has timed out');
  else answerError(response, 400, answer.error.message);
}

/** Asks over the peer URLs of the leader, one after another. */
export class PeerLeases implements LeaderLeases {
  private readonly requester: Requester;
  private readonly clock: Clock;
  private asking = 0;
  /** In the order in which they came. */
  private readonly waiting = new Set<(isMyTurn: boolean) => void>();

  constructor(requester: Requester, clock: Clock) {
    this.requester = requester;
    this.clock = clock;
  }

  renew(leader: ClusterMember, id: bigint, timeoutMs: number): Promise<RemoteAnswer<number>> {
    return this.ask(leader, leasesPath, leaseKeepAliveRequest.encode({ id }), timeoutMs, (bytes) => {
      const answer = leaseKeepAliveResponse.decode(bytes);
      return answer.id === id ? answer.ttl : null;
    });
  }

  timeToLive(
    leader: ClusterMember,
    request: Parameters<LeaderLeases['timeToLive']>[1],
    timeoutMs: number,
  ): ReturnType<LeaderLeases['timeToLive']> {
    const question = leaseInternalRequest.encode({ request });
    return this.ask(leader, internalLeasesPath, question, timeoutMs, (bytes) => {
      const { response } = leaseInternalResponse.decode(bytes);
      if (response === null || response.id !== request.id) return null;
      // The bytes are the answer's own.
      return { ttl: response.ttl, grantedTtl: response.grantedTtl, keys: response.keys };
    });
  }

  /** `read` gives null for the answer to another question. */
  private async ask<T>(
    leader: ClusterMember,
    path: string,
    body: Uint8Array,
    timeoutMs: number,
    read: (bytes: Uint8Array) => T | null,
  ): Promise<RemoteAnswer<T>> {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    if (!(await this.enter(timeoutMs))) return { type: 'failed' };
    try {
      const headers = { 'Content-Type': contentType };
      for (const url of leader.peerUrls) {
        const leftMs = deadlineMs - this.clock.monotonicMs();
        if (leftMs <= 0) break;
        const question = { url, path, headers, body, timeoutMs: leftMs, answerBytesMax, keepsConnection: true };
        const answer = await askPeer(this.requester, { ...question, method: 'POST' });
        if (answer.type === 'failed') continue;
        if (answer.status === 404) return { type: 'notFound' };
        const value = answer.status === 200 ? decoded(answer.bytes, read) : null;
        if (value !== null) return { type: 'found', value };
      }
      return { type: 'failed' };
    } finally {
      this.leave();
    }
  }

  /** False if its turn has not come in time. */
  private async enter(timeoutMs: number): Promise<boolean> {
    if (this.asking < questionsMax) {
      this.asking++;
      return true;
    }
    if (this.waiting.size >= questionsWaitingMax) return false;
    return new Promise<boolean>((done) => {
      const decide = (isMyTurn: boolean): void => {
        this.waiting.delete(decide);
        timer.cancel();
        done(isMyTurn);
      };
      const timer = this.clock.after(timeoutMs, () => decide(false));
      this.waiting.add(decide);
    });
  }

  private leave(): void {
    const [next] = this.waiting;
    if (next === undefined) this.asking--;
    else next(true);
  }
}

function decoded<T>(bytes: Uint8Array, read: (bytes: Uint8Array) => T | null): T | null {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof ProtoError) return null;
    throw error;
  }
}

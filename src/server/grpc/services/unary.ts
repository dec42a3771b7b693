/**
 * What precedes every unary call, in etcd's order: the message must decode (gRPC), a learner refuses most calls, and a client that
 * insists on a leader is refused while there is none (etcd server/etcdserver/api/v3rpc/interceptor.go).
 */
import { ProtoError } from '../../../proto/codec.ts';
import type { MemberApi } from '../../member/api.ts';
import type { CallContext } from '../call.ts';
import { type RpcError, rpcErrors, statusCode } from '../status.ts';
import type { UnaryCall, UnaryHandler } from '../unary-call.ts';

/** Answers one decoded request; `raw` are the bytes that it was decoded from. Both are valid only during the call. */
export type Answer<Request> = (request: Request, call: UnaryCall, raw: Uint8Array) => void;

export interface UnaryMethod<Request> {
  /** Throws ProtoError. */
  readonly decode: (bytes: Uint8Array) => Request;
  readonly answer: Answer<Request>;
  /** Whether a learner may answer this request; no if absent. */
  readonly learnerMayAnswer?: (request: Request) => boolean;
}

export function unary<Request>(member: MemberApi, method: UnaryMethod<Request>): UnaryHandler {
  const { decode, answer, learnerMayAnswer } = method;
  return (raw, call) => {
    let request: Request;
    try {
      request = decode(raw);
    } catch (error) {
      call.fail(decodeError(error));
      return;
    }
    const refusal = refuseCall(member, call, member.isLearner() && learnerMayAnswer?.(request) === true);
    if (refusal !== null) call.fail(refusal);
    else answer(request, call, raw);
  };
}

/** Why this member does not take a call now, or null. */
export function refuseCall(member: MemberApi, call: CallContext, learnerMayAnswer: boolean): RpcError | null {
  if (!learnerMayAnswer && member.isLearner()) return rpcErrors.learnerNotSupported;
  // clientv3.WithRequireLeader; looked for only when it matters.
  if (member.leaderId() === 0n && call.metadata.get('hasleader') === 'true') return rpcErrors.noLeader;
  return null;
}

/** What gRPC answers to a message that does not decode. Any other exception is a bug and goes on. */
export function decodeError(error: unknown): RpcError {
  if (!(error instanceof ProtoError)) throw error;
  return { code: statusCode.internal, message: `grpc: error unmarshalling request: ${error.message}` };
}

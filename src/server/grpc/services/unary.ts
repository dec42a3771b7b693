/** Unary methods: what stands between the bytes of a request and the service that answers it. */
import { ProtoError } from '../../../proto/codec.ts';
import { type RpcError, statusCode } from '../status.ts';
import type { UnaryCall, UnaryHandler } from '../unary-call.ts';
import type { Admission } from './admission.ts';

/** Answers one decoded request; `raw` are the bytes that it was decoded from. Both are valid only during the call. */
export type Answer<Request> = (request: Request, call: UnaryCall, raw: Uint8Array) => void;

export interface UnaryMethod<Request> {
  /** Throws ProtoError. */
  readonly decode: (bytes: Uint8Array) => Request;
  readonly answer: Answer<Request>;
  /** Whether a learner may answer this request; no if absent. */
  readonly learnerMayAnswer?: (request: Request) => boolean;
}

/** A handler that decodes, then asks whether the member takes the call, then answers: etcd's order. */
export function unary<Request>(admission: Admission, method: UnaryMethod<Request>): UnaryHandler {
  const { decode, answer, learnerMayAnswer = never } = method;
  return (raw, call) => {
    let request: Request;
    try {
      request = decode(raw);
    } catch (error) {
      call.fail(decodeError(error));
      return;
    }
    const refusal = admission.refuse('unary', call, learnerMayAnswer(request));
    if (refusal !== null) call.fail(refusal);
    else answer(request, call, raw);
  };
}

function never(): boolean {
  return false;
}

/** What gRPC answers to a message that does not decode. Any other exception is a bug and goes on. */
export function decodeError(error: unknown): RpcError {
  if (!(error instanceof ProtoError)) throw error;
  return { code: statusCode.internal, message: `grpc: error unmarshalling request: ${error.message}` };
}

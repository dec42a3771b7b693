/**
 * etcdserverpb.KV. Reads are answered from the store, linearizable ones after the member has caught up with a read index; writes
 * go through the log with the client's bytes as they came. Hot path: one closure per call, no promise.
 */
import { invariant, unreachable } from '../../../base/assert.ts';
import type { Result } from '../../../base/result.ts';
import { ProtoError } from '../../../proto/codec.ts';
import type { PutRequest, RangeRequest, TxnRequest } from '../../../proto/etcdserverpb-kv.ts';
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from '../../../proto/etcdserverpb-kv-decode.ts';
import {
  encodeCompactionResponse,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
} from '../../../proto/etcdserverpb-kv-responses.ts';
import { internalField } from '../../../proto/raft-internal.ts';
import { checkDeleteRange, checkPut, checkRange, checkTxn } from '../../apply/check-request.ts';
import { applyRange, applyTxn, isReadOnly, isSerializable } from '../../apply/kv.ts';
import { putCostBytes, txnCostBytes } from '../../apply/quota.ts';
import type { ApplyResponse } from '../../apply/response.ts';
import type { MemberApi } from '../../member/api.ts';
import { type RpcError, rpcErrors, statusCode } from '../status.ts';
import type { UnaryCall } from '../unary-call.ts';
import { Admission } from './admission.ts';
import { Headers } from './headers.ts';
import type { MethodRegistry } from './registry.ts';
import { unary } from './unary.ts';

export function registerKv(server: MethodRegistry, member: MemberApi, admission = new Admission(member)): void {
  const kv = new KvService(member);
  server.addUnary(
    '/etcdserverpb.KV/Range',
    unary(admission, {
      // Most reads wait for a read index, and the bytes of a request last only as long as the call of its handler.
      decode: (raw) => decodeRangeRequest(Buffer.from(raw)),
      learnerMayAnswer: (request) => request.serializable,
      answer: (request, call) => kv.range(request, call),
    }),
  );
  server.addUnary(
    '/etcdserverpb.KV/Put',
    unary(admission, {
      decode: decodePutRequest,
      answer: (request, call, raw) => kv.put(request, call, raw),
    }),
  );
  server.addUnary(
    '/etcdserverpb.KV/DeleteRange',
    unary(admission, {
      decode: decodeDeleteRangeRequest,
      answer: (request, call, raw) => kv.write(checkDeleteRange(request), internalField.deleteRange, raw, call),
    }),
  );
  server.addUnary(
    '/etcdserverpb.KV/Txn',
    unary(admission, { decode: decodeTxnRequest, answer: (request, call, raw) => kv.txn(request, call, raw) }),
  );
  server.addUnary(
    '/etcdserverpb.KV/Compact',
    unary(admission, {
      decode: decodeCompactionRequest,
      answer: (request, call, raw) => kv.compact(request.physical, call, raw),
    }),
  );
}

/** A transaction that only reads asks for no lease. */
const noLease = (): boolean => false;

class KvService {
  private readonly member: MemberApi;
  private readonly headers: Headers;

  constructor(member: MemberApi) {
    this.member = member;
    this.headers = new Headers(member);
  }

  range(request: RangeRequest, call: UnaryCall): void {
    const refusal = checkRange(request);
    if (refusal !== null) {
      call.fail(refusal);
      return;
    }
    if (request.serializable) {
      this.answerRange(request, call);
      return;
    }
    this.member.linearizableRead((error) => {
      if (error === null) this.answerRange(request, call);
      else call.fail(error);
    });
  }

  private answerRange(request: RangeRequest, call: UnaryCall): void {
    const result = applyRange(this.member.store, request);
    if (result.ok) this.respond({ type: 'range', response: result.value }, call);
    else call.fail(result.error);
  }

  put(request: PutRequest, call: UnaryCall, raw: Uint8Array): void {
    // As in etcd, before anything else is looked at.
    if (this.member.refuseForSpace(putCostBytes(request), (error) => call.fail(error))) return;
    this.write(checkPut(request), internalField.put, raw, call);
  }

  /** Proposes a put or a delete, unless its check refused it. */
  write(refusal: RpcError | null, field: number, raw: Uint8Array, call: UnaryCall): void {
    if (refusal !== null) {
      call.fail(refusal);
      return;
    }
    this.member.propose(field, raw, (outcome) => this.answerWrite(outcome, call));
  }

  txn(request: TxnRequest, call: UnaryCall, raw: Uint8Array): void {
    if (this.member.refuseForSpace(txnCostBytes(request), (error) => call.fail(error))) return;
    const refusal = checkTxn(request, this.member.maxTxnOps);
    if (refusal !== null) call.fail(refusal);
    else if (!isReadOnly(request))
      this.member.propose(internalField.txn, raw, (outcome) => this.answerWrite(outcome, call));
    else if (isSerializable(request)) this.answerReadOnlyTxn(request, call);
    else {
      const kept = decodeTxnRequest(Buffer.from(raw));
      this.member.linearizableRead((error) => {
        if (error === null) this.answerReadOnlyTxn(kept, call);
        else call.fail(error);
      });
    }
  }

  private answerReadOnlyTxn(request: TxnRequest, call: UnaryCall): void {
    const result = applyTxn(this.member.store, request, noLease);
    if (result.ok) this.respond({ type: 'txn', response: result.value }, call);
    else call.fail(result.error);
  }

  compact(physical: boolean, call: UnaryCall, raw: Uint8Array): void {
    this.member.propose(internalField.compaction, raw, (outcome) => {
      if (!physical || !outcome.ok || outcome.value.type !== 'compaction') this.answerWrite(outcome, call);
      else {
        // The scrub fails only when the member stops.
        outcome.value.physical.then(
          () => this.answerWrite(outcome, call),
          () => call.fail(rpcErrors.stopped),
        );
      }
    });
  }

  private answerWrite(outcome: Result<ApplyResponse, RpcError>, call: UnaryCall): void {
    if (outcome.ok) this.respond(outcome.value, call);
    else call.fail(outcome.error);
  }

  private respond(applied: ApplyResponse, call: UnaryCall): void {
    let message: Buffer;
    try {
      message = this.encode(applied);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      call.fail({ code: statusCode.resourceExhausted, message: `grpc: ${error.message}` });
      return;
    }
    call.respond(message);
  }

  private encode(applied: ApplyResponse): Buffer {
    const origin = this.headers.origin();
    switch (applied.type) {
      case 'put':
        return encodePutResponse(applied.response, origin);
      case 'range':
        return encodeRangeResponse(applied.response, origin);
      case 'deleteRange':
        return encodeDeleteRangeResponse(applied.response, origin);
      case 'txn':
        return encodeTxnResponse(applied.response, origin);
      case 'compaction':
        // etcd answers with the revision of the moment, not with that of the compaction.
        return encodeCompactionResponse({ header: this.headers.header(this.member.store.revision) }, origin);
      case 'alarm':
      case 'leaseGrant':
      case 'empty':
        invariant(false, `a KV request is not answered with ${applied.type}`);
        break;
      default:
        return unreachable(applied);
    }
  }
}

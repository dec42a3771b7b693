/**
 * Carries out KV requests on the store (etcd server/etcdserver/txn). Requests have passed check-request.ts on some member; what is
 * checked here depends on the state. Headers carry the revision only: the member that answers fills in the rest.
 */
import { invariant } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  type CompactionRequest,
  type CompactionResponse,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseOp,
  revisionHeader,
  type TxnRequest,
  type TxnResponse,
} from '../../proto/etcdserverpb-kv.ts';
import { decodeKeyValue, type EncodedKeyValue } from '../../proto/mvccpb.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import { compareKeys, isOpenEnd } from '../mvcc/key-index.ts';
import type { KvStore } from '../mvcc/store.ts';
import type { WriteTxn } from '../mvcc/write-txn.ts';
import { choosePath, type TxnPath } from './compare.ts';
import { type RangeSource, readRange, revisionErrors } from './range.ts';

/** Whether a lease has been granted and neither revoked nor expired. */
export type LeaseExists = (id: bigint) => boolean;

export function applyRange(store: KvStore, request: RangeRequest): Result<RangeResponse, RpcError> {
  return readRange(store, request);
}

export function applyPut(store: KvStore, request: PutRequest, leaseExists: LeaseExists): Result<PutResponse, RpcError> {
  if (request.lease !== 0n && !leaseExists(request.lease)) return err(rpcErrors.leaseNotFound);
  const txn = store.beginWrite();
  const result = put(txn, request);
  txn.end();
  return result;
}

export function applyDeleteRange(store: KvStore, request: DeleteRangeRequest): Result<DeleteRangeResponse, RpcError> {
  const txn = store.beginWrite();
  const response = deleteRange(txn, request);
  txn.end();
  return ok(response);
}

/** Carries out a transaction as a whole, or refuses it without having written anything. Read-only ones need not be in the log. */
export function applyTxn(store: KvStore, request: TxnRequest, leaseExists: LeaseExists): Result<TxnResponse, RpcError> {
  const path = choosePath(store, request);
  const refusal = refusalOf(store, request, leaseExists, path);
  if (refusal !== null) return err(refusal);
  if (isReadOnly(request)) {
    const response = runTxn({ source: store, txn: null, path, position: 0 }, request);
    return ok({ ...response, header: revisionHeader(store.revision) });
  }
  const txn = store.beginWrite();
  const response = runTxn({ source: txn, txn, path, position: 0 }, request);
  return ok({ ...response, header: revisionHeader(txn.end()) });
}

export function applyCompaction(store: KvStore, request: CompactionRequest): Result<CompactionResponse, RpcError> {
  const result = store.compact(request.revision);
  if (!result.ok) return err(revisionErrors[result.error]);
  return ok({ header: revisionHeader(store.revision) });
}

/** Whether a transaction only reads, so that it needs no entry. One with a nested transaction counts as writing. */
export function isReadOnly(request: TxnRequest): boolean {
  return everyOp(request, (op) => op.type === 'range');
}

/** Whether a transaction may be answered from this member's state at once. */
export function isSerializable(request: TxnRequest): boolean {
  return everyOp(request, (op) => op.type === 'range' && op.request.serializable);
}

function everyOp(request: TxnRequest, test: (op: RequestOp) => boolean): boolean {
  return request.success.every(test) && request.failure.every(test);
}

function put(txn: WriteTxn, request: PutRequest): Result<PutResponse, RpcError> {
  const { key, ignoreValue, ignoreLease, prevKv } = request;
  if (!ignoreValue && !ignoreLease && !prevKv) {
    return ok({ header: revisionHeader(txn.put(key, request.value, request.lease)), prevKv: null });
  }
  const previous = readKey(txn, key);
  if (previous === null && (ignoreValue || ignoreLease)) return err(rpcErrors.keyNotFound);
  const kept = previous === null ? null : decodeKeyValue(previous);
  const value = ignoreValue && kept !== null ? kept.value : request.value;
  const lease = ignoreLease && kept !== null ? kept.lease : request.lease;
  const revision = txn.put(key, value, lease);
  return ok({ header: revisionHeader(revision), prevKv: prevKv ? previous : null });
}

function deleteRange(txn: WriteTxn, request: DeleteRangeRequest): DeleteRangeResponse {
  const { key, rangeEnd } = request;
  let prevKvs: readonly EncodedKeyValue[] = [];
  if (request.prevKv) {
    const read = txn.range({ key, rangeEnd, limit: 0, revision: 0, countOnly: false });
    invariant(read.ok, 'the current revision can be read');
    prevKvs = read.value.kvs;
  }
  const { deleted, revision } = txn.deleteRange(key, rangeEnd);
  return { header: revisionHeader(revision), deleted, prevKvs };
}

const noBytes = new Uint8Array(0);

function readKey(source: RangeSource, key: Uint8Array): EncodedKeyValue | null {
  const read = source.range({ key, rangeEnd: noBytes, limit: 0, revision: 0, countOnly: false });
  invariant(read.ok, 'the current revision can be read');
  return read.value.kvs[0] ?? null;
}

/** Checks the operations on the chosen path against the state before the transaction: the first error refuses all of it. */
function refusalOf(store: KvStore, request: TxnRequest, leaseExists: LeaseExists, path: TxnPath): RpcError | null {
  const deletes: DeleteRangeRequest[] = [];
  for (const op of opsOnPath(request, path, { position: 0 })) {
    if (op.type === 'deleteRange') deletes.push(op.request);
    else if (op.type === 'range') {
      const { revision } = op.request;
      if (revision > store.revision) return rpcErrors.futureRevision;
      if (revision !== 0 && revision < store.compactRevision) return rpcErrors.compacted;
    } else if (op.type === 'put') {
      const { key, lease, ignoreValue, ignoreLease } = op.request;
      if (ignoreValue || ignoreLease) {
        // etcd panics on every member where the transaction itself has deleted the key before.
        const isGone = readKey(store, key) === null || deletes.some((request) => covers(request, key));
        if (isGone) return rpcErrors.keyNotFound;
      }
      if (lease !== 0n && !leaseExists(lease)) return rpcErrors.leaseNotFound;
    }
  }
  return null;
}

function covers(request: DeleteRangeRequest, key: Uint8Array): boolean {
  const { key: begin, rangeEnd } = request;
  if (rangeEnd.length === 0) return compareKeys(key, begin) === 0;
  return compareKeys(key, begin) >= 0 && (isOpenEnd(rangeEnd) || compareKeys(key, rangeEnd) < 0);
}

function* opsOnPath(request: TxnRequest, path: TxnPath, at: { position: number }): Generator<RequestOp> {
  for (const op of path[at.position++] ? request.success : request.failure) {
    if (op.type === 'txn') yield* opsOnPath(op.request, path, at);
    else yield op;
  }
}

interface TxnRun {
  readonly source: RangeSource;
  /** Null for a read-only transaction. */
  readonly txn: WriteTxn | null;
  readonly path: TxnPath;
  position: number;
}

/** Runs the chosen branch. The header is empty: only the outermost transaction's carries the revision. */
function runTxn(run: TxnRun, request: TxnRequest): TxnResponse {
  const succeeded = run.path[run.position++] === true;
  const responses: ResponseOp[] = [];
  for (const op of succeeded ? request.success : request.failure) {
    if (op.type !== 'none') responses.push(runOp(run, op));
  }
  return { header: revisionHeader(0), succeeded, responses };
}

function runOp(run: TxnRun, op: Exclude<RequestOp, { type: 'none' }>): ResponseOp {
  switch (op.type) {
    case 'range':
      return { type: 'range', response: expectApplied(readRange(run.source, op.request)) };
    case 'put':
      return { type: 'put', response: expectApplied(put(expectWriting(run), op.request)) };
    case 'deleteRange':
      return { type: 'deleteRange', response: deleteRange(expectWriting(run), op.request) };
    case 'txn':
      return { type: 'txn', response: runTxn(run, op.request) };
  }
}

function expectWriting(run: TxnRun): WriteTxn {
  invariant(run.txn !== null, 'only ranges are in a read-only transaction');
  return run.txn;
}

/** A transaction that was not refused cannot fail half-way: members would come to differ. */
function expectApplied<T>(result: Result<T, RpcError>): T {
  invariant(result.ok, 'an operation that passed the checks of its transaction succeeds');
  return result.value;
}

/** Range: reading, filtering, sorting and cutting (etcd server/etcdserver/txn/txn.go, executeRange). */
import { ok, type Result } from '../../base/result.ts';
import {
  type RangeRequest,
  type RangeResponse,
  revisionHeader,
  sortOrder,
  sortTarget,
} from '../../proto/etcdserverpb-kv.ts';
import { decodeKeyValue, type EncodedKeyValue, type KeyValue, withoutValue } from '../../proto/mvccpb.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import { compareKeys } from '../mvcc/key-index.ts';
import type { RangeOptions, RangeResult, RevisionError } from '../mvcc/store-types.ts';

/** The store, or a write transaction with its own writes. */
export interface RangeSource {
  range(options: RangeOptions): Result<RangeResult, RevisionError>;
}

export const revisionErrors: Readonly<Record<RevisionError, RpcError>> = {
  compacted: rpcErrors.compacted,
  future: rpcErrors.futureRevision,
};

export function readRange(source: RangeSource, request: RangeRequest): Result<RangeResponse, RpcError> {
  const result = source.range(toOptions(request));
  if (!result.ok) return { ok: false, error: revisionErrors[result.error] };
  const { count, revision } = result.value;
  let kvs: readonly EncodedKeyValue[] = sort(filter(result.value.kvs, request), request);
  const more = request.limit > 0 && kvs.length > request.limit;
  if (more) kvs = kvs.slice(0, request.limit);
  if (request.keysOnly) kvs = kvs.map(withoutValue);
  return ok({ header: revisionHeader(revision), kvs, more, count });
}

function toOptions(request: RangeRequest): RangeOptions {
  const { key, rangeEnd, revision, countOnly } = request;
  // What is filtered or sorted is read whole; else one more than wanted, to know whether there are more.
  const readsAll = request.sortOrder !== sortOrder.none || hasFilter(request);
  const limit = readsAll || request.limit <= 0 ? 0 : request.limit + 1;
  return { key, rangeEnd, limit, revision, countOnly };
}

function hasFilter(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

function filter(kvs: EncodedKeyValue[], request: RangeRequest): EncodedKeyValue[] {
  if (!hasFilter(request)) return kvs;
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return kvs.filter((encoded) => {
    const { modRevision, createRevision } = decodeKeyValue(encoded);
    return (
      (maxModRevision === 0 || modRevision <= maxModRevision) &&
      (minModRevision === 0 || modRevision >= minModRevision) &&
      (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
      (minCreateRevision === 0 || createRevision >= minCreateRevision)
    );
  });
}

/** Keys come in order. Any other target without an order is ascending; elements that are equal stay in key order. */
function sort(kvs: EncodedKeyValue[], request: RangeRequest): EncodedKeyValue[] {
  const descends = request.sortOrder === sortOrder.descend;
  const order = orders[request.sortTarget];
  if (order === undefined) return descends ? kvs.reverse() : kvs;
  const sign = descends ? -1 : 1;
  return kvs
    .map((encoded) => ({ encoded, kv: decodeKeyValue(encoded) }))
    .sort((a, b) => sign * order(a.kv, b.kv))
    .map(({ encoded }) => encoded);
}

const orders: Readonly<Record<number, (a: KeyValue, b: KeyValue) => number>> = {
  [sortTarget.version]: (a, b) => a.version - b.version,
  [sortTarget.create]: (a, b) => a.createRevision - b.createRevision,
  [sortTarget.mod]: (a, b) => a.modRevision - b.modRevision,
  [sortTarget.value]: (a, b) => compareKeys(a.value, b.value),
};

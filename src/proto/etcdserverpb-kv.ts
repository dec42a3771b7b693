/**
 * The KV service's messages of etcdserverpb as the server works with them.
 *
 * Revisions, versions, limits and counts are numbers: values of a request beyond ±2^53 are clamped there, which no comparison with
 * a real revision can tell from the original. Leases are signed 64-bit and therefore bigint. Enums are plain numbers, because
 * a client may send any. Key-values of responses are mvccpb.KeyValue messages already encoded: the store keeps them so.
 */

/** Sent with every answer. Zero fields are not written: the headers inside a TxnResponse carry a revision only. */
export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

/** A header that carries a revision only, as apply builds it; the service adds ids and term. */
export function revisionHeader(revision: number): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}

export const sortOrder = { none: 0, ascend: 1, descend: 2 } as const;
export const sortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export interface RangeRequest {
  readonly key: Uint8Array;
  /** Empty: the single key. One zero byte: all keys from `key` on. Otherwise the end, exclusive. */
  readonly rangeEnd: Uint8Array;
  /** 0 or less: no limit. */
  readonly limit: number;
  /** 0 or less: the current revision. */
  readonly revision: number;
  readonly sortOrder: number;
  readonly sortTarget: number;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** The four bounds are inclusive; 0 is off. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface RangeResponse {
  readonly header: ResponseHeader | null;
  /** Encoded mvccpb.KeyValue messages. */
  readonly kvs: readonly Uint8Array[];
  readonly more: boolean;
  readonly count: number;
}

export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** 0n: no lease. Signed. */
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface PutResponse {
  readonly header: ResponseHeader | null;
  /** An encoded mvccpb.KeyValue, if asked for and there was one. */
  readonly prevKv: Uint8Array | null;
}

export interface DeleteRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly prevKv: boolean;
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader | null;
  readonly deleted: number;
  /** Encoded mvccpb.KeyValue messages, if asked for. */
  readonly prevKvs: readonly Uint8Array[];
}

/** One operation of a transaction. `none` is an operation without content, which the request check refuses. */
export type RequestOp =
  | { readonly type: 'none' }
  | { readonly type: 'range'; readonly request: RangeRequest }
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest };

export type ResponseOp =
  | { readonly type: 'range'; readonly response: RangeResponse }
  | { readonly type: 'put'; readonly response: PutResponse }
  | { readonly type: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly type: 'txn'; readonly response: TxnResponse };

export const compareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const compareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** What a comparison compares with. Independent of `target`: where they do not fit, etcd compares with zero or empty bytes. */
export type CompareOperand =
  | { readonly type: 'none' }
  | { readonly type: 'version'; readonly value: number }
  | { readonly type: 'createRevision'; readonly value: number }
  | { readonly type: 'modRevision'; readonly value: number }
  | { readonly type: 'value'; readonly value: Uint8Array }
  | { readonly type: 'lease'; readonly value: bigint };

export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Uint8Array;
  readonly operand: CompareOperand;
  /** Empty: the single key; otherwise every key of the range must pass. */
  readonly rangeEnd: Uint8Array;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnResponse {
  /** A nested transaction's header is present and empty (all fields zero). */
  readonly header: ResponseHeader | null;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface CompactionRequest {
  readonly revision: number;
  /** Answer only when the old revisions are gone from the database. */
  readonly physical: boolean;
}

export interface CompactionResponse {
  readonly header: ResponseHeader | null;
}

const noBytes = new Uint8Array(0);

/** A range request for one key at the current revision, linearizable, but for the fields given. */
export function newRangeRequest(fields: Partial<RangeRequest>): RangeRequest {
  return {
    key: fields.key ?? noBytes,
    rangeEnd: fields.rangeEnd ?? noBytes,
    limit: fields.limit ?? 0,
    revision: fields.revision ?? 0,
    sortOrder: fields.sortOrder ?? 0,
    sortTarget: fields.sortTarget ?? 0,
    serializable: fields.serializable ?? false,
    keysOnly: fields.keysOnly ?? false,
    countOnly: fields.countOnly ?? false,
    minModRevision: fields.minModRevision ?? 0,
    maxModRevision: fields.maxModRevision ?? 0,
    minCreateRevision: fields.minCreateRevision ?? 0,
    maxCreateRevision: fields.maxCreateRevision ?? 0,
  };
}

export function newPutRequest(fields: Partial<PutRequest>): PutRequest {
  return {
    key: fields.key ?? noBytes,
    value: fields.value ?? noBytes,
    lease: fields.lease ?? 0n,
    prevKv: fields.prevKv ?? false,
    ignoreValue: fields.ignoreValue ?? false,
    ignoreLease: fields.ignoreLease ?? false,
  };
}

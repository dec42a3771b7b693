/**
 * How large the database may become (--quota-backend-bytes), and what a request is taken to add to it: etcd's estimates
 * (server/storage/quota.go).
 */
import type { PutRequest, RequestOp, TxnRequest } from '../../proto/etcdserverpb-kv.ts';

/** Bytes, when none are set: 2 GiB. */
export const defaultQuotaBytes = 2 * 1024 * 1024 * 1024;

const putOverheadBytes = 256;
export const leaseCostBytes = 64;

export function putCostBytes(request: PutRequest): number {
  return putOverheadBytes + request.key.length + request.value.length;
}

/** The more expensive branch. Puts in nested transactions do not count, as in etcd. */
export function txnCostBytes(request: TxnRequest): number {
  return Math.max(branchCostBytes(request.success), branchCostBytes(request.failure));
}

function branchCostBytes(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) if (op.type === 'put') cost += putCostBytes(op.request);
  return cost;
}

export class Quota {
  /** Null: no limit. */
  private readonly bytesMax: number | null;
  private readonly databaseBytes: () => number;

  /** `configured` is --quota-backend-bytes: 0 is the default, less is none. */
  constructor(configured: number, databaseBytes: () => number) {
    this.bytesMax = configured < 0 ? null : configured === 0 ? defaultQuotaBytes : configured;
    this.databaseBytes = databaseBytes;
  }

  /** Whether there is room for a request of this cost. One that costs nothing always has it. */
  allows(costBytes: number): boolean {
    return this.bytesMax === null || costBytes === 0 || this.databaseBytes() + costBytes < this.bytesMax;
  }
}

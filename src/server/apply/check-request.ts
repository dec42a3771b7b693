/**
 * The checks that a member makes of a KV request before it does anything with it (etcd server/etcdserver/api/v3rpc/key.go).
 * Each returns the error that the client gets, or null. Only requests that pass may be proposed.
 */
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../proto/etcdserverpb-kv.ts';
import { sortOrder, sortTarget } from '../../proto/etcdserverpb-kv.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';

const sortOrders: readonly number[] = Object.values(sortOrder);
const sortTargets: readonly number[] = Object.values(sortTarget);

export function checkRange(request: RangeRequest): RpcError | null {
  if (request.key.length === 0) return rpcErrors.emptyKey;
  if (!sortOrders.includes(request.sortOrder)) return rpcErrors.invalidSortOption;
  if (!sortTargets.includes(request.sortTarget)) return rpcErrors.invalidSortOption;
  return null;
}

export function checkPut(request: PutRequest): RpcError | null {
  if (request.key.length === 0) return rpcErrors.emptyKey;
  if (request.ignoreValue && request.value.length > 0) return rpcErrors.valueProvided;
  if (request.ignoreLease && request.lease !== 0n) return rpcErrors.leaseProvided;
  return null;
}

export function checkDeleteRange(request: DeleteRangeRequest): RpcError | null {
  return request.key.length === 0 ? rpcErrors.emptyKey : null;
}

/** `maxOps` is --max-txn-ops: a level may have as many comparisons and operations as the levels around it leave. */
export function checkTxn(request: TxnRequest, maxOps: number): RpcError | null {
  const malformed = checkLevel(request, maxOps);
  if (malformed !== null) return malformed;
  if (writesOf(request.success) === null || writesOf(request.failure) === null) return rpcErrors.duplicateKey;
  return null;
}

function checkLevel(request: TxnRequest, maxOps: number): RpcError | null {
  const ops = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (ops > maxOps) return rpcErrors.tooManyOps;
  for (const compare of request.compare) if (compare.key.length === 0) return rpcErrors.emptyKey;
  for (const branch of [request.success, request.failure]) {
    for (const op of branch) {
      const error = checkOp(op, maxOps - ops);
      if (error !== null) return error;
    }
  }
  return null;
}

function checkOp(op: RequestOp, maxOps: number): RpcError | null {
  switch (op.type) {
    case 'range':
      return checkRange(op.request);
    case 'put':
      return checkPut(op.request);
    case 'deleteRange':
      return checkDeleteRange(op.request);
    case 'txn':
      return checkLevel(op.request, maxOps);
    case 'none':
      return rpcErrors.keyNotFound;
  }
}

/** What a list of operations may write, with all its nested transactions. Keys are texts of one character per byte. */
class Writes {
  readonly puts = new Set<string>();
  /** Of the puts, those that keep the value or the lease of the key that is there. */
  readonly keepers = new Set<string>();
  readonly deletes = new DeletedRanges();

  conflictWith(key: string): boolean {
    return this.puts.has(key) || this.deletes.covers(key);
  }

  add(other: Writes): void {
    for (const key of other.puts) this.puts.add(key);
    for (const key of other.keepers) this.keepers.add(key);
    this.deletes.addAll(other.deletes);
  }
}

/**
 * Collects the writes of a list of operations; null if a key is put twice, or both put and deleted. Which pairs of a nested
 * transaction's writes and those around it meet here, and in which order, is etcd's rule. There is one rule more: a put that keeps the
 * value of a key deleted by the same transaction makes every member of etcd panic, so it must not get into the log.
 */
function writesOf(ops: readonly RequestOp[]): Writes | null {
  const writes = new Writes();
  for (const op of ops) {
    if (op.type === 'deleteRange') writes.deletes.add(textOf(op.request.key), textOf(op.request.rangeEnd));
  }
  for (const op of ops) {
    if (op.type !== 'txn') continue;
    const success = writesOf(op.request.success);
    const failure = writesOf(op.request.failure);
    if (success === null || failure === null) return null;
    // Only one of the branches runs: they may conflict with each other.
    if (isConflict(writes, success) || isConflict(writes, failure)) return null;
    writes.add(success);
    writes.add(failure);
  }
  for (const op of ops) {
    if (op.type !== 'put') continue;
    const key = textOf(op.request.key);
    const keeps = op.request.ignoreValue || op.request.ignoreLease;
    if (writes.conflictWith(key) || (keeps && writes.deletes.coversOpenly(key))) return null;
    writes.puts.add(key);
    if (keeps) writes.keepers.add(key);
  }
  return writes;
}

function isConflict(outer: Writes, inner: Writes): boolean {
  for (const key of inner.puts) if (outer.conflictWith(key)) return true;
  for (const key of inner.keepers) if (outer.deletes.coversOpenly(key)) return true;
  for (const key of outer.keepers) if (inner.deletes.coversOpenly(key)) return true;
  return false;
}

/**
 * Ranges of keys to delete. A range that is open at its end ("\0") covers nothing for `covers`, as in etcd: such a transaction is
 * let through, and its operations take effect in their order.
 */
class DeletedRanges {
  private ranges: { begin: string; end: string }[] = [];
  /** For each range, the greatest end up to it; empty when ranges were added since. */
  private ends: string[] = [];

  /** Where the first of the open ranges begins. */
  private openFrom: string | null = null;

  add(begin: string, end: string): void {
    if (end === '\0') this.openFrom = this.openFrom === null || begin < this.openFrom ? begin : this.openFrom;
    this.ranges.push({ begin, end: end === '' ? `${begin}\0` : end });
    this.ends = [];
  }

  addAll(other: DeletedRanges): void {
    for (const range of other.ranges) this.ranges.push(range);
    if (other.openFrom !== null) this.add(other.openFrom, '\0');
    this.ends = [];
  }

  coversOpenly(key: string): boolean {
    return this.openFrom !== null && key >= this.openFrom;
  }

  covers(key: string): boolean {
    if (this.ranges.length === 0) return false;
    if (this.ends.length === 0) this.sort();
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle] as { begin: string }).begin <= key) low = middle + 1;
      else high = middle;
    }
    return low > 0 && (this.ends[low - 1] as string) > key;
  }

  private sort(): void {
    this.ranges.sort((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0));
    let greatest = '';
    this.ends = this.ranges.map(({ end }) => {
      if (end > greatest) greatest = end;
      return greatest;
    });
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

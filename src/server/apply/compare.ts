/** Comparisons of transactions (etcd server/etcdserver/txn/txn.go, applyCompare). */
import {
  type Compare,
  type CompareOperand,
  compareResult,
  compareTarget,
  type TxnRequest,
} from '../../proto/etcdserverpb-kv.ts';
import { decodeKeyValue, type KeyValue } from '../../proto/mvccpb.ts';
import { compareKeys } from '../mvcc/key-index.ts';
import type { RangeSource } from './range.ts';

/** Which branch each transaction of a tree takes, in the order in which they are met on the way. */
export type TxnPath = readonly boolean[];

/** Decides all branches on the state before the transaction: an inner comparison does not see outer writes. */
export function choosePath(source: RangeSource, request: TxnRequest): TxnPath {
  const path: boolean[] = [];
  addToPath(source, request, path);
  return path;
}

function addToPath(source: RangeSource, request: TxnRequest, path: boolean[]): void {
  const succeeds = request.compare.every((compare) => holds(source, compare));
  path.push(succeeds);
  for (const op of succeeds ? request.success : request.failure) {
    if (op.type === 'txn') addToPath(source, op.request, path);
  }
}

const noKeyValue: KeyValue = {
  key: new Uint8Array(0),
  createRevision: 0,
  modRevision: 0,
  version: 0,
  value: new Uint8Array(0),
  lease: 0n,
};

/** Whether all keys of the comparison's range pass. */
function holds(source: RangeSource, compare: Compare): boolean {
  const { key, rangeEnd } = compare;
  const read = source.range({ key, rangeEnd, limit: 0, revision: 0, countOnly: false });
  if (!read.ok) return false;
  const { kvs } = read.value;
  // A key that is not there compares like zeros; but a value that is not there equals nothing, not even the empty one.
  if (kvs.length === 0) return compare.target !== compareTarget.value && passes(compare, noKeyValue);
  return kvs.every((kv) => passes(compare, decodeKeyValue(kv)));
}

function passes(compare: Compare, kv: KeyValue): boolean {
  const order = orderOf(compare, kv);
  switch (compare.result) {
    case compareResult.equal:
      return order === 0;
    case compareResult.notEqual:
      return order !== 0;
    case compareResult.greater:
      return order > 0;
    case compareResult.less:
      return order < 0;
    default:
      return true;
  }
}

function orderOf(compare: Compare, kv: KeyValue): number {
  const { target, operand } = compare;
  switch (target) {
    case compareTarget.value:
      return compareKeys(kv.value, operand.type === 'value' ? operand.value : noKeyValue.value);
    case compareTarget.create:
      return kv.createRevision - numberOf(operand, 'createRevision');
    case compareTarget.mod:
      return kv.modRevision - numberOf(operand, 'modRevision');
    case compareTarget.version:
      return kv.version - numberOf(operand, 'version');
    case compareTarget.lease: {
      const lease = operand.type === 'lease' ? operand.value : 0n;
      return kv.lease < lease ? -1 : kv.lease > lease ? 1 : 0;
    }
    default:
      return 0;
  }
}

function numberOf(operand: CompareOperand, type: 'version' | 'createRevision' | 'modRevision'): number {
  return operand.type === type ? operand.value : 0;
}

import { describe, expect, it } from 'vitest';
import { newPutRequest, newRangeRequest, type RequestOp, type TxnRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import { checkDeleteRange, checkPut, checkRange, checkTxn } from '../../../src/server/apply/check-request.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const put = (key: string, ignoreValue = false): RequestOp => ({
  type: 'put',
  request: newPutRequest({ key: bytes(key), ignoreValue }),
});
const del = (key: string, end = ''): RequestOp => ({
  type: 'deleteRange',
  request: { key: bytes(key), rangeEnd: bytes(end), prevKv: false },
});
const get = (key: string): RequestOp => ({ type: 'range', request: newRangeRequest({ key: bytes(key) }) });
const nest = (success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
  type: 'txn',
  request: txn(success, failure),
});

function txn(success: RequestOp[], failure: RequestOp[] = []): TxnRequest {
  return { compare: [], success, failure };
}

describe('a request', () => {
  it('needs a key', () => {
    expect(checkRange(newRangeRequest({}))).toBe(rpcErrors.emptyKey);
    expect(checkPut(newPutRequest({}))).toBe(rpcErrors.emptyKey);
    expect(checkDeleteRange({ key: bytes(''), rangeEnd: bytes(''), prevKv: false })).toBe(rpcErrors.emptyKey);
  });

  it('to read needs a known order and target', () => {
    const key = bytes('a');
    expect(checkRange(newRangeRequest({ key, sortOrder: 2, sortTarget: 4 }))).toBeNull();
    expect(checkRange(newRangeRequest({ key, sortOrder: 3 }))).toBe(rpcErrors.invalidSortOption);
    expect(checkRange(newRangeRequest({ key, sortTarget: 5 }))).toBe(rpcErrors.invalidSortOption);
    expect(checkRange(newRangeRequest({ key, sortTarget: -1 }))).toBe(rpcErrors.invalidSortOption);
  });

  it('to put may not give what it asks to keep', () => {
    const key = bytes('a');
    expect(checkPut(newPutRequest({ key, value: bytes('v'), ignoreValue: true }))).toBe(rpcErrors.valueProvided);
    expect(checkPut(newPutRequest({ key, lease: 5n, ignoreLease: true }))).toBe(rpcErrors.leaseProvided);
    expect(checkPut(newPutRequest({ key, ignoreValue: true, ignoreLease: true }))).toBeNull();
  });
});

describe('a transaction', () => {
  const gets = (n: number): RequestOp[] => Array.from({ length: n }, () => get('x'));

  it('has at most the operations that are allowed, those of nested ones on top', () => {
    expect(checkTxn(txn(gets(128)), 128)).toBeNull();
    expect(checkTxn(txn(gets(129)), 128)).toBe(rpcErrors.tooManyOps);
    expect(checkTxn(txn(gets(1), gets(129)), 128)).toBe(rpcErrors.tooManyOps);
    expect(checkTxn(txn([...gets(127), nest(gets(1))]), 128)).toBe(rpcErrors.tooManyOps);
    expect(checkTxn(txn([...gets(99), nest(gets(28))]), 128)).toBeNull();
    expect(checkTxn(txn([...gets(99), nest(gets(29))]), 128)).toBe(rpcErrors.tooManyOps);
  });

  it('is made of complete operations', () => {
    expect(checkTxn(txn([{ type: 'none' }]), 128)).toBe(rpcErrors.keyNotFound);
    expect(checkTxn(txn([], [get('')]), 128)).toBe(rpcErrors.emptyKey);
    const compare = { result: 0, target: 0, key: bytes(''), operand: { type: 'none' as const }, rangeEnd: bytes('') };
    expect(checkTxn({ compare: [compare], success: [], failure: [] }, 128)).toBe(rpcErrors.emptyKey);
  });

  it.each<[string, RequestOp[], boolean]>([
    ['two keys', [put('a'), put('b')], true],
    ['a key twice', [put('a'), put('a')], false],
    ['a key that is deleted', [del('a'), put('a')], false],
    ['a key in a deleted range', [put('x'), del('a', 'z')], false],
    ['the end of a deleted range', [put('z'), del('a', 'z')], true],
    ['a key after one that is deleted', [put('a\0'), del('a')], true],
    ['overlapping deletions', [del('x'), del('a', 'z'), del('b', 'c')], true],
    ['a key in the wide one of several ranges', [del('a', 'q'), del('b', 'c'), put('d')], false],
    ['a key in an empty range', [del('z', 'a'), put('m')], true],
    ['a key in a range without an end', [del('a', '\0'), put('b')], true],
    ['a key again in a nested transaction', [nest([put('x')]), put('x')], false],
    ['a key in both branches of a nested one', [nest([put('x')], [put('x')])], true],
    ['a key in two nested ones', [nest([put('x')]), nest([], [put('x')])], false],
    ['a key that a nested one deletes', [nest([del('a', 'c')]), put('b')], false],
    ['a key of a nested one that is deleted', [del('a', 'c'), nest([put('b')])], false],
    ['a key deleted in one branch and put in the other', [nest([del('b')], [put('b')])], true],
    ['a key that an earlier nested one deletes', [nest([del('b')]), nest([put('b')])], false],
    ['a key that a later nested one deletes', [nest([put('b')]), nest([del('b')])], true],
    ['a kept value deleted by a range without an end', [del('a', '\0'), put('b', true)], false],
    ['a kept value of a nested one so deleted', [del('a', '\0'), nest([put('b', true)])], false],
    ['a kept value that a nested one so deletes', [nest([del('a', '\0')]), put('b', true)], false],
    ['a kept value in the other branch', [nest([del('a', '\0')], [put('b', true)])], true],
    ['a kept value before such a range', [del('c', '\0'), put('b', true)], true],
  ])('may write %s or not, as the rules are', (_, ops, isAllowed) => {
    expect(checkTxn(txn(ops), 128)).toBe(isAllowed ? null : rpcErrors.duplicateKey);
    expect(checkTxn(txn([], ops), 128)).toBe(isAllowed ? null : rpcErrors.duplicateKey);
  });
});

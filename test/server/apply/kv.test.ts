import { describe, expect, it } from 'vitest';
import {
  type Compare,
  newPutRequest,
  newRangeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '../../../src/proto/etcdserverpb-kv.ts';
import { decodeKeyValue } from '../../../src/proto/mvccpb.ts';
import {
  applyCompaction,
  applyDeleteRange,
  applyPut,
  applyRange,
  applyTxn,
  isReadOnly,
  isSerializable,
} from '../../../src/server/apply/kv.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { memoryStore } from '../../support/memory-store.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1');
const known = (lease: bigint): boolean => lease === 7n;

type Texts<T> = { [K in keyof T]?: T[K] extends Uint8Array ? string : T[K] };

function withBytes<T>(fields: Texts<T>): Partial<T> {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? bytes(value) : value,
  ]);
  return Object.fromEntries(entries);
}

const rangeOp = (fields: Texts<RangeRequest>): RequestOp => ({
  type: 'range',
  request: newRangeRequest(withBytes<RangeRequest>(fields)),
});
const putOp = (fields: Texts<PutRequest>): RequestOp => ({
  type: 'put',
  request: newPutRequest(withBytes<PutRequest>(fields)),
});
const deleteOp = (key: string, rangeEnd = ''): RequestOp => ({
  type: 'deleteRange',
  request: { key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv: false },
});
const compare = (fields: Texts<Compare>): Compare => ({
  result: 0,
  target: 0,
  operand: { type: 'none' },
  key: bytes(''),
  rangeEnd: bytes(''),
  ...withBytes<Compare>(fields),
});
const txnOf = (compare: Compare[], success: RequestOp[], failure: RequestOp[] = []): TxnRequest => ({
  compare,
  success,
  failure,
});

class Kv {
  readonly store = memoryStore().store;

  put(key: string, value: string, fields: Texts<PutRequest> = {}) {
    return applyPut(this.store, newPutRequest(withBytes<PutRequest>({ key, value, ...fields })), known);
  }

  range(fields: Texts<RangeRequest>) {
    const result = applyRange(this.store, newRangeRequest(withBytes<RangeRequest>(fields)));
    if (!result.ok) throw new Error(result.error.message);
    const { kvs, count, more } = result.value;
    return { keys: kvs.map((kv) => text(decodeKeyValue(kv).key)).join(' '), count, more };
  }

  txn(compare: Compare[], success: RequestOp[], failure: RequestOp[] = []) {
    return applyTxn(this.store, txnOf(compare, success, failure), known);
  }

  get(key: string): string | null {
    const result = applyRange(this.store, newRangeRequest({ key: bytes(key) }));
    if (!result.ok) throw new Error(result.error.message);
    const kv = result.value.kvs[0];
    return kv === undefined ? null : text(decodeKeyValue(kv).value);
  }
}

/** Versions a 3, b 1, c 2; created b, c, a; values b x, c y, a z. */
function filled(): Kv {
  const kv = new Kv();
  kv.put('b', 'x');
  kv.put('c', 'q');
  kv.put('a', 'q');
  kv.put('a', 'q');
  kv.put('c', 'y');
  kv.put('a', 'z');
  return kv;
}

describe('a range', () => {
  it.each<[Texts<RangeRequest>, string, boolean]>([
    [{}, 'a b c', false],
    [{ limit: 2 }, 'a b', true],
    [{ limit: 3 }, 'a b c', false],
    [{ limit: -1 }, 'a b c', false],
    [{ countOnly: true, limit: 1 }, '', false],
    [{ sortOrder: 2 }, 'c b a', false],
    [{ sortOrder: 2, limit: 1 }, 'c', true],
    [{ sortTarget: 1 }, 'b c a', false],
    [{ sortTarget: 1, sortOrder: 2, limit: 1 }, 'a', true],
    [{ sortTarget: 2 }, 'b c a', false],
    [{ sortTarget: 3, sortOrder: 1 }, 'b c a', false],
    [{ sortTarget: 4, sortOrder: 2 }, 'a c b', false],
    [{ minModRevision: 6 }, 'a c', false],
    [{ maxModRevision: 6 }, 'b c', false],
    [{ minCreateRevision: 3, maxCreateRevision: 3 }, 'c', false],
    [{ minModRevision: 3, limit: 1 }, 'a', true],
  ])('%j gives %s', (fields, keys, more) => {
    expect(filled().range({ key: 'a', rangeEnd: 'd', ...fields })).toEqual({ keys, count: 3, more });
  });

  it('without an order cuts before it sorts, as etcd does', () => {
    // The limit takes a, b and, to know whether there are more, c; all three are sorted.
    expect(filled().range({ key: 'a', rangeEnd: 'd', sortTarget: 2, limit: 1 }).keys).toBe('b');
  });

  it('of keys only leaves the values out', () => {
    const kv = filled();
    const result = applyRange(kv.store, newRangeRequest({ key: bytes('a'), keysOnly: true }));
    const encoded = result.ok ? result.value.kvs[0] : undefined;
    expect(encoded === undefined ? null : decodeKeyValue(encoded)).toMatchObject({ version: 3, modRevision: 7 });
    expect(encoded === undefined ? null : decodeKeyValue(encoded).value.length).toBe(0);
  });

  it('fails at revisions that are compacted or to come', () => {
    const kv = filled();
    applyCompaction(kv.store, { revision: 5, physical: false });
    const at = (revision: number) => applyRange(kv.store, newRangeRequest({ key: bytes('a'), revision }));
    expect(at(4)).toEqual({ ok: false, error: rpcErrors.compacted });
    expect(at(8)).toEqual({ ok: false, error: rpcErrors.futureRevision });
    expect(at(5).ok).toBe(true);
  });
});

describe('a put', () => {
  it('gives the previous key-value if asked for', () => {
    const kv = new Kv();
    kv.put('a', '1');
    const result = kv.put('a', '2', { prevKv: true });
    const previous = result.ok ? result.value.prevKv : null;
    expect(previous === null ? null : text(decodeKeyValue(previous).value)).toBe('1');
    const first = kv.put('b', '1', { prevKv: true });
    expect(first.ok ? first.value.prevKv : 'failed').toBeNull();
  });

  it('keeps value or lease of a key that is there', () => {
    const kv = new Kv();
    expect(kv.put('a', '', { ignoreValue: true })).toEqual({ ok: false, error: rpcErrors.keyNotFound });
    kv.put('a', '1', { lease: 7n });
    kv.put('a', '2', { ignoreLease: true });
    kv.put('a', '', { ignoreValue: true, ignoreLease: true });
    const result = applyRange(kv.store, newRangeRequest({ key: bytes('a') }));
    const encoded = result.ok ? result.value.kvs[0] : undefined;
    const kept = encoded === undefined ? null : decodeKeyValue(encoded);
    expect(kept).toMatchObject({ lease: 7n, version: 3 });
    expect(kv.get('a')).toBe('2');
  });

  it('needs a lease that exists, and changes nothing otherwise', () => {
    const kv = new Kv();
    expect(kv.put('a', '1', { lease: 9n })).toEqual({ ok: false, error: rpcErrors.leaseNotFound });
    expect(kv.store.revision).toBe(1);
  });
});

describe('a deletion', () => {
  it('of nothing makes no revision', () => {
    const kv = new Kv();
    const result = applyDeleteRange(kv.store, { key: bytes('a'), rangeEnd: bytes('\0'), prevKv: true });
    expect(result).toMatchObject({ ok: true, value: { deleted: 0, prevKvs: [], header: { revision: 1 } } });
  });

  it('gives what it deleted if asked for', () => {
    const kv = filled();
    const result = applyDeleteRange(kv.store, { key: bytes('b'), rangeEnd: bytes('\0'), prevKv: true });
    const deleted = result.ok ? result.value.prevKvs.map((encoded) => text(decodeKeyValue(encoded).value)) : [];
    expect(deleted).toEqual(['x', 'y']);
    expect(kv.range({ key: '\0', rangeEnd: '\0' }).keys).toBe('a');
  });
});

describe('a transaction', () => {
  it('writes all in one revision, and reads what it has written', () => {
    const kv = filled();
    const result = kv.txn(
      [],
      [
        putOp({ key: 'x', value: '1' }),
        rangeOp({ key: 'x' }),
        deleteOp('nokey'),
        { type: 'txn', request: txnOf([], [putOp({ key: 'y', value: '2' })]) },
      ],
    );
    expect(result).toMatchObject({
      ok: true,
      value: {
        header: { revision: 8 },
        succeeded: true,
        responses: [
          { type: 'put', response: { header: { revision: 8 } } },
          { type: 'range', response: { header: { revision: 8 }, count: 1 } },
          { type: 'deleteRange', response: { header: { revision: 8 }, deleted: 0 } },
          { type: 'txn', response: { header: { revision: 0 }, succeeded: true } },
        ],
      },
    });
    expect(kv.store.changesAt(8).map(({ key }) => text(key))).toEqual(['x', 'y']);
  });

  it('decides nested branches on the state before it', () => {
    const kv = new Kv();
    const isThere = compare({ key: 'x', target: 0, result: 1, operand: { type: 'version', value: 0 } });
    const inner = txnOf([isThere], [putOp({ key: 'y', value: 'seen' })], [putOp({ key: 'y', value: 'unseen' })]);
    kv.txn([], [putOp({ key: 'x', value: '1' }), { type: 'txn', request: inner }]);
    expect(kv.get('y')).toBe('unseen');
  });

  it('runs the branches of nested ones that each of them has chosen', () => {
    const kv = filled();
    const no = compare({ key: 'a', target: 0, operand: { type: 'version', value: 99 } });
    const nest = (compares: Compare[], success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
      type: 'txn',
      request: txnOf(compares, success, failure),
    });
    kv.txn(
      [],
      [
        nest([], [nest([no], [putOp({ key: 'k1', value: 'then' })], [putOp({ key: 'k1', value: 'else' })])]),
        nest([no], [nest([], [])], [putOp({ key: 'k2', value: 'else' })]),
        nest([], [putOp({ key: 'k3', value: 'then' })]),
      ],
    );
    expect([kv.get('k1'), kv.get('k2'), kv.get('k3')]).toEqual(['else', 'else', 'then']);
  });

  it.each<[Texts<Compare>, boolean]>([
    [{ key: 'nokey', target: 3, operand: { type: 'value', value: bytes('') } }, false],
    [{ key: 'nokey', target: 3, result: 3, operand: { type: 'value', value: bytes('x') } }, false],
    [{ key: 'nokey', target: 0, operand: { type: 'version', value: 0 } }, true],
    [{ key: 'nokey', target: 4, result: 2, operand: { type: 'lease', value: 1n } }, true],
    [{ key: 'a', rangeEnd: 'd', target: 1, result: 1, operand: { type: 'createRevision', value: 1 } }, true],
    [{ key: 'a', rangeEnd: 'd', target: 1, result: 1, operand: { type: 'createRevision', value: 2 } }, false],
    [{ key: 'a', target: 2, operand: { type: 'modRevision', value: 7 } }, true],
    [{ key: 'a', target: 3, result: 2, operand: { type: 'value', value: bytes('zz') } }, true],
    [{ key: 'a', target: 3, operand: { type: 'version', value: 3 } }, false],
    [{ key: 'a', target: 1, result: 1, operand: { type: 'modRevision', value: 99 } }, true],
    [{ key: 'a', target: 0, result: 9 }, true],
  ])('compares as etcd does, case %#', (fields, succeeds) => {
    expect(filled().txn([compare(fields)], [])).toMatchObject({ ok: true, value: { succeeded: succeeds } });
  });

  it.each<[string, RequestOp, unknown]>([
    ['a revision to come', rangeOp({ key: 'a', revision: 9999 }), rpcErrors.futureRevision],
    ['a compacted revision', rangeOp({ key: 'a', revision: 2 }), rpcErrors.compacted],
    ['a negative revision', rangeOp({ key: 'a', revision: -1 }), rpcErrors.compacted],
    ['an unknown lease', putOp({ key: 'z', lease: 9n }), rpcErrors.leaseNotFound],
    ['the value of no key', putOp({ key: 'z', ignoreValue: true }), rpcErrors.keyNotFound],
  ])('asking for %s writes nothing', (_, op, error) => {
    const kv = filled();
    applyCompaction(kv.store, { revision: 5, physical: false });
    const nested: RequestOp = { type: 'txn', request: txnOf([], [op]) };
    expect(kv.txn([], [putOp({ key: 'y', value: '1' }), nested])).toEqual({ ok: false, error });
    expect(kv.store.revision).toBe(7);
  });

  it('that keeps the value of a key that it deletes is refused where etcd panics', () => {
    const kv = filled();
    const ops = [deleteOp('a', '\0'), putOp({ key: 'b', ignoreValue: true })];
    expect(kv.txn([], ops)).toEqual({ ok: false, error: rpcErrors.keyNotFound });
    expect(kv.get('b')).toBe('x');
  });

  it('that deletes and puts a key survives a compaction at its revision, where etcd loses the key', () => {
    const kv = filled();
    expect(kv.txn([], [deleteOp('a', '\0'), putOp({ key: 'b', value: 'new' })]).ok).toBe(true);
    applyCompaction(kv.store, { revision: kv.store.revision, physical: true });
    while (kv.store.compactionStep() !== 'done');
    expect(kv.get('b')).toBe('new');
    expect(kv.range({ key: '\0', rangeEnd: '\0' }).keys).toBe('b');
  });

  it('that only reads makes no revision and may be serializable', () => {
    const kv = filled();
    expect(kv.txn([], [rangeOp({ key: 'a' })])).toMatchObject({ ok: true, value: { header: { revision: 7 } } });
    const reads = txnOf([], [rangeOp({ key: 'a', serializable: true })]);
    expect([isReadOnly(reads), isSerializable(reads)]).toEqual([true, true]);
    expect(isSerializable(txnOf([], [rangeOp({ key: 'a' })]))).toBe(false);
    expect(isReadOnly(txnOf([], [], [putOp({ key: 'a' })]))).toBe(false);
    expect(isReadOnly(txnOf([], [{ type: 'txn', request: reads }]))).toBe(false);
  });
});

/** Random KV requests, and their form as protobufjs wants it (.proto names, 64-bit integers as text, no zeros). */
import fc from 'fast-check';
import type {
  Compare,
  CompareOperand,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/proto/etcdserverpb-kv.ts';

const bytes = fc.uint8Array({ maxLength: 6 });
const number = fc.oneof(fc.constant(0), fc.integer({ min: -2, max: 300 }), fc.maxSafeInteger());
const lease = fc.oneof(fc.constant(0n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
const kind = fc.integer({ min: -1, max: 9 });

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key: bytes,
  rangeEnd: bytes,
  limit: number,
  revision: number,
  sortOrder: kind,
  sortTarget: kind,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: number,
  maxModRevision: number,
  minCreateRevision: number,
  maxCreateRevision: number,
});

export const putRequest: fc.Arbitrary<PutRequest> = fc.record({
  key: bytes,
  value: bytes,
  lease,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});

export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key: bytes,
  rangeEnd: bytes,
  prevKv: fc.boolean(),
});

const operand: fc.Arbitrary<CompareOperand> = fc.oneof(
  fc.constant<CompareOperand>({ type: 'none' }),
  fc.record({ type: fc.constantFrom('version', 'createRevision', 'modRevision'), value: number }),
  fc.record({ type: fc.constant('value'), value: bytes }),
  fc.record({ type: fc.constant('lease'), value: lease }),
);

const compare: fc.Arbitrary<Compare> = fc.record({ result: kind, target: kind, key: bytes, operand, rangeEnd: bytes });

export const txnRequest: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { depthSize: 'small' },
    fc.record({ type: fc.constant('put'), request: putRequest }),
    fc.record({ type: fc.constant('range'), request: rangeRequest }),
    fc.record({ type: fc.constant('deleteRange'), request: deleteRangeRequest }),
    fc.constant<RequestOp>({ type: 'none' }),
    fc.record({ type: fc.constant('txn'), request: tie('txn') }),
  ),
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 2 }),
  }),
})).txn;

type Plain = Record<string, unknown>;

/** Drops proto3 zeros and turns property names into those of the schema. */
export function schemaFields(value: object): Plain {
  const fields: Plain = {};
  for (const [property, item] of Object.entries(value)) {
    if (item === 0 || item === 0n || item === false || (item instanceof Uint8Array && item.length === 0)) continue;
    fields[snake(property)] = typeof item === 'bigint' ? item.toString() : item;
  }
  return fields;
}

function snake(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function schemaOp(op: RequestOp): Plain {
  if (op.type === 'none') return {};
  const request = op.type === 'txn' ? schemaTxn(op.request) : schemaFields(op.request);
  return { [`request_${snake(op.type)}`]: request };
}

function schemaCompare({ operand, ...rest }: Compare): Plain {
  const fields = schemaFields(rest);
  if (operand.type !== 'none')
    fields[snake(operand.type)] = typeof operand.value === 'bigint' ? operand.value.toString() : operand.value;
  return fields;
}

export function schemaTxn(request: TxnRequest): Plain {
  return {
    compare: request.compare.map(schemaCompare),
    success: request.success.map(schemaOp),
    failure: request.failure.map(schemaOp),
  };
}

/** Byte arrays as hex text, since views and copies differ in class. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

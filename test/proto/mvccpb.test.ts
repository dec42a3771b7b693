import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import {
  decodeEvent,
  decodeKeyValue,
  encodeDeletedKeyValue,
  encodeEvent,
  encodeKeyValue,
  eventType,
  type KeyValue,
  keyOf,
  withoutValue,
} from '../../src/proto/mvccpb.ts';

const root = new protobuf.Root();
root.resolvePath = (_, target) => new URL(`../testdata/proto/${target}`, import.meta.url).pathname;
root.loadSync('mvccpb/kv.proto', { keepCase: true });
const keyValueType = root.lookupType('mvccpb.KeyValue');
const eventTypeOfSchema = root.lookupType('mvccpb.Event');

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const keyValues: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.uint8Array({ maxLength: 200 }),
  createRevision: number,
  modRevision: number,
  version: number,
  value: fc.uint8Array({ maxLength: 300 }),
  lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
});

function words(value: bigint): { low: number; high: number; unsigned: boolean } {
  const low = Number(BigInt.asIntN(32, value));
  return { low, high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

/** As proto3 has it: fields that are zero are not there. */
function schemaFields(kv: KeyValue): Record<string, unknown> {
  const fields = {
    key: kv.key.length > 0 ? kv.key : null,
    create_revision: kv.createRevision || null,
    mod_revision: kv.modRevision || null,
    version: kv.version || null,
    value: kv.value.length > 0 ? kv.value : null,
    lease: kv.lease === 0n ? null : words(kv.lease),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null));
}

describe('a KeyValue', () => {
  it('has the bytes that the schema gives it', () => {
    fc.assert(
      fc.property(keyValues, (kv) => {
        const expected = keyValueType.encode(keyValueType.create(schemaFields(kv))).finish();
        expect(hex(encodeKeyValue(kv))).toBe(hex(expected));
        expect(hex(encodeKeyValue(decodeKeyValue(expected)))).toBe(hex(expected));
        expect(hex(keyOf(expected))).toBe(hex(kv.key));
        expect(hex(withoutValue(expected))).toBe(hex(encodeKeyValue({ ...kv, value: new Uint8Array(0) })));
      }),
    );
  });

  it('has the bytes that etcd 3.6.5 stores', () => {
    const kv = { key: Buffer.from('a'), value: Buffer.from('1'), createRevision: 2, modRevision: 3, version: 2 };
    expect(hex(encodeKeyValue({ ...kv, lease: 777n }))).toBe('0a01611002180320022a0131308906');
  });

  it('of a deletion is its key and revision', () => {
    expect(hex(encodeDeletedKeyValue(Buffer.from('a'), 8))).toBe('0a01611808');
  });

  it('that is cut short is refused', () => {
    expect(() => decodeKeyValue(Buffer.from('0a0561', 'hex'))).toThrow('unexpected EOF');
    expect(() => decodeKeyValue(Buffer.from('0801', 'hex'))).toThrow('wrong wireType');
  });
});

describe('an Event', () => {
  it('has the bytes that the schema gives it, and takes key-values as they are', () => {
    fc.assert(
      fc.property(keyValues, fc.option(keyValues), fc.boolean(), (kv, prevKv, isDelete) => {
        const expected = eventTypeOfSchema
          .encode(
            eventTypeOfSchema.create({
              ...(isDelete ? { type: 1 } : {}),
              kv: schemaFields(kv),
              ...(prevKv === null ? {} : { prev_kv: schemaFields(prevKv) }),
            }),
          )
          .finish();
        const encoded = encodeEvent({
          type: isDelete ? eventType.delete : eventType.put,
          kv: encodeKeyValue(kv),
          prevKv: prevKv === null ? null : encodeKeyValue(prevKv),
        });
        expect(hex(encoded)).toBe(hex(expected));
        expect(hex(encodeEvent(decodeEvent(expected)))).toBe(hex(expected));
      }),
    );
  });
});

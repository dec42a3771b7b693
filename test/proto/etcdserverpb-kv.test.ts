import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtoError } from '../../src/proto/codec.ts';
import type { RangeResponse, TxnResponse } from '../../src/proto/etcdserverpb-kv.ts';
import { revisionHeader } from '../../src/proto/etcdserverpb-kv.ts';
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  txnDepthMax,
} from '../../src/proto/etcdserverpb-kv-decode.ts';
import {
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
  encodeTxnRequest,
} from '../../src/proto/etcdserverpb-kv-requests.ts';
import {
  encodeCompactionResponse,
  encodeDeleteRangeResponse,
  encodeHeaderIds,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  messageBytesMax,
} from '../../src/proto/etcdserverpb-kv-responses.ts';
import { encodeKeyValue } from '../../src/proto/mvccpb.ts';
import {
  deleteRangeRequest,
  plain,
  putRequest,
  rangeRequest,
  schemaFields,
  schemaTxn,
  txnRequest,
} from './kv-arbitrary.ts';
import { loadSchemas } from './schema.ts';

const schemas = loadSchemas('etcdserverpb/rpc.proto');

/** Hex of what protobufjs writes for an object in the schema's names. */
function theirs(name: string, object: Record<string, unknown>): string {
  const type = schemas.lookupType(`etcdserverpb.${name}`);
  return Buffer.from(type.encode(type.fromObject(object)).finish()).toString('hex');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('requests have the bytes that protobufjs writes and read back as they were', () => {
  it('RangeRequest', () => {
    fc.assert(
      fc.property(rangeRequest, (request) => {
        const bytes = encodeRangeRequest(request);
        expect(hex(bytes)).toBe(theirs('RangeRequest', schemaFields(request)));
        expect(plain(decodeRangeRequest(bytes))).toEqual(plain(request));
      }),
    );
  });

  it('PutRequest', () => {
    fc.assert(
      fc.property(putRequest, (request) => {
        const bytes = encodePutRequest(request);
        expect(hex(bytes)).toBe(theirs('PutRequest', schemaFields(request)));
        expect(plain(decodePutRequest(bytes))).toEqual(plain(request));
      }),
    );
  });

  it('DeleteRangeRequest', () => {
    fc.assert(
      fc.property(deleteRangeRequest, (request) => {
        const bytes = encodeDeleteRangeRequest(request);
        expect(hex(bytes)).toBe(theirs('DeleteRangeRequest', schemaFields(request)));
        expect(plain(decodeDeleteRangeRequest(bytes))).toEqual(plain(request));
      }),
    );
  });

  it('TxnRequest, nested', () => {
    fc.assert(
      fc.property(txnRequest, (request) => {
        const bytes = encodeTxnRequest(request);
        expect(hex(bytes)).toBe(theirs('TxnRequest', schemaTxn(request)));
        expect(plain(decodeTxnRequest(bytes))).toEqual(plain(request));
      }),
    );
  });

  it('CompactionRequest', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.boolean(), (revision, physical) => {
        const bytes = encodeCompactionRequest({ revision, physical });
        expect(hex(bytes)).toBe(theirs('CompactionRequest', schemaFields({ revision, physical })));
        expect(decodeCompactionRequest(bytes)).toEqual({ revision, physical });
      }),
    );
  });
});

const kv = {
  key: Buffer.from('k'),
  createRevision: 2,
  modRevision: 300,
  version: 4,
  value: Buffer.from('v'),
  lease: -7n,
};
const encodedKv = encodeKeyValue(kv);
const schemaKv = schemaFields(kv);
const clusterId = 17237436991929493444n;
const memberId = 9372538179322589801n;
const schemaHeader = { cluster_id: `${clusterId}`, member_id: `${memberId}`, revision: '77', raft_term: '9' };
const origin = { ids: encodeHeaderIds(clusterId, memberId), raftTerm: 9 };
const header = revisionHeader(77);

describe('responses have the bytes that protobufjs writes', () => {
  it('RangeResponse with spliced key-values', () => {
    const response: RangeResponse = { header, kvs: [encodedKv, encodedKv], more: true, count: 1000 };
    const expected = theirs('RangeResponse', {
      header: schemaHeader,
      kvs: [schemaKv, schemaKv],
      more: true,
      count: '1000',
    });
    expect(hex(encodeRangeResponse(response, origin))).toBe(expected);
    const whole = { ...response, header: { clusterId, memberId, revision: 77, raftTerm: 9 } };
    expect(hex(encodeRangeResponse(whole))).toBe(expected);
  });

  it('PutResponse, with and without a previous key-value', () => {
    expect(hex(encodePutResponse({ header, prevKv: null }, origin))).toBe(
      theirs('PutResponse', { header: schemaHeader }),
    );
    expect(hex(encodePutResponse({ header, prevKv: encodedKv }, origin))).toBe(
      theirs('PutResponse', { header: schemaHeader, prev_kv: schemaKv }),
    );
  });

  it('DeleteRangeResponse and CompactionResponse', () => {
    expect(hex(encodeDeleteRangeResponse({ header, deleted: 2, prevKvs: [encodedKv] }, origin))).toBe(
      theirs('DeleteRangeResponse', { header: schemaHeader, deleted: '2', prev_kvs: [schemaKv] }),
    );
    expect(hex(encodeCompactionResponse({ header }, origin))).toBe(
      theirs('CompactionResponse', { header: schemaHeader }),
    );
  });

  it('TxnResponse: inner headers carry a revision only, a nested transaction has an empty one', () => {
    const response: TxnResponse = {
      header,
      succeeded: true,
      responses: [
        { type: 'put', response: { header, prevKv: encodedKv } },
        { type: 'range', response: { header, kvs: [], more: false, count: 0 } },
        { type: 'deleteRange', response: { header, deleted: 0, prevKvs: [] } },
        {
          type: 'txn',
          response: {
            header: revisionHeader(0),
            succeeded: false,
            responses: [{ type: 'put', response: { header, prevKv: null } }],
          },
        },
      ],
    };
    const inner = { header: { revision: '77' } };
    expect(hex(encodeTxnResponse(response, origin))).toBe(
      theirs('TxnResponse', {
        header: schemaHeader,
        succeeded: true,
        responses: [
          { response_put: { ...inner, prev_kv: schemaKv } },
          { response_range: inner },
          { response_delete_range: inner },
          { response_txn: { header: {}, responses: [{ response_put: inner }] } },
        ],
      }),
    );
  });
});

describe('a response larger than gRPC sends', () => {
  // Not allocated: only its length counts, until the limit is found to be passed.
  const huge = Object.create(Uint8Array.prototype, { length: { value: messageBytesMax } }) as Uint8Array;

  it('is refused before memory is taken for it', () => {
    expect(() => encodeRangeResponse({ header: null, kvs: [huge], more: false, count: 0 })).toThrow(
      `trying to send message larger than max (${messageBytesMax + 6} vs. ${messageBytesMax})`,
    );
  });
});

describe('malformed requests', () => {
  const refusal = (decode: (bytes: Uint8Array) => unknown, input: string): string => {
    try {
      decode(Buffer.from(input, 'hex'));
    } catch (error) {
      return error instanceof ProtoError ? error.message : `not a ProtoError: ${String(error)}`;
    }
    return 'accepted';
  };

  it('are refused in the words of Go', () => {
    expect(refusal(decodeRangeRequest, '0a')).toBe('unexpected EOF');
    expect(refusal(decodeRangeRequest, '0a0561')).toBe('unexpected EOF');
    expect(refusal(decodeRangeRequest, '08')).toBe('proto: wrong wireType = 0 for field Key');
    expect(refusal(decodePutRequest, '1a00')).toBe('proto: wrong wireType = 2 for field Lease');
    expect(refusal(decodePutRequest, '0700')).toBe('proto: PutRequest: illegal tag 0 (wire type 7)');
    expect(refusal(decodeTxnRequest, '0a02800400')).toBe('proto: wrong wireType = 0 for field RangeEnd');
    expect(refusal(decodeTxnRequest, '0a050a')).toBe('unexpected EOF');
  });

  it('a value beyond 2^53 is clamped, so that it still compares as a future revision', () => {
    expect(decodeRangeRequest(Buffer.from('20ffffffffffffffff7f', 'hex')).revision).toBe(2 ** 53 - 1);
  });

  it('any bytes are either decoded or refused with a ProtoError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const decode of [decodeRangeRequest, decodePutRequest, decodeTxnRequest])
          expect(refusal(decode, hex(bytes))).not.toContain('not a ProtoError');
      }),
      { numRuns: 300 },
    );
  });

  it('transactions nested too deep are refused, not a stack overflow', () => {
    expect(refusal(decodeTxnRequest, hex(nestedTxn(txnDepthMax)))).toBe('accepted');
    expect(refusal(decodeTxnRequest, hex(nestedTxn(txnDepthMax + 1)))).toBe(
      `proto: TxnRequest: nested deeper than ${txnDepthMax}`,
    );
    expect(refusal(decodeTxnRequest, hex(nestedTxn(100_000)))).toBe(
      `proto: TxnRequest: nested deeper than ${txnDepthMax}`,
    );
  });
});

/** The bytes of `depth` transactions, one in the other. Built from the inside, each level two fields around the last. */
function nestedTxn(depth: number): Buffer {
  const prefixes: Buffer[] = [];
  let length = 0;
  const wrap = (tag: number): void => {
    const prefix = Buffer.concat([Buffer.from([tag]), varint(length)]);
    prefixes.push(prefix);
    length += prefix.length;
  };
  for (let level = 1; level < depth; level++) {
    wrap(0x22);
    wrap(0x12);
  }
  return Buffer.concat(prefixes.reverse());
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

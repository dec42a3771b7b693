import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtoError } from '../../src/proto/codec.ts';
import { compareResult, compareTarget, newPutRequest, newRangeRequest } from '../../src/proto/etcdserverpb-kv.ts';
import { encodePutRequest } from '../../src/proto/etcdserverpb-kv-requests.ts';
import { v2Request } from '../../src/proto/etcdserverpb-v2.ts';
import { clusterMemberAttrSetRequest } from '../../src/proto/membershippb.ts';
import {
  decodeInternalRequest,
  encodeInternalRequest,
  internalField,
  requestIdOf,
  sizeInternalRequest,
} from '../../src/proto/raft-internal.ts';
import { plain, putRequest, schemaFields } from './kv-arbitrary.ts';
import { loadSchemas } from './schema.ts';

const internal = loadSchemas('etcdserverpb/raft_internal.proto').lookupType('etcdserverpb.InternalRaftRequest');
const id = fc.bigInt(1n, 2n ** 64n - 1n);

/** Bodies of entries of a real WAL: infra's attributes, and `txn` with value("a") = "b" ? put a 1 : get a. */
const attributesRaw = '088df2f48ec1f7a6d7bd0112210a0764656661756c741216687474703a2f2f3132372e302e302e313a3233373931';
const txnRaw = '0a0810031a01613a0162120812060a01611201311a050a030a0161';

function theirs(object: Record<string, unknown>): string {
  return Buffer.from(internal.encode(internal.fromObject(object)).finish()).toString('hex');
}

describe('InternalRaftRequest', () => {
  it('splices a request before the header and decodes to it', () => {
    fc.assert(
      fc.property(id, putRequest, (requestId, put) => {
        const bytes = encodeInternalRequest(requestId, internalField.put, encodePutRequest(put));
        expect(bytes.toString('hex')).toBe(theirs({ put: schemaFields(put), header: { ID: requestId.toString() } }));
        const decoded = decodeInternalRequest(bytes);
        expect(requestIdOf(decoded)).toBe(requestId);
        expect(plain(decoded.body)).toEqual(plain({ type: 'put', request: put }));
      }),
    );
  });

  it('puts bodies numbered above 100 after the header', () => {
    const request = { memberId: 5n, memberAttributes: { name: 'infra1', clientUrls: ['http://127.0.0.1:1'] } };
    const raw = clusterMemberAttrSetRequest.encode(request);
    const bytes = encodeInternalRequest(7n, internalField.clusterMemberAttrSet, raw);
    expect(bytes.toString('hex')).toBe(
      theirs({
        header: { ID: '7' },
        cluster_member_attr_set: {
          member_ID: '5',
          member_attributes: { name: 'infra1', client_urls: ['http://127.0.0.1:1'] },
        },
      }),
    );
    expect(decodeInternalRequest(bytes).body).toEqual({ type: 'clusterMemberAttrSet', request });
  });

  it('names the requester when authentication is on', () => {
    const bytes = encodeInternalRequest(7n, internalField.put, Buffer.from('0a0161', 'hex'), {
      username: 'root',
      authRevision: 300,
    });
    expect(bytes.toString('hex')).toBe(
      theirs({ put: { key: Buffer.from('a') }, header: { ID: '7', username: 'root', auth_revision: '300' } }),
    );
  });

  it('its size is known before it is made, as the request limit needs', () => {
    fc.assert(
      fc.property(id, fc.constantFrom(...Object.values(internalField)), fc.nat(400), (requestId, field, length) => {
        const bytes = encodeInternalRequest(requestId, field, Buffer.alloc(length));
        expect(sizeInternalRequest(requestId, field, length)).toBe(bytes.length);
      }),
    );
  });

  it('has the bytes of the entries that etcd 3.6.5 wrote into its WAL', () => {
    const written: readonly (readonly [id: bigint, field: number, raw: string, entry: string])[] = [
      [1n, internalField.clusterMemberAttrSet, attributesRaw, `a2060a0881aa84c6a7c0e88639aa512e${attributesRaw}`],
      [4n, internalField.clusterVersionSet, '0a05332e362e30', 'a2060a0884aa84c6a7c0e88639a251070a05332e362e30'],
      [5n, internalField.put, '0a03666f6f1203626172', '220a0a03666f6f1203626172a2060a0885aa84c6a7c0e88639'],
      [6n, internalField.deleteRange, '0a03666f6f', '2a050a03666f6fa2060a0886aa84c6a7c0e88639'],
      [7n, internalField.txn, txnRaw, `321b${txnRaw}a2060a0887aa84c6a7c0e88639`],
      [8n, internalField.compaction, '0802', '3a020802a2060a0888aa84c6a7c0e88639'],
    ];
    for (const [low, field, raw, entry] of written) {
      const bytes = encodeInternalRequest(0x390da20278c11500n + low, field, Buffer.from(raw, 'hex'));
      expect(bytes.toString('hex')).toBe(entry);
      expect(requestIdOf(decodeInternalRequest(bytes))).toBe(0x390da20278c11500n + low);
    }
  });

  it('decodes the transaction of such an entry', () => {
    const { body } = decodeInternalRequest(Buffer.from(`321b${txnRaw}`, 'hex'));
    expect(plain(body)).toEqual(
      plain({
        type: 'txn',
        request: {
          compare: [
            {
              result: compareResult.equal,
              target: compareTarget.value,
              key: Buffer.from('a'),
              operand: { type: 'value', value: Buffer.from('b') },
              rangeEnd: new Uint8Array(0),
            },
          ],
          success: [{ type: 'put', request: newPutRequest({ key: Buffer.from('a'), value: Buffer.from('1') }) }],
          failure: [{ type: 'range', request: newRangeRequest({ key: Buffer.from('a') }) }],
        },
      }),
    );
  });

  it('a bare v2 request fails to decode, which is how it is recognised', () => {
    for (const method of ['PUT', 'DELETE', 'QGET', 'SYNC', '']) {
      const bare = v2Request.encode(v2Request.create({ id: 9n, method, path: '/0/members/1/attributes', val: '{}' }));
      expect(() => decodeInternalRequest(bare), method).toThrow(ProtoError);
      expect(v2Request.decode(bare).path).toBe('/0/members/1/attributes');
    }
  });

  it('a body of a later version is skipped, one of a known number with a wrong wire type refused', () => {
    expect(decodeInternalRequest(Buffer.from('a206020807e2930900', 'hex')).body).toEqual({ type: 'none' });
    expect(() => decodeInternalRequest(Buffer.from('2001', 'hex'))).toThrow('proto: wrong wireType = 0 for field Put');
  });
});

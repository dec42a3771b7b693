import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permission, role, user, userAddOptions } from '../../src/proto/authpb.ts';
import {
  authDisableRequest,
  authDisableResponse,
  authEnableRequest,
  authEnableResponse,
  authenticateRequest,
  authenticateResponse,
  authRoleAddRequest,
  authRoleAddResponse,
  authRoleDeleteRequest,
  authRoleDeleteResponse,
  authRoleGetRequest,
  authRoleGetResponse,
  authRoleGrantPermissionRequest,
  authRoleGrantPermissionResponse,
  authRoleListRequest,
  authRoleListResponse,
  authRoleRevokePermissionRequest,
  authRoleRevokePermissionResponse,
  authStatusRequest,
  authStatusResponse,
  authUserAddRequest,
  authUserAddResponse,
  authUserChangePasswordRequest,
  authUserChangePasswordResponse,
  authUserDeleteRequest,
  authUserDeleteResponse,
  authUserGetRequest,
  authUserGetResponse,
  authUserGrantRoleRequest,
  authUserGrantRoleResponse,
  authUserListRequest,
  authUserListResponse,
  authUserRevokeRoleRequest,
  authUserRevokeRoleResponse,
  internalAuthenticateRequest,
} from '../../src/proto/etcdserverpb-auth.ts';
import {
  memberAddRequest,
  memberAddResponse,
  memberListRequest,
  memberListResponse,
  memberMessage,
  memberPromoteRequest,
  memberPromoteResponse,
  memberRemoveRequest,
  memberRemoveResponse,
  memberUpdateRequest,
  memberUpdateResponse,
} from '../../src/proto/etcdserverpb-cluster.ts';
import { responseHeader } from '../../src/proto/etcdserverpb-header.ts';
import {
  leaseCheckpoint,
  leaseCheckpointRequest,
  leaseGrantRequest,
  leaseGrantResponse,
  leaseInternalRequest,
  leaseInternalResponse,
  leaseKeepAliveRequest,
  leaseKeepAliveResponse,
  leaseLeasesRequest,
  leaseLeasesResponse,
  leaseRevokeRequest,
  leaseRevokeResponse,
  leaseStatus,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
} from '../../src/proto/etcdserverpb-lease.ts';
import {
  alarmMember,
  alarmRequest,
  alarmResponse,
  defragmentRequest,
  defragmentResponse,
  downgradeInfo,
  downgradeRequest,
  downgradeResponse,
  downgradeVersionTestRequest,
  hashKvRequest,
  hashKvResponse,
  hashRequest,
  hashResponse,
  moveLeaderRequest,
  moveLeaderResponse,
  snapshotRequest,
  snapshotResponse,
  statusRequest,
  statusResponse,
} from '../../src/proto/etcdserverpb-maintenance.ts';
import { v2Request, walMetadata } from '../../src/proto/etcdserverpb-v2.ts';
import { healthCheckRequest, healthCheckResponse } from '../../src/proto/healthpb.ts';
import {
  attributes,
  clusterMemberAttrSetRequest,
  clusterVersionSetRequest,
  downgradeInfoSetRequest,
  raftAttributes,
} from '../../src/proto/membershippb.ts';
import type { Field, Message } from '../../src/proto/table.ts';
import { bool, enumeration, message, packed } from '../../src/proto/table.ts';
import { loadSchemas } from './schema.ts';

const schemas = loadSchemas('etcdserverpb/raft_internal.proto', 'grpc_health_v1/health.proto', 'leasepb/lease.proto');

type AnyMessage = Message<Record<string, unknown>>;
type Row = readonly [property: string, field: Field<unknown>];

/** Every table, by its package. */
const tablesByPackage = {
  authpb: [permission, userAddOptions, user, role],
  etcdserverpb: [
    authEnableRequest,
    authDisableRequest,
    authStatusRequest,
    authenticateRequest,
    internalAuthenticateRequest,
    authUserAddRequest,
    authUserGetRequest,
    authUserDeleteRequest,
    authUserChangePasswordRequest,
    authUserGrantRoleRequest,
    authUserRevokeRoleRequest,
    authUserListRequest,
    authRoleListRequest,
    authRoleAddRequest,
    authRoleGetRequest,
    authRoleDeleteRequest,
    authRoleGrantPermissionRequest,
    authRoleRevokePermissionRequest,
    authEnableResponse,
    authDisableResponse,
    authStatusResponse,
    authenticateResponse,
    authUserAddResponse,
    authUserGetResponse,
    authUserDeleteResponse,
    authUserChangePasswordResponse,
    authUserGrantRoleResponse,
    authUserRevokeRoleResponse,
    authRoleAddResponse,
    authRoleGetResponse,
    authRoleListResponse,
    authUserListResponse,
    authRoleDeleteResponse,
    authRoleGrantPermissionResponse,
    authRoleRevokePermissionResponse,
    memberMessage,
    memberAddRequest,
    memberAddResponse,
    memberRemoveRequest,
    memberRemoveResponse,
    memberUpdateRequest,
    memberUpdateResponse,
    memberListRequest,
    memberListResponse,
    memberPromoteRequest,
    memberPromoteResponse,
    responseHeader,
    leaseGrantRequest,
    leaseGrantResponse,
    leaseRevokeRequest,
    leaseRevokeResponse,
    leaseCheckpoint,
    leaseCheckpointRequest,
    leaseKeepAliveRequest,
    leaseKeepAliveResponse,
    leaseTimeToLiveRequest,
    leaseTimeToLiveResponse,
    leaseLeasesRequest,
    leaseStatus,
    leaseLeasesResponse,
    alarmRequest,
    alarmMember,
    alarmResponse,
    statusRequest,
    downgradeInfo,
    statusResponse,
    hashRequest,
    hashResponse,
    hashKvRequest,
    hashKvResponse,
    defragmentRequest,
    defragmentResponse,
    snapshotRequest,
    snapshotResponse,
    moveLeaderRequest,
    moveLeaderResponse,
    downgradeRequest,
    downgradeResponse,
    downgradeVersionTestRequest,
    v2Request,
    walMetadata,
  ],
  'grpc.health.v1': [healthCheckRequest, healthCheckResponse],
  leasepb: [leaseInternalRequest, leaseInternalResponse],
  membershippb: [
    raftAttributes,
    attributes,
    clusterVersionSetRequest,
    clusterMemberAttrSetRequest,
    downgradeInfoSetRequest,
  ],
};

// The cast forgets only the property names, which the tests treat generically.
const tables = Object.entries(tablesByPackage).flatMap(([packageName, list]) =>
  list.map((table) => [packageName, table as unknown as AnyMessage] as const),
);
const byName = new Map(tables.map(([, table]) => [table.name, table]));

function rowsOf(table: AnyMessage): Row[] {
  return Object.entries(table.fields);
}

/** Values of one field's kind; numbers up to 2^53 both ways where the kind is signed. */
function arbitraryValue(kind: string, initial: unknown, depth: number): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 5 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 5 });
    case 'enum':
      return fc.integer({ min: -3, max: 300 });
    case 'uint32':
      return fc.nat(2 ** 32 - 1);
    case 'int64':
      return typeof initial === 'bigint' ? fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) : fc.maxSafeInteger();
    case 'uint64':
      return typeof initial === 'bigint' ? fc.bigInt(0n, 2n ** 64n - 1n) : fc.maxSafeNat();
    default: {
      const table = byName.get(kind);
      if (table === undefined) throw new Error(`no table ${kind}`);
      return arbitraryMessage(table, depth + 1);
    }
  }
}

function arbitraryMessage(table: AnyMessage, depth = 0): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(
      rowsOf(table).map(([property, field]) => {
        const value = arbitraryValue(field.kind, field.initial, depth);
        if (field.cardinality === 'repeated') return [property, fc.array(value, { maxLength: 3 })];
        if (field.cardinality === 'optional') return [property, fc.option(value)];
        return [property, fc.oneof(fc.constant(field.initial), value)];
      }),
    ),
  );
}

/** The message as protobufjs wants it: .proto names, 64-bit integers as text, and absent what proto3 does not write. */
function toSchemaObject(table: AnyMessage, value: Record<string, unknown>): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [property, field] of rowsOf(table)) {
    const nested = byName.get(field.kind);
    const convert = (item: unknown): unknown => {
      if (nested !== undefined) return toSchemaObject(nested, item as Record<string, unknown>);
      return typeof item === 'bigint' ? item.toString() : item;
    };
    const item = value[property];
    if (field.cardinality === 'repeated') object[field.name] = (item as unknown[]).map(convert);
    else if (field.cardinality === 'required') object[field.name] = convert(item);
    else if (field.cardinality === 'optional' ? item !== null : !isZero(item)) object[field.name] = convert(item);
  }
  return object;
}

function isZero(value: unknown): boolean {
  return value === 0 || value === 0n || value === '' || value === false || (value as Uint8Array).length === 0;
}

describe('every message of the tables', () => {
  it('is in the schema with the same fields', () => {
    for (const [packageName, table] of tables) {
      const type = schemas.lookupType(`${packageName}.${table.name}`);
      const ours = rowsOf(table).map(([, field]) => `${field.number} ${field.name}`);
      expect(ours.sort(), table.name).toEqual(type.fieldsArray.map((field) => `${field.id} ${field.name}`).sort());
    }
  });

  it('has the bytes that protobufjs writes and reads back as it was', () => {
    for (const [packageName, table] of tables) {
      const type = schemas.lookupType(`${packageName}.${table.name}`);
      fc.assert(
        fc.property(arbitraryMessage(table), (value) => {
          const bytes = table.encode(value);
          const theirs = type.encode(type.fromObject(toSchemaObject(table, value))).finish();
          expect(bytes.toString('hex'), table.name).toBe(Buffer.from(theirs).toString('hex'));
          expect(plain(table.decode(bytes))).toEqual(plain(value));
        }),
        { numRuns: 30 },
      );
    }
  });
});

/** Byte fields as hex text, since views and copies differ in class. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

describe('malformed input', () => {
  const refuses = (hex: string): string => {
    try {
      leaseGrantRequest.decode(Buffer.from(hex, 'hex'));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'accepted';
  };

  it('is refused in the words of Go', () => {
    expect(refuses('08')).toBe('unexpected EOF');
    expect(refuses('0a00')).toBe('proto: wrong wireType = 2 for field TTL');
    expect(refuses('00')).toBe('proto: LeaseGrantRequest: illegal tag 0 (wire type 0)');
    expect(refuses('1c')).toBe('proto: LeaseGrantRequest: wiretype end group for non-group');
    expect(refuses('1e00')).toBe('proto: illegal wireType 6');
    expect(refuses('1a05aa')).toBe('unexpected EOF');
    expect(refuses('08ffffffffffffffffffff01')).toBe('proto: integer overflow');
  });

  it('unknown fields and groups are stepped over', () => {
    expect(refuses('18ac02')).toBe('accepted');
    expect(refuses('1b08ac021c')).toBe('accepted');
    expect(refuses('1b2308ac02241c')).toBe('accepted');
    expect(refuses('1b08ac02')).toBe('unexpected EOF');
  });

  it('int64 values beyond 2^53 are clamped, of both signs', () => {
    expect(hashKvRequest.decode(Buffer.from('08ffffffffffffffff7f', 'hex')).revision).toBe(2 ** 53 - 1);
    expect(hashKvRequest.decode(Buffer.from('0880808080808080808001', 'hex')).revision).toBe(1 - 2 ** 53);
  });
});

describe('packed fields', () => {
  const table = message('Packed', { kinds: packed(5, 'kinds', enumeration), flags: packed(6, 'flags', bool) });

  it('are written packed and read packed, unpacked and mixed', () => {
    expect(table.encode({ kinds: [0, 1, 300], flags: [] }).toString('hex')).toBe('2a040001ac02');
    expect(table.decode(Buffer.from('28002a0201022805', 'hex')).kinds).toEqual([0, 1, 2, 5]);
  });
});

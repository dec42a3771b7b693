/**
 * InternalRaftRequest: what a normal entry of the log carries. Proposers splice the client's own bytes into it, so that a put
 * is encoded once; appliers decode it eagerly and fall back to a bare v2 Request exactly where Go's decoder fails.
 */
import { Reader, sizeDelimited, sizeVarint, sizeVarint64, Writer } from './codec.ts';
import {
  type AuthRoleAddRequest,
  type AuthRoleDeleteRequest,
  type AuthRoleGetRequest,
  type AuthRoleGrantPermissionRequest,
  type AuthRoleRevokePermissionRequest,
  type AuthUserAddRequest,
  type AuthUserChangePasswordRequest,
  type AuthUserDeleteRequest,
  type AuthUserGetRequest,
  type AuthUserGrantRoleRequest,
  type AuthUserRevokeRoleRequest,
  authDisableRequest,
  authEnableRequest,
  authRoleAddRequest,
  authRoleDeleteRequest,
  authRoleGetRequest,
  authRoleGrantPermissionRequest,
  authRoleListRequest,
  authRoleRevokePermissionRequest,
  authStatusRequest,
  authUserAddRequest,
  authUserChangePasswordRequest,
  authUserDeleteRequest,
  authUserGetRequest,
  authUserGrantRoleRequest,
  authUserListRequest,
  authUserRevokeRoleRequest,
  type InternalAuthenticateRequest,
  internalAuthenticateRequest,
} from './etcdserverpb-auth.ts';
import type { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from './etcdserverpb-kv.ts';
import {
  readCompactionRequest,
  readDeleteRangeRequest,
  readPutRequest,
  readRangeRequest,
  readTxnRequest,
} from './etcdserverpb-kv-decode.ts';
import {
  type LeaseCheckpointRequest,
  type LeaseGrantRequest,
  type LeaseRevokeRequest,
  leaseCheckpointRequest,
  leaseGrantRequest,
  leaseRevokeRequest,
} from './etcdserverpb-lease.ts';
import {
  type AlarmRequest,
  alarmRequest,
  type DowngradeVersionTestRequest,
  downgradeVersionTestRequest,
} from './etcdserverpb-maintenance.ts';
import { type V2Request, v2Request } from './etcdserverpb-v2.ts';
import { nextTag, unexpectedField } from './go-rules.ts';
import {
  type ClusterMemberAttrSetRequest,
  type ClusterVersionSetRequest,
  clusterMemberAttrSetRequest,
  clusterVersionSetRequest,
  type DowngradeInfoSetRequest,
  downgradeInfoSetRequest,
} from './membershippb.ts';

/** Field numbers of the bodies that members propose. */
export const internalField = {
  v2: 2,
  range: 3,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  authEnable: 1000,
  authDisable: 1011,
  authenticate: 1012,
  authStatus: 1013,
  authUserAdd: 1100,
  authUserDelete: 1101,
  authUserGet: 1102,
  authUserChangePassword: 1103,
  authUserGrantRole: 1104,
  authUserRevokeRole: 1105,
  authUserList: 1106,
  authRoleList: 1107,
  authRoleAdd: 1200,
  authRoleDelete: 1201,
  authRoleGet: 1202,
  authRoleGrantPermission: 1203,
  authRoleRevokePermission: 1204,
  clusterVersionSet: 1300,
  clusterMemberAttrSet: 1301,
  downgradeInfoSet: 1302,
  downgradeVersionTest: 9900,
} as const;
export type InternalField = (typeof internalField)[keyof typeof internalField];

const headerNumber = 100;

/** Who asks, as of which auth revision; present since etcd 3.1 in every entry that a client caused. */
export interface RequestHeader {
  readonly id: bigint;
  readonly username: string;
  readonly authRevision: number;
}

/** The one request that an entry carries. `none`: only fields of a later version, or nothing. */
export type InternalBody =
  | { readonly type: 'none' }
  | { readonly type: 'v2'; readonly request: V2Request }
  | { readonly type: 'range'; readonly request: RangeRequest }
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest }
  | { readonly type: 'compaction'; readonly request: CompactionRequest }
  | { readonly type: 'leaseGrant'; readonly request: LeaseGrantRequest }
  | { readonly type: 'leaseRevoke'; readonly request: LeaseRevokeRequest }
  | { readonly type: 'alarm'; readonly request: AlarmRequest }
  | { readonly type: 'leaseCheckpoint'; readonly request: LeaseCheckpointRequest }
  | { readonly type: 'authEnable' }
  | { readonly type: 'authDisable' }
  | { readonly type: 'authStatus' }
  | { readonly type: 'authenticate'; readonly request: InternalAuthenticateRequest }
  | { readonly type: 'authUserAdd'; readonly request: AuthUserAddRequest }
  | { readonly type: 'authUserDelete'; readonly request: AuthUserDeleteRequest }
  | { readonly type: 'authUserGet'; readonly request: AuthUserGetRequest }
  | { readonly type: 'authUserChangePassword'; readonly request: AuthUserChangePasswordRequest }
  | { readonly type: 'authUserGrantRole'; readonly request: AuthUserGrantRoleRequest }
  | { readonly type: 'authUserRevokeRole'; readonly request: AuthUserRevokeRoleRequest }
  | { readonly type: 'authUserList' }
  | { readonly type: 'authRoleList' }
  | { readonly type: 'authRoleAdd'; readonly request: AuthRoleAddRequest }
  | { readonly type: 'authRoleDelete'; readonly request: AuthRoleDeleteRequest }
  | { readonly type: 'authRoleGet'; readonly request: AuthRoleGetRequest }
  | { readonly type: 'authRoleGrantPermission'; readonly request: AuthRoleGrantPermissionRequest }
  | { readonly type: 'authRoleRevokePermission'; readonly request: AuthRoleRevokePermissionRequest }
  | { readonly type: 'clusterVersionSet'; readonly request: ClusterVersionSetRequest }
  | { readonly type: 'clusterMemberAttrSet'; readonly request: ClusterMemberAttrSetRequest }
  | { readonly type: 'downgradeInfoSet'; readonly request: DowngradeInfoSetRequest }
  | { readonly type: 'downgradeVersionTest'; readonly request: DowngradeVersionTestRequest };

export interface InternalRaftRequest {
  /** Deprecated place of the id, used by 3.0; 0n where the header has it. */
  readonly id: bigint;
  readonly header: RequestHeader | null;
  readonly body: InternalBody;
}

/** The id that the proposer waits for: the header's, or the old place's. */
export function requestIdOf(request: InternalRaftRequest): bigint {
  return request.header !== null && request.header.id !== 0n ? request.header.id : request.id;
}

/** Whom a request is made for, when authentication is on. */
export interface Requester {
  readonly username: string;
  readonly authRevision: number;
}

/**
 * Encodes an InternalRaftRequest around an already encoded body: fields in number order, so the header (100) follows bodies 2–11
 * and precedes those from 1000 on. One allocation.
 */
export function encodeInternalRequest(
  id: bigint,
  field: number,
  rawRequest: Uint8Array,
  requester?: Requester,
): Buffer {
  let headerSize = 1 + sizeVarint64(id);
  let username: Buffer | null = null;
  let authRevision = 0;
  if (requester !== undefined) {
    username = Buffer.from(requester.username);
    authRevision = requester.authRevision;
    if (username.length > 0) headerSize += 1 + sizeDelimited(username.length);
    if (authRevision > 0) headerSize += 1 + sizeVarint(authRevision);
  }
  const bodyTag = field * 8 + 2;
  const writer = Writer.sized(2 + sizeDelimited(headerSize) + sizeVarint(bodyTag) + sizeDelimited(rawRequest.length));
  if (field < headerNumber) {
    writer.varint(bodyTag);
    writer.delimited(rawRequest);
  }
  writer.byte(0xa2); // field 100, length-delimited
  writer.byte(0x06);
  writer.varint(headerSize);
  writer.byte(0x08);
  writer.varint64(id);
  if (username !== null && username.length > 0) {
    writer.byte(0x12);
    writer.delimited(username);
  }
  if (authRevision > 0) {
    writer.byte(0x18);
    writer.varint(authRevision);
  }
  if (field > headerNumber) {
    writer.varint(bodyTag);
    writer.delimited(rawRequest);
  }
  return writer.bytes;
}

/** Bytes of the InternalRaftRequest that `encodeInternalRequest` would make, without a requester: etcd's size limit counts these. */
export function sizeInternalRequest(id: bigint, field: number, rawLength: number): number {
  return 3 + 1 + sizeVarint64(id) + sizeVarint(field * 8 + 2) + sizeDelimited(rawLength);
}

/** Decodes the data of a normal entry, strictly as Go: throws ProtoError where Go's decoder fails (then it is a bare v2 Request). */
export function decodeInternalRequest(data: Uint8Array): InternalRaftRequest {
  const reader = new Reader(data);
  let id = 0n;
  let header: RequestHeader | null = null;
  let body: InternalBody = { type: 'none' };
  while (reader.more()) {
    const tag = nextTag(reader, 'InternalRaftRequest');
    if (tag === 0x22) body = { type: 'put', request: readPutRequest(reader.message()) };
    else if (tag === headerNumber * 8 + 2) header = readHeader(reader.message());
    else if (tag === 0x08) id = reader.uint64();
    else if (tag % 8 === 2) body = readBody(reader, tag) ?? body;
    else unexpectedField(reader, tag, 'InternalRaftRequest', fieldNames);
  }
  return { id, header, body };
}

const headerFields = { 1: 'ID', 2: 'Username', 3: 'AuthRevision' };

/** By hand, because every entry has one. */
function readHeader(reader: Reader): RequestHeader {
  let id = 0n;
  let username = '';
  let authRevision = 0;
  while (reader.more()) {
    const tag = nextTag(reader, 'RequestHeader');
    if (tag === 0x08) id = reader.uint64();
    else if (tag === 0x12) username = reader.string();
    else if (tag === 0x18) authRevision = reader.varint53();
    else unexpectedField(reader, tag, 'RequestHeader', headerFields);
  }
  return { id, username, authRevision };
}

/** Reads a length-delimited field; null if this version does not know it. */
function readBody(reader: Reader, tag: number): InternalBody | null {
  // The cast lets the switch name the known numbers; any other takes the default branch.
  switch (((tag - 2) / 8) as InternalField) {
    case internalField.v2:
      return { type: 'v2', request: v2Request.decodeFrom(reader.message()) };
    case internalField.range:
      return { type: 'range', request: readRangeRequest(reader.message()) };
    case internalField.put:
      return { type: 'put', request: readPutRequest(reader.message()) };
    case internalField.deleteRange:
      return { type: 'deleteRange', request: readDeleteRangeRequest(reader.message()) };
    case internalField.txn:
      return { type: 'txn', request: readTxnRequest(reader.message()) };
    case internalField.compaction:
      return { type: 'compaction', request: readCompactionRequest(reader.message()) };
    case internalField.leaseGrant:
      return { type: 'leaseGrant', request: leaseGrantRequest.decodeFrom(reader.message()) };
    case internalField.leaseRevoke:
      return { type: 'leaseRevoke', request: leaseRevokeRequest.decodeFrom(reader.message()) };
    case internalField.alarm:
      return { type: 'alarm', request: alarmRequest.decodeFrom(reader.message()) };
    case internalField.leaseCheckpoint:
      return { type: 'leaseCheckpoint', request: leaseCheckpointRequest.decodeFrom(reader.message()) };
    case internalField.authEnable:
      authEnableRequest.decodeFrom(reader.message());
      return { type: 'authEnable' };
    case internalField.authDisable:
      authDisableRequest.decodeFrom(reader.message());
      return { type: 'authDisable' };
    case internalField.authStatus:
      authStatusRequest.decodeFrom(reader.message());
      return { type: 'authStatus' };
    case internalField.authenticate:
      return { type: 'authenticate', request: internalAuthenticateRequest.decodeFrom(reader.message()) };
    case internalField.authUserAdd:
      return { type: 'authUserAdd', request: authUserAddRequest.decodeFrom(reader.message()) };
    case internalField.authUserDelete:
      return { type: 'authUserDelete', request: authUserDeleteRequest.decodeFrom(reader.message()) };
    case internalField.authUserGet:
      return { type: 'authUserGet', request: authUserGetRequest.decodeFrom(reader.message()) };
    case internalField.authUserChangePassword:
      return { type: 'authUserChangePassword', request: authUserChangePasswordRequest.decodeFrom(reader.message()) };
    case internalField.authUserGrantRole:
      return { type: 'authUserGrantRole', request: authUserGrantRoleRequest.decodeFrom(reader.message()) };
    case internalField.authUserRevokeRole:
      return { type: 'authUserRevokeRole', request: authUserRevokeRoleRequest.decodeFrom(reader.message()) };
    case internalField.authUserList:
      authUserListRequest.decodeFrom(reader.message());
      return { type: 'authUserList' };
    case internalField.authRoleList:
      authRoleListRequest.decodeFrom(reader.message());
      return { type: 'authRoleList' };
    case internalField.authRoleAdd:
      return { type: 'authRoleAdd', request: authRoleAddRequest.decodeFrom(reader.message()) };
    case internalField.authRoleDelete:
      return { type: 'authRoleDelete', request: authRoleDeleteRequest.decodeFrom(reader.message()) };
    case internalField.authRoleGet:
      return { type: 'authRoleGet', request: authRoleGetRequest.decodeFrom(reader.message()) };
    case internalField.authRoleGrantPermission:
      return { type: 'authRoleGrantPermission', request: authRoleGrantPermissionRequest.decodeFrom(reader.message()) };
    case internalField.authRoleRevokePermission:
      return {
        type: 'authRoleRevokePermission',
        request: authRoleRevokePermissionRequest.decodeFrom(reader.message()),
      };
    case internalField.clusterVersionSet:
      return { type: 'clusterVersionSet', request: clusterVersionSetRequest.decodeFrom(reader.message()) };
    case internalField.clusterMemberAttrSet:
      return { type: 'clusterMemberAttrSet', request: clusterMemberAttrSetRequest.decodeFrom(reader.message()) };
    case internalField.downgradeInfoSet:
      return { type: 'downgradeInfoSet', request: downgradeInfoSetRequest.decodeFrom(reader.message()) };
    case internalField.downgradeVersionTest:
      return { type: 'downgradeVersionTest', request: downgradeVersionTestRequest.decodeFrom(reader.message()) };
    default:
      unexpectedField(reader, tag, 'InternalRaftRequest', fieldNames);
      return null;
  }
}

const fieldNames: { readonly [number: number]: string } = {
  1: 'ID',
  [headerNumber]: 'Header',
  ...Object.fromEntries(
    Object.entries(internalField).map(([name, number]) => [number, name.slice(0, 1).toUpperCase() + name.slice(1)]),
  ),
};

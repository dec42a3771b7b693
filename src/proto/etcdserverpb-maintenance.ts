/** The Maintenance service's messages. */
import { headerField } from './etcdserverpb-header.ts';
import {
  bool,
  bytes,
  enumeration,
  int53,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  single,
  string,
  uint32,
  uint53,
  uint64,
} from './table.ts';

export const alarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;
export const alarmAction = { get: 0, activate: 1, deactivate: 2 } as const;

export const alarmRequest = message('AlarmRequest', {
  action: single(1, 'action', enumeration),
  /** Free text as far as etcd is concerned: not checked against the members. */
  memberId: single(2, 'memberID', uint64),
  alarm: single(3, 'alarm', enumeration),
});
export type AlarmRequest = MessageOf<typeof alarmRequest>;

export const alarmMember = message('AlarmMember', {
  memberId: single(1, 'memberID', uint64),
  alarm: single(2, 'alarm', enumeration),
});
export type AlarmMember = MessageOf<typeof alarmMember>;

export const alarmResponse = message('AlarmResponse', {
  header: headerField,
  alarms: repeated(2, 'alarms', nested(alarmMember)),
});
export type AlarmResponse = MessageOf<typeof alarmResponse>;

export const statusRequest = message('StatusRequest', {});

export const downgradeInfo = message('DowngradeInfo', {
  enabled: single(1, 'enabled', bool),
  targetVersion: single(2, 'targetVersion', string),
});
export type DowngradeInfo = MessageOf<typeof downgradeInfo>;

export const statusResponse = message('StatusResponse', {
  header: headerField,
  version: single(2, 'version', string),
  dbSize: single(3, 'dbSize', int53),
  leader: single(4, 'leader', uint64),
  raftIndex: single(5, 'raftIndex', uint53),
  raftTerm: single(6, 'raftTerm', uint53),
  raftAppliedIndex: single(7, 'raftAppliedIndex', uint53),
  errors: repeated(8, 'errors', string),
  dbSizeInUse: single(9, 'dbSizeInUse', int53),
  isLearner: single(10, 'isLearner', bool),
  storageVersion: single(11, 'storageVersion', string),
  dbSizeQuota: single(12, 'dbSizeQuota', int53),
  downgradeInfo: optional(13, 'downgradeInfo', nested(downgradeInfo)),
});
export type StatusResponse = MessageOf<typeof statusResponse>;

export const hashRequest = message('HashRequest', {});

export const hashResponse = message('HashResponse', { header: headerField, hash: single(2, 'hash', uint32) });
export type HashResponse = MessageOf<typeof hashResponse>;

export const hashKvRequest = message('HashKVRequest', { revision: single(1, 'revision', int53) });
export type HashKvRequest = MessageOf<typeof hashKvRequest>;

export const hashKvResponse = message('HashKVResponse', {
  header: headerField,
  hash: single(2, 'hash', uint32),
  /** -1 until the first compaction. */
  compactRevision: single(3, 'compact_revision', int53),
  hashRevision: single(4, 'hash_revision', int53),
});
export type HashKvResponse = MessageOf<typeof hashKvResponse>;

export const defragmentRequest = message('DefragmentRequest', {});
export const defragmentResponse = message('DefragmentResponse', { header: headerField });
export type DefragmentResponse = MessageOf<typeof defragmentResponse>;

export const snapshotRequest = message('SnapshotRequest', {});
export const snapshotResponse = message('SnapshotResponse', {
  header: headerField,
  remainingBytes: single(2, 'remaining_bytes', uint53),
  blob: single(3, 'blob', bytes),
  version: single(4, 'version', string),
});
export type SnapshotResponse = MessageOf<typeof snapshotResponse>;

export const moveLeaderRequest = message('MoveLeaderRequest', { targetId: single(1, 'targetID', uint64) });
export type MoveLeaderRequest = MessageOf<typeof moveLeaderRequest>;
export const moveLeaderResponse = message('MoveLeaderResponse', { header: headerField });
export type MoveLeaderResponse = MessageOf<typeof moveLeaderResponse>;

export const downgradeAction = { validate: 0, enable: 1, cancel: 2 } as const;

export const downgradeRequest = message('DowngradeRequest', {
  action: single(1, 'action', enumeration),
  version: single(2, 'version', string),
});
export type DowngradeRequest = MessageOf<typeof downgradeRequest>;
export const downgradeResponse = message('DowngradeResponse', {
  header: headerField,
  version: single(2, 'version', string),
});
export type DowngradeResponse = MessageOf<typeof downgradeResponse>;

/** The body of entry field 9900, which only etcd's own downgrade tests propose. */
export const downgradeVersionTestRequest = message('DowngradeVersionTestRequest', { ver: single(1, 'ver', string) });
export type DowngradeVersionTestRequest = MessageOf<typeof downgradeVersionTestRequest>;

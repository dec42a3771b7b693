/** The Lease service's messages. Lease ids are signed 64-bit, times to live are seconds. */
import { headerField } from './etcdserverpb-header.ts';
import {
  bool,
  bytes,
  int53,
  int64,
  type MessageOf,
  message,
  nested,
  optional,
  repeated,
  single,
  string,
} from './table.ts';

export const leaseGrantRequest = message('LeaseGrantRequest', {
  ttl: single(1, 'TTL', int53),
  /** 0n: the server chooses. */
  id: single(2, 'ID', int64),
});
export type LeaseGrantRequest = MessageOf<typeof leaseGrantRequest>;

export const leaseGrantResponse = message('LeaseGrantResponse', {
  header: headerField,
  id: single(2, 'ID', int64),
  ttl: single(3, 'TTL', int53),
  error: single(4, 'error', string),
});
export type LeaseGrantResponse = MessageOf<typeof leaseGrantResponse>;

export const leaseRevokeRequest = message('LeaseRevokeRequest', { id: single(1, 'ID', int64) });
export type LeaseRevokeRequest = MessageOf<typeof leaseRevokeRequest>;
export const leaseRevokeResponse = message('LeaseRevokeResponse', { header: headerField });
export type LeaseRevokeResponse = MessageOf<typeof leaseRevokeResponse>;

export const leaseCheckpoint = message('LeaseCheckpoint', {
  id: single(1, 'ID', int64),
  remainingTtl: single(2, 'remaining_TTL', int53),
});
export const leaseCheckpointRequest = message('LeaseCheckpointRequest', {
  checkpoints: repeated(1, 'checkpoints', nested(leaseCheckpoint)),
});
export type LeaseCheckpointRequest = MessageOf<typeof leaseCheckpointRequest>;

export const leaseKeepAliveRequest = message('LeaseKeepAliveRequest', { id: single(1, 'ID', int64) });
export type LeaseKeepAliveRequest = MessageOf<typeof leaseKeepAliveRequest>;
export const leaseKeepAliveResponse = message('LeaseKeepAliveResponse', {
  header: headerField,
  id: single(2, 'ID', int64),
  ttl: single(3, 'TTL', int53),
});
export type LeaseKeepAliveResponse = MessageOf<typeof leaseKeepAliveResponse>;

export const leaseTimeToLiveRequest = message('LeaseTimeToLiveRequest', {
  id: single(1, 'ID', int64),
  keys: single(2, 'keys', bool),
});
export type LeaseTimeToLiveRequest = MessageOf<typeof leaseTimeToLiveRequest>;
export const leaseTimeToLiveResponse = message('LeaseTimeToLiveResponse', {
  header: headerField,
  id: single(2, 'ID', int64),
  ttl: single(3, 'TTL', int53),
  grantedTtl: single(4, 'grantedTTL', int53),
  keys: repeated(5, 'keys', bytes),
});
export type LeaseTimeToLiveResponse = MessageOf<typeof leaseTimeToLiveResponse>;

/** What members ask the leader (leasepb): how long a lease has left. */
export const leaseInternalRequest = message('LeaseInternalRequest', {
  request: optional(1, 'LeaseTimeToLiveRequest', nested(leaseTimeToLiveRequest)),
});
export const leaseInternalResponse = message('LeaseInternalResponse', {
  response: optional(1, 'LeaseTimeToLiveResponse', nested(leaseTimeToLiveResponse)),
});

export const leaseLeasesRequest = message('LeaseLeasesRequest', {});
export const leaseStatus = message('LeaseStatus', { id: single(1, 'ID', int64) });
export const leaseLeasesResponse = message('LeaseLeasesResponse', {
  header: headerField,
  leases: repeated(2, 'leases', nested(leaseStatus)),
});
export type LeaseLeasesResponse = MessageOf<typeof leaseLeasesResponse>;

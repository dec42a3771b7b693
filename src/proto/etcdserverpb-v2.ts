/**
 * The proto2 messages of etcdserver.proto: the bare Request that 3.4 and 3.5 write for attributes and cluster versions, and the
 * Metadata that opens a WAL. Every field but PrevExist and Refresh is non-nullable in gogo and therefore always written.
 */
import { bool, int53, type MessageOf, message, optional, required, string, uint53, uint64 } from './table.ts';

export const v2Request = message('Request', {
  id: required(1, 'ID', uint64),
  method: required(2, 'Method', string),
  path: required(3, 'Path', string),
  val: required(4, 'Val', string),
  dir: required(5, 'Dir', bool),
  prevValue: required(6, 'PrevValue', string),
  prevIndex: required(7, 'PrevIndex', uint53),
  prevExist: optional(8, 'PrevExist', bool),
  expiration: required(9, 'Expiration', int53),
  wait: required(10, 'Wait', bool),
  since: required(11, 'Since', uint53),
  recursive: required(12, 'Recursive', bool),
  sorted: required(13, 'Sorted', bool),
  quorum: required(14, 'Quorum', bool),
  time: required(15, 'Time', int53),
  stream: required(16, 'Stream', bool),
  refresh: optional(17, 'Refresh', bool),
});
export type V2Request = MessageOf<typeof v2Request>;

/** The metadata record of a WAL: whose log it is. */
export const walMetadata = message('Metadata', {
  nodeId: required(1, 'NodeID', uint64),
  clusterId: required(2, 'ClusterID', uint64),
});
export type WalMetadata = MessageOf<typeof walMetadata>;

/** membershippb: how the log carries cluster versions and members' attributes since 3.5. */
import { bool, type MessageOf, message, nested, optional, repeated, single, string, uint64 } from './table.ts';

export const raftAttributes = message('RaftAttributes', {
  peerUrls: repeated(1, 'peer_urls', string),
  isLearner: single(2, 'is_learner', bool),
});
export type RaftAttributes = MessageOf<typeof raftAttributes>;

export const attributes = message('Attributes', {
  name: single(1, 'name', string),
  clientUrls: repeated(2, 'client_urls', string),
});
export type Attributes = MessageOf<typeof attributes>;

export const clusterVersionSetRequest = message('ClusterVersionSetRequest', { ver: single(1, 'ver', string) });
export type ClusterVersionSetRequest = MessageOf<typeof clusterVersionSetRequest>;

export const clusterMemberAttrSetRequest = message('ClusterMemberAttrSetRequest', {
  memberId: single(1, 'member_ID', uint64),
  memberAttributes: optional(2, 'member_attributes', nested(attributes)),
});
export type ClusterMemberAttrSetRequest = MessageOf<typeof clusterMemberAttrSetRequest>;

export const downgradeInfoSetRequest = message('DowngradeInfoSetRequest', {
  enabled: single(1, 'enabled', bool),
  ver: single(2, 'ver', string),
});
export type DowngradeInfoSetRequest = MessageOf<typeof downgradeInfoSetRequest>;

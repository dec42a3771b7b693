/** The Cluster service's messages. */
import { headerField } from './etcdserverpb-header.ts';
import { bool, type MessageOf, message, nested, optional, repeated, single, string, uint64 } from './table.ts';

export const memberMessage = message('Member', {
  id: single(1, 'ID', uint64),
  name: single(2, 'name', string),
  peerUrls: repeated(3, 'peerURLs', string),
  clientUrls: repeated(4, 'clientURLs', string),
  isLearner: single(5, 'isLearner', bool),
});
export type Member = MessageOf<typeof memberMessage>;

const members = repeated(2, 'members', nested(memberMessage));

export const memberAddRequest = message('MemberAddRequest', {
  peerUrls: repeated(1, 'peerURLs', string),
  isLearner: single(2, 'isLearner', bool),
});
export type MemberAddRequest = MessageOf<typeof memberAddRequest>;

export const memberAddResponse = message('MemberAddResponse', {
  header: headerField,
  member: optional(2, 'member', nested(memberMessage)),
  members: repeated(3, 'members', nested(memberMessage)),
});
export type MemberAddResponse = MessageOf<typeof memberAddResponse>;

export const memberRemoveRequest = message('MemberRemoveRequest', { id: single(1, 'ID', uint64) });
export type MemberRemoveRequest = MessageOf<typeof memberRemoveRequest>;

export const memberRemoveResponse = message('MemberRemoveResponse', { header: headerField, members });
export type MemberRemoveResponse = MessageOf<typeof memberRemoveResponse>;

export const memberUpdateRequest = message('MemberUpdateRequest', {
  id: single(1, 'ID', uint64),
  peerUrls: repeated(2, 'peerURLs', string),
});
export type MemberUpdateRequest = MessageOf<typeof memberUpdateRequest>;

export const memberUpdateResponse = message('MemberUpdateResponse', { header: headerField, members });
export type MemberUpdateResponse = MessageOf<typeof memberUpdateResponse>;

export const memberListRequest = message('MemberListRequest', { linearizable: single(1, 'linearizable', bool) });
export type MemberListRequest = MessageOf<typeof memberListRequest>;

export const memberListResponse = message('MemberListResponse', { header: headerField, members });
export type MemberListResponse = MessageOf<typeof memberListResponse>;

export const memberPromoteRequest = message('MemberPromoteRequest', { id: single(1, 'ID', uint64) });
export type MemberPromoteRequest = MessageOf<typeof memberPromoteRequest>;

export const memberPromoteResponse = message('MemberPromoteResponse', { header: headerField, members });
export type MemberPromoteResponse = MessageOf<typeof memberPromoteResponse>;

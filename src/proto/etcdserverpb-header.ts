/** The table of ResponseHeader, for the responses that the table-driven codec writes. */
import type { ResponseHeader } from './etcdserverpb-kv.ts';
import { int53, message, nested, optional, single, uint53, uint64 } from './table.ts';

export const responseHeader = message<ResponseHeader>('ResponseHeader', {
  clusterId: single(1, 'cluster_id', uint64),
  memberId: single(2, 'member_id', uint64),
  revision: single(3, 'revision', int53),
  raftTerm: single(4, 'raft_term', uint53),
});

/** Field 1 of every response. */
export const headerField = optional(1, 'header', nested(responseHeader));

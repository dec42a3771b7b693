/** The headers of responses: this member's ids and the current term, beside the revision that each answer brings. */
import type { ResponseHeader } from '../../../proto/etcdserverpb-kv.ts';
import { encodeHeaderIds, type HeaderOrigin } from '../../../proto/etcdserverpb-kv-responses.ts';
import type { MemberApi } from '../../member/api.ts';

export class Headers {
  private readonly member: MemberApi;
  private last: HeaderOrigin;

  constructor(member: MemberApi) {
    this.member = member;
    this.last = { ids: encodeHeaderIds(member.clusterId, member.memberId), raftTerm: member.raftTerm() };
  }

  /** For the KV encoders, whose responses bring their revision. The same object until the term changes. */
  origin(): HeaderOrigin {
    const raftTerm = this.member.raftTerm();
    if (raftTerm !== this.last.raftTerm) this.last = { ids: this.last.ids, raftTerm };
    return this.last;
  }

  /** For all other responses. Revision 0 is not written: the Cluster service answers without one. */
  header(revision: number): ResponseHeader {
    const { clusterId, memberId } = this.member;
    return { clusterId, memberId, revision, raftTerm: this.member.raftTerm() };
  }
}

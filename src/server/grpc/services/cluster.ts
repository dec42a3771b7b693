/** etcdserverpb.Cluster: who the members are, and changing that. Headers of this service carry no revision. */
import type { Result } from '../../../base/result.ts';
import {
  memberAddRequest,
  memberAddResponse,
  memberListRequest,
  memberListResponse,
  memberPromoteRequest,
  memberPromoteResponse,
  memberRemoveRequest,
  memberRemoveResponse,
  memberUpdateRequest,
  memberUpdateResponse,
} from '../../../proto/etcdserverpb-cluster.ts';
import { parsePeerUrls } from '../../cluster/peer-urls.ts';
import type { ClusterMember, MemberApi } from '../../member/api.ts';
import { type RpcError, rpcErrors } from '../status.ts';
import type { UnaryCall } from '../unary-call.ts';
import { Admission } from './admission.ts';
import { Headers } from './headers.ts';
import type { MethodRegistry } from './registry.ts';
import { unary } from './unary.ts';

export function registerCluster(server: MethodRegistry, member: MemberApi, admission = new Admission(member)): void {
  const headers = new Headers(member);
  const answerList = (call: UnaryCall): void => {
    call.respond(memberListResponse.encode({ header: headers.header(0), members: member.members() }));
  };
  server.addUnary(
    '/etcdserverpb.Cluster/MemberList',
    unary(admission, {
      decode: memberListRequest.decode,
      answer: (request, call) => {
        if (!request.linearizable) {
          answerList(call);
          return;
        }
        member.linearizableRead((error) => {
          if (error === null) answerList(call);
          else call.fail(error);
        });
      },
    }),
  );
  const answerMembers = (
    call: UnaryCall,
    change: Promise<Result<readonly ClusterMember[], RpcError>>,
    response: { encode(message: { header: ReturnType<Headers['header']>; members: ClusterMember[] }): Uint8Array },
  ): void => {
    void change.then((outcome) => {
      if (outcome.ok) call.respond(response.encode({ header: headers.header(0), members: [...outcome.value] }));
      else call.fail(outcome.error);
    });
  };
  server.addUnary(
    '/etcdserverpb.Cluster/MemberAdd',
    unary(admission, {
      decode: memberAddRequest.decode,
      answer: ({ peerUrls, isLearner }, call) => {
        const urls = parsePeerUrls(peerUrls);
        if (!urls.ok) {
          call.fail(rpcErrors.memberBadUrls);
          return;
        }
        void member.addMember(urls.value, isLearner).then((outcome) => {
          if (outcome.ok) call.respond(memberAddResponse.encode({ header: headers.header(0), ...outcome.value }));
          else call.fail(outcome.error);
        });
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Cluster/MemberRemove',
    unary(admission, {
      decode: memberRemoveRequest.decode,
      answer: ({ id }, call) => answerMembers(call, member.removeMember(id), memberRemoveResponse),
    }),
  );
  server.addUnary(
    '/etcdserverpb.Cluster/MemberUpdate',
    unary(admission, {
      decode: memberUpdateRequest.decode,
      answer: ({ id, peerUrls }, call) => {
        if (parsePeerUrls(peerUrls).ok) answerMembers(call, member.updateMember(id, peerUrls), memberUpdateResponse);
        else call.fail(rpcErrors.memberBadUrls);
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Cluster/MemberPromote',
    unary(admission, {
      decode: memberPromoteRequest.decode,
      answer: ({ id }, call) => answerMembers(call, member.promoteMember(id), memberPromoteResponse),
    }),
  );
}

/** etcdserverpb.Cluster: who the members are. Changing them comes with reconfiguration. */
import { memberListRequest, memberListResponse } from '../../../proto/etcdserverpb-cluster.ts';
import type { MemberApi } from '../../member/api.ts';
import type { UnaryCall } from '../unary-call.ts';
import { Admission } from './admission.ts';
import { Headers } from './headers.ts';
import type { MethodRegistry } from './registry.ts';
import { unary } from './unary.ts';

export function registerCluster(server: MethodRegistry, member: MemberApi, admission = new Admission(member)): void {
  const headers = new Headers(member);
  const answerList = (call: UnaryCall): void => {
    // Headers of this service carry no revision.
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
}

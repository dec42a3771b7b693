/** Maintenance.MoveLeader of any etcd, over gRPC. */
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { moveLeaderRequest } from '../proto/etcdserverpb-maintenance.ts';
import { UnaryConnection } from './unary-call.ts';

/** Asks the leader to hand leadership to a member (an id in hex). Resolves when it has; the error is the etcd's. */
export async function moveLeader(leader: MemberEndpoint, to: string, timeoutMs: number): Promise<Result<void, string>> {
  const connection = new UnaryConnection(leader);
  const request = moveLeaderRequest.encode({ targetId: BigInt(`0x${to}`) });
  const answer = await connection.call('/etcdserverpb.Maintenance/MoveLeader', request, timeoutMs);
  connection.close();
  return answer.ok ? ok(undefined) : err(answer.error);
}

/** Requests that a member makes of its own accord, through the log as those of its clients: alarms, and compactions that are due. */
import { encodeCompactionRequest } from '../../proto/etcdserverpb-kv-requests.ts';
import { alarmAction, alarmRequest } from '../../proto/etcdserverpb-maintenance.ts';
import { internalField } from '../../proto/raft-internal.ts';
import { rpcErrors } from '../grpc/status.ts';
import type { MemberApi } from './api.ts';

type Proposing = Pick<MemberApi, 'propose'>;

/** Raises an alarm for a member; 0n: for nobody knows whom. Calls back when it is applied, or cannot be. */
export function raiseAlarm(member: Proposing, alarm: number, memberId: bigint, done: () => void): void {
  const raise = { action: alarmAction.activate, memberId, alarm };
  member.propose(internalField.alarm, alarmRequest.encode(raise), () => done());
}

/** Compacts to a revision; resolves to why it could not be. That it is compacted further already is no error. */
export function compactTo(member: Proposing, revision: number): Promise<string | null> {
  const request = encodeCompactionRequest({ revision, physical: false });
  return new Promise((done) =>
    member.propose(internalField.compaction, request, (outcome) =>
      done(outcome.ok || outcome.error === rpcErrors.compacted ? null : outcome.error.message),
    ),
  );
}

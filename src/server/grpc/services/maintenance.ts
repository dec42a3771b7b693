/** etcdserverpb.Maintenance: what this member knows of itself, its checksums, and the cluster's alarms. */
import { invariant } from '../../../base/assert.ts';
import { err, type Result } from '../../../base/result.ts';
import {
  alarmAction,
  alarmMember,
  alarmRequest,
  alarmResponse,
  alarmType,
  defragmentRequest,
  defragmentResponse,
  downgradeAction,
  downgradeRequest,
  downgradeResponse,
  hashKvRequest,
  hashKvResponse,
  hashRequest,
  hashResponse,
  moveLeaderRequest,
  moveLeaderResponse,
  type StatusResponse,
  statusRequest,
  statusResponse,
} from '../../../proto/etcdserverpb-maintenance.ts';
import { internalField } from '../../../proto/raft-internal.ts';
import type { AlarmEntry } from '../../apply/response.ts';
import type { MemberApi } from '../../member/api.ts';
import { type RpcError, rpcErrors, statusCode } from '../status.ts';
import { Admission } from './admission.ts';
import { Headers } from './headers.ts';
import type { MethodRegistry } from './registry.ts';
import { type SnapshotEvents, snapshotStream } from './snapshot-stream.ts';
import { unary } from './unary.ts';

/** What an operator may want to know of. */
export interface MaintenanceEvents extends SnapshotEvents {
  defragmenting(): void;
  /** Also when it failed. */
  defragmented(): void;
}

const unheard: MaintenanceEvents = {
  defragmenting: () => {},
  defragmented: () => {},
  sendingSnapshot: () => {},
  sentSnapshot: () => {},
};

/** `serverVersion` is the etcd version that this member speaks, "3.6.5". */
export function registerMaintenance(
  server: MethodRegistry,
  member: MemberApi,
  serverVersion: string,
  admission = new Admission(member),
  events = unheard,
): void {
  const headers = new Headers(member);
  server.addUnary(
    '/etcdserverpb.Maintenance/Status',
    unary(admission, {
      decode: statusRequest.decode,
      learnerMayAnswer: () => true,
      answer: (_request, call) => {
        const header = headers.header(member.store.revision);
        call.respond(statusResponse.encode({ header, ...statusOf(member, serverVersion) }));
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Maintenance/Hash',
    unary(admission, {
      decode: hashRequest.decode,
      answer: (_request, call) =>
        member.hash((outcome) => {
          if (!outcome.ok) call.fail(outcome.error);
          else {
            const { hash, revision } = outcome.value;
            call.respond(hashResponse.encode({ header: headers.header(revision), hash }));
          }
        }),
    }),
  );
  server.addUnary(
    '/etcdserverpb.Maintenance/HashKV',
    unary(admission, {
      decode: hashKvRequest.decode,
      answer: (request, call) =>
        member.hashKv(request.revision, (outcome) => {
          if (!outcome.ok) call.fail(outcome.error);
          else {
            const { currentRevision, ...hashed } = outcome.value;
            call.respond(hashKvResponse.encode({ header: headers.header(currentRevision), ...hashed }));
          }
        }),
    }),
  );
  server.addStream('/etcdserverpb.Maintenance/Snapshot', snapshotStream(member, admission, events));
  server.addUnary(
    '/etcdserverpb.Maintenance/Defragment',
    unary(admission, {
      decode: defragmentRequest.decode,
      answer: (_request, call) => {
        events.defragmenting();
        void member.defragment().then((outcome) => {
          events.defragmented();
          if (outcome.ok) call.respond(defragmentResponse.encode({ header: null }));
          else call.fail(outcome.error);
        });
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Maintenance/MoveLeader',
    unary(admission, {
      decode: moveLeaderRequest.decode,
      answer: ({ targetId }, call) => {
        void member.moveLeader(targetId).then((outcome) => {
          if (outcome.ok) call.respond(moveLeaderResponse.encode({ header: null }));
          else call.fail(outcome.error);
        });
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Maintenance/Downgrade',
    unary(admission, {
      decode: downgradeRequest.decode,
      answer: ({ action, version }, call) => {
        void changeDowngrade(member, action, version).then((outcome) => {
          if (outcome.ok) {
            const header = headers.header(member.store.revision);
            call.respond(downgradeResponse.encode({ header, version: outcome.value }));
          } else call.fail(outcome.error);
        });
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Maintenance/Alarm',
    unary(admission, {
      decode: alarmRequest.decode,
      answer: (request, call, raw) => {
        // Checked before it reaches the log: an unknown action ends the process of real members that apply it.
        if (request.action < alarmAction.get || request.action > alarmAction.deactivate) {
          call.fail({
            code: statusCode.invalidArgument,
            message: `etcdserver: unknown alarm action ${request.action}`,
          });
          return;
        }
        member.propose(internalField.alarm, raw, (outcome) => {
          if (!outcome.ok) {
            call.fail(outcome.error);
            return;
          }
          const applied = outcome.value;
          invariant(applied.type === 'alarm', `an alarm request is not answered with ${applied.type}`);
          const header = headers.header(member.store.revision);
          call.respond(alarmResponse.encode({ header, alarms: applied.alarms }));
        });
      },
    }),
  );
}

async function changeDowngrade(member: MemberApi, action: number, version: string): Promise<Result<string, RpcError>> {
  switch (action) {
    case downgradeAction.validate:
      return member.validateDowngrade(version);
    case downgradeAction.enable:
      return member.enableDowngrade(version);
    case downgradeAction.cancel:
      return member.cancelDowngrade();
    default:
      return err(rpcErrors.unknownMethod);
  }
}

function statusOf(member: MemberApi, version: string): Omit<StatusResponse, 'header'> {
  const leader = member.leaderId();
  const size = member.databaseSize();
  return {
    version,
    dbSize: size.total,
    leader,
    raftIndex: member.committedIndex(),
    raftTerm: member.raftTerm(),
    raftAppliedIndex: member.appliedIndex(),
    errors: [...(leader === 0n ? [rpcErrors.noLeader.message] : []), ...member.alarms().map(alarmText)],
    dbSizeInUse: size.inUse,
    isLearner: member.isLearner(),
    storageVersion: member.storageVersion(),
    dbSizeQuota: size.quota,
    downgradeInfo: member.downgrade(),
  };
}

const alarmNames = new Map<number, string>([
  [alarmType.noSpace, 'NOSPACE'],
  [alarmType.corrupt, 'CORRUPT'],
]);

/** An alarm in gogo's compact text form, trailing space included: clients show it as it is. */
function alarmText(alarm: AlarmEntry): string {
  const fields: string[] = [];
  if (alarm.memberId !== 0n) fields.push(`${alarmMember.fields.memberId.name}:${alarm.memberId} `);
  if (alarm.alarm !== 0) fields.push(`alarm:${alarmNames.get(alarm.alarm) ?? alarm.alarm} `);
  return fields.join('');
}

/** A member's state that entries are applied to, over a database in memory, without Raft: who votes follows from the conf changes. */
import { ok, type Result } from '../../src/base/result.ts';
import { alarmAction, alarmRequest } from '../../src/proto/etcdserverpb-maintenance.ts';
import { encodeInternalRequest } from '../../src/proto/raft-internal.ts';
import {
  type ConfChange,
  type ConfChangeType,
  confChangeType,
  type Entry,
  emptyConfState,
  encodeConfChange,
  entryType,
} from '../../src/proto/raftpb.ts';
import { Applier } from '../../src/server/apply/applier.ts';
import type { ApplyResponse } from '../../src/server/apply/response.ts';
import { memberJson } from '../../src/server/cluster/member.ts';
import type { FeatureGate } from '../../src/server/config/feature-gates.ts';
import type { RpcError } from '../../src/server/grpc/status.ts';
import { MemberState } from '../../src/server/member/state.ts';
import type { Backend } from '../../src/server/storage/backend/backend.ts';

export const stateConfig = {
  maxLearners: 1,
  quotaBackendBytes: 0,
  compactionBatchLimit: 5,
  electionTimeoutMs: 1000,
  heartbeatIntervalMs: 100,
  featureGates: new Map<FeatureGate, boolean>(),
};

const clusterId = 5651537195376832483n;
const localId = 12087160956821666428n;
const term = 3;

/** An entry of a request; its index is given when it is applied. */
export function request(field: number, raw: Uint8Array): Entry {
  return { type: entryType.normal, term, index: 0, data: encodeInternalRequest(1n, field, raw) };
}

export function alarm(action: keyof typeof alarmAction, memberId: bigint, kind: number): Uint8Array {
  return alarmRequest.encode({ action: alarmAction[action], memberId, alarm: kind });
}

export function confChange(type: ConfChangeType, id: bigint): Entry {
  const member = { id, name: '', peerUrls: [`http://${id}`], clientUrls: [], isLearner: false };
  const context = type === confChangeType.removeNode ? null : Buffer.from(memberJson(member));
  return { type: entryType.confChange, term, index: 0, data: encodeConfChange({ id: 0n, type, nodeId: id, context }) };
}

export class AppliedState {
  readonly state: MemberState;
  /** The outcome of the last request. */
  outcome: Result<ApplyResponse, RpcError> = ok({ type: 'empty' });
  private readonly applier: Applier;

  private constructor(state: MemberState) {
    this.state = state;
    this.applier = new Applier(
      state,
      {
        confChange: (change, isRefused) => {
          if (!isRefused) state.setConfState({ ...emptyConfState, voters: votersAfter(state, change) });
        },
        completed: (_id, outcome) => {
          this.outcome = outcome;
        },
        membershipChanged: () => {},
        reconfigured: () => {},
        membershipRefused: () => {},
        memberPublished: () => {},
        clusterVersionChanged: () => {},
        begins: () => {},
        ends: () => {},
        unsupported: () => {},
        scheduleCompaction: () => Promise.resolve(),
      },
      state.applied.index,
    );
  }

  static async over(backend: Backend, config = stateConfig): Promise<AppliedState> {
    const state = new MemberState(backend, clusterId, localId, config);
    await state.restore(backend, () => Promise.resolve());
    return new AppliedState(state);
  }

  get appliedIndex(): number {
    return this.applier.appliedIndex;
  }

  apply(entry: Entry): void {
    const index = this.applier.appliedIndex + 1;
    this.applier.apply({ ...entry, index });
    this.state.mark(index, entry.term);
  }
}

function votersAfter(state: MemberState, { type, nodeId }: ConfChange): readonly bigint[] {
  const others = state.confState.voters.filter((id) => id !== nodeId);
  return type === confChangeType.removeNode ? others : [...others, nodeId].sort((a, b) => (a < b ? -1 : 1));
}

/** Leases of a member whose clock, Raft and leader are moved by hand: what it proposes waits until it is applied. */
import { err, ok, type Result } from '../../src/base/result.ts';
import type { LeaseCheckpointRequest } from '../../src/proto/etcdserverpb-lease.ts';
import { decodeInternalRequest, encodeInternalRequest } from '../../src/proto/raft-internal.ts';
import type { ApplyResponse } from '../../src/server/apply/response.ts';
import { type RpcError, rpcErrors } from '../../src/server/grpc/status.ts';
import { Lessor } from '../../src/server/lease/lessor.ts';
import { checkpointIntervalMs } from '../../src/server/lease/primary.ts';
import type { ClusterMember, LeaseLife } from '../../src/server/member/api.ts';
import { Leases, type RemoteAnswer } from '../../src/server/member/leases.ts';
import { uncountedLeases } from './lease-counters.ts';
import { ManualClock } from './manual-clock.ts';
import { memoryStore } from './memory-store.ts';
import { silentLogger } from './silent-logger.ts';

const heartbeatMs = 100;
const self = 1n;

interface Proposal {
  readonly text: string;
  apply(): void;
  readonly done: (outcome: Result<ApplyResponse, RpcError>) => void;
}

export class LeaseBench {
  readonly clock = new ManualClock();
  readonly lessor = new Lessor(memoryStore().backend, 2);
  leader = self;
  committed = 0;
  appliedIndex = 0;
  /** What the leader answers, in turn; then it cannot be asked. */
  readonly remote: RemoteAnswer<number>[] = [];
  /** How often it was asked. */
  asked = 0;
  expired = 0;
  warnings: string[] = [];
  /** The answer to the next question for a quorum. */
  quorum: RpcError | null = null;
  proposals: Proposal[] = [];
  readonly leases: Leases;
  private ticking = true;

  constructor(settings: { readonly checkpoints?: boolean } = {}) {
    const members: ClusterMember[] = [self, 2n].map((id) => ({
      id,
      name: `m${id}`,
      peerUrls: [`http://m${id}`],
      clientUrls: [],
      isLearner: false,
    }));
    this.leases = new Leases(
      {
        requestTimeoutMs: 7_000,
        electionTimeoutMs: 1_000,
        heartbeatIntervalMs: heartbeatMs,
        checkpointIntervalMs: settings.checkpoints === true ? checkpointIntervalMs : null,
      },
      this.lessor,
      {
        clock: this.clock,
        logger: silentLogger,
        counters: { ...uncountedLeases, expired: { inc: () => this.expired++ } },
        memberId: self,
        leaderId: () => this.leader,
        members: () => members,
        committedIndex: () => this.committed,
        appliedIndex: () => this.appliedIndex,
        nextRequestId: () => -1n,
        linearizableRead: (done) => setImmediate(() => done(this.quorum)),
        proposeAsLeader: (field, raw, done) => this.propose(field, raw, done),
        atLeader: {
          renew: async () => {
            this.asked++;
            return this.remote.shift() ?? { type: 'failed' };
          },
          timeToLive: async (): Promise<RemoteAnswer<LeaseLife>> => ({ type: 'failed' }),
        },
      },
    );
    this.clock.every(heartbeatMs, () => {
      if (this.ticking) this.leases.ticked();
    });
    this.leases.termOpened();
  }

  /** What was proposed and is not applied yet. */
  get proposed(): string[] {
    return this.proposals.map(({ text }) => text);
  }

  applyAll(): void {
    for (const { apply, done } of this.proposals.splice(0)) {
      apply();
      done(ok({ type: 'empty' }));
    }
  }

  /** Nobody knows what became of them. */
  failAll(): void {
    for (const { done } of this.proposals.splice(0)) done(err(rpcErrors.timeout));
  }

  lead(by: bigint): void {
    this.leader = by;
    this.leases.leaderChanged();
    this.leases.termOpened();
  }

  /** As if the process had been stopped for so long. */
  async freeze(ms: number): Promise<void> {
    this.ticking = false;
    await this.clock.advance(ms);
    this.ticking = true;
    this.leases.ticked();
  }

  /** What a client is told; "waits" until then. */
  renew(id: bigint): { readonly outcome: string } {
    const told = { outcome: 'waits' };
    this.leases.renew(
      id,
      () => true,
      (outcome) => {
        told.outcome = outcome.ok ? String(outcome.value) : outcome.error.message;
      },
    );
    return told;
  }

  life(id: bigint): { readonly outcome: string } {
    const told = { outcome: 'waits' };
    this.leases.timeToLive(
      { id, keys: false },
      () => true,
      (outcome) => {
        told.outcome = outcome.ok ? String(outcome.value?.ttl ?? null) : outcome.error.message;
      },
    );
    return told;
  }

  private propose(field: number, raw: Uint8Array, done: Proposal['done']): void {
    if (this.leader !== self) {
      done(err(rpcErrors.notLeader));
      return;
    }
    const { body } = decodeInternalRequest(encodeInternalRequest(1n, field, raw));
    if (body.type === 'leaseRevoke')
      this.proposals.push({
        text: `revoke ${body.request.id}`,
        apply: () => void this.lessor.revoke(body.request.id),
        done,
      });
    else if (body.type === 'leaseCheckpoint')
      this.proposals.push({ text: textOf(body.request), apply: () => this.checkpoint(body.request), done });
    else throw new Error(`the lessor proposes no ${body.type}`);
  }

  private checkpoint({ checkpoints }: LeaseCheckpointRequest): void {
    for (const { id, remainingTtl } of checkpoints) this.lessor.checkpoint(id, remainingTtl, true);
  }
}

function textOf({ checkpoints }: LeaseCheckpointRequest): string {
  return `checkpoint ${checkpoints.map(({ id, remainingTtl }) => `${id}:${remainingTtl}`).join(' ')}`;
}

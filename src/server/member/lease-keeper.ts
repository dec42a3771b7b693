/**
 * The lessor's duties on the leader: it renews leases, has those that ended revoked by the log, and has written down what long ones have
 * left. On all other members it only keeps the counters. The decisions are those of `lease/primary.ts`.
 */
import type { Clock, Timer } from '../../base/ports.ts';
import type { Result } from '../../base/result.ts';
import {
  type LeaseTimeToLiveRequest,
  leaseCheckpointRequest,
  leaseRevokeRequest,
} from '../../proto/etcdserverpb-lease.ts';
import { internalField } from '../../proto/raft-internal.ts';
import type { ApplyResponse } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import { type RpcError, rpcErrors, statusCode } from '../grpc/status.ts';
import type { LeaseTerm, Lessor } from '../lease/lessor.ts';
import { PrimaryLessor, revocationsPerSecond } from '../lease/primary.ts';
import type { Logger } from '../log/logger.ts';
import type { LeaseLife } from './api.ts';
import type { AppliedWait } from './applied-wait.ts';
import type { Leadership } from './leadership.ts';
import type { LeaseCounters } from './member-metrics.ts';

/** Expired leases and due checkpoints are looked for this often. */
const roundIntervalMs = 500;
/** So many are taken in a round. */
const expiredPerRound = (revocationsPerSecond * roundIntervalMs) / 1_000;
/** Revocations that are under way at a time; the others wait their turn. */
const revocationsInFlightMax = 16;
/** Expired leases that wait for their revocation; what is beyond is found again later. */
const revocationsWaitingMax = 8_000;
/** Leases in one entry of checkpoints, and such entries in a round. */
const checkpointsPerEntry = 1_000;
const checkpointEntriesPerRound = 500;
/** Nobody waits longer for this member to apply what is committed. */
const applyTimeoutMs = 1_000;

/** What a member answers from its own books. */
export type LeaseAnswer<T> =
  | { readonly type: 'found'; readonly value: T }
  | { readonly type: 'notFound' }
  /** Only the leader can say. */
  | { readonly type: 'notPrimary' }
  | { readonly type: 'failed'; readonly error: RpcError };

export interface LeaseKeeperPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: LeaseCounters;
  readonly memberId: bigint;
  readonly leadership: Leadership;
  readonly appliedWait: AppliedWait;
  /** Proposes an InternalRaftRequest, but only while this member leads: it never goes to another leader. `done` is called once. */
  proposeAsLeader(field: number, raw: Uint8Array, done: (outcome: Result<ApplyResponse, RpcError>) => void): void;
}

export interface LeaseKeeperSettings {
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  /** Null: no checkpoints. */
  readonly checkpointIntervalMs: number | null;
}

/** etcd has no code of its own for it. */
export const notPrimary: RpcError = { code: statusCode.unknown, message: 'not a primary lessor' };

export class LeaseKeeper {
  private readonly settings: LeaseKeeperSettings;
  private readonly ports: LeaseKeeperPorts;
  private readonly primary: PrimaryLessor;
  private lessor: Lessor;
  private round: Timer | null = null;
  /** Expired leases whose revocation is yet to be proposed. */
  private expired: bigint[] = [];
  private revocationsInFlight = 0;
  private isRevoking = false;
  private isConfirmingExpiry = false;
  private isCheckpointing = false;
  /** Leases of which a checkpoint is on its way through the log. */
  private readonly checkpointsInFlight = new Set<bigint>();
  /** Of these nobody knows whether one still is. */
  private readonly checkpointsInDoubt = new Set<bigint>();
  /** Renewals that wait until an expired lease is gone, or somebody else leads. */
  private readonly waitingForEnd = new Map<bigint, (() => void)[]>();

  constructor(settings: LeaseKeeperSettings, lessor: Lessor, ports: LeaseKeeperPorts) {
    this.settings = settings;
    this.ports = ports;
    const { requestTimeoutMs: retryMs, checkpointIntervalMs } = settings;
    this.primary = new PrimaryLessor({ retryMs, checkpointIntervalMs });
    this.lessor = lessor;
    this.watch(lessor);
  }

  /** Other books came with a snapshot. */
  replace(lessor: Lessor): void {
    this.demote();
    this.lessor = lessor;
    this.watch(lessor);
  }

  /** This member leads, and has applied everything of the terms before. */
  promote(): void {
    this.primary.promote(this.lessor.all(), this.now(), this.settings.electionTimeoutMs);
    this.expired = [];
    this.round ??= this.ports.clock.every(roundIntervalMs, () => this.runRound());
  }

  /** This member does not lead, or not any more. */
  demote(): void {
    this.round?.cancel();
    this.round = null;
    this.primary.demote();
    this.expired = [];
    this.checkpointsInDoubt.clear();
    for (const id of [...this.waitingForEnd.keys()]) this.releaseWaiting(id);
  }

  /** The ids of all leases; in the order of their ends where that is known. */
  ids(): readonly bigint[] {
    return this.primary.isPrimary ? this.primary.byExpiry() : this.lessor.all().map(({ id }) => id);
  }

  /** Gives a lease all of its time again; `done` gets the seconds. One that has expired is waited for until it is gone. */
  renew(id: bigint, done: (answer: LeaseAnswer<number>) => void): void {
    this.ports.leadership.confirm((leads) => {
      // Not for the leader to say: if this member only believes to lead, clients had better ask another.
      if (!leads) done({ type: 'failed', error: notPrimary });
      else this.whenApplied(done, () => this.renewApplied(id, done));
    });
  }

  /** What is left of a lease. */
  timeToLive(request: LeaseTimeToLiveRequest, done: (answer: LeaseAnswer<LeaseLife>) => void): void {
    this.whenApplied(done, () => {
      const lease = this.lessor.find(request.id);
      if (lease === null) {
        done({ type: 'notFound' });
        return;
      }
      const remainingMs = this.primary.remainingMs(request.id, this.now());
      if (remainingMs === null) done({ type: 'notPrimary' });
      else {
        const keys = request.keys ? this.lessor.keysOf(request.id) : [];
        // Whole seconds towards zero, as Go converts.
        const ttl = Math.trunc(remainingMs / 1_000) + 0;
        done({ type: 'found', value: { ttl, grantedTtl: lease.ttl, keys } });
      }
    });
  }

  private whenApplied<T>(done: (answer: LeaseAnswer<T>) => void, then: () => void): void {
    this.ports.appliedWait.wait(applyTimeoutMs, (isApplied) => {
      if (isApplied) then();
      else done({ type: 'failed', error: rpcErrors.timeoutWaitAppliedIndex });
    });
  }

  private renewApplied(id: bigint, done: (answer: LeaseAnswer<number>) => void): void {
    if (!this.primary.isPrimary) {
      done({ type: 'notPrimary' });
      return;
    }
    const lease = this.lessor.find(id);
    if (lease === null) {
      done({ type: 'notFound' });
      return;
    }
    if (this.primary.isExpired(id, this.now())) {
      this.waitForEnd(id, () => this.renewApplied(id, done));
      return;
    }
    if (lease.remainingTtl > 0 || this.checkpointsInFlight.has(id) || this.checkpointsInDoubt.has(id)) {
      this.forgetCheckpoint(id, done);
      return;
    }
    this.primary.renew(id, this.now());
    this.ports.counters.renewed.inc();
    done({ type: 'found', value: lease.ttl });
  }

  /** What was written down of the lease is less than it has after this renewal: a later leader must not go by it. */
  private forgetCheckpoint(id: bigint, done: (answer: LeaseAnswer<number>) => void): void {
    const request = leaseCheckpointRequest.encode({ checkpoints: [{ id, remainingTtl: 0 }] });
    this.ports.proposeAsLeader(internalField.leaseCheckpoint, request, (outcome) => {
      if (outcome.ok) {
        this.checkpointsInDoubt.delete(id);
        this.renewApplied(id, done);
      } else if (outcome.error === rpcErrors.notLeader) done({ type: 'notPrimary' });
      else done({ type: 'failed', error: outcome.error });
    });
  }

  private runRound(): void {
    this.revokeExpired();
    this.makeCheckpoints();
  }

  private revokeExpired(): void {
    if (this.isConfirmingExpiry || !this.primary.hasExpired(this.now())) return;
    this.isConfirmingExpiry = true;
    this.ports.leadership.confirm((leads) => {
      this.isConfirmingExpiry = false;
      if (!leads || !this.primary.isPrimary) {
        this.warnNotLeader('Ignore the lease revoking request because');
        return;
      }
      const limit = Math.min(expiredPerRound, revocationsWaitingMax - this.expired.length);
      this.expired.push(...this.primary.takeExpired(this.now(), limit));
      this.revokeWaiting();
    });
  }

  private revokeWaiting(): void {
    // A refusal calls back at once: the loop that runs goes on.
    if (this.isRevoking) return;
    this.isRevoking = true;
    while (this.revocationsInFlight < revocationsInFlightMax) {
      const id = this.expired.shift();
      if (id === undefined) break;
      if (this.primary.isExpired(id, this.now())) this.revoke(id);
    }
    this.isRevoking = false;
  }

  private revoke(id: bigint): void {
    this.revocationsInFlight++;
    this.ports.proposeAsLeader(internalField.leaseRevoke, leaseRevokeRequest.encode({ id }), (outcome) => {
      this.revocationsInFlight--;
      if (outcome.ok) this.ports.counters.expired.inc();
      else
        this.ports.logger.warn('failed to revoke lease', {
          'lease-id': formatLease(id),
          error: outcome.error.message,
        });
      this.revokeWaiting();
    });
  }

  private makeCheckpoints(): void {
    if (this.isCheckpointing || !this.primary.hasCheckpoints(this.now())) return;
    this.isCheckpointing = true;
    this.ports.leadership.confirm((leads) => {
      if (leads && this.primary.isPrimary) this.proposeCheckpoints(checkpointEntriesPerRound);
      else {
        this.isCheckpointing = false;
        this.warnNotLeader('Ignore the checkpoint request because');
      }
    });
  }

  private proposeCheckpoints(entriesLeft: number): void {
    const checkpoints = entriesLeft === 0 ? [] : this.primary.takeCheckpoints(this.now(), checkpointsPerEntry);
    if (checkpoints.length === 0) {
      this.isCheckpointing = false;
      return;
    }
    for (const { id } of checkpoints) this.checkpointsInFlight.add(id);
    const request = leaseCheckpointRequest.encode({ checkpoints });
    this.ports.proposeAsLeader(internalField.leaseCheckpoint, request, (outcome) => {
      for (const { id } of checkpoints) this.checkpointsInFlight.delete(id);
      if (outcome.ok) {
        this.proposeCheckpoints(entriesLeft - 1);
        return;
      }
      for (const { id } of checkpoints) this.checkpointsInDoubt.add(id);
      this.isCheckpointing = false;
    });
  }

  private waitForEnd(id: bigint, then: () => void): void {
    const waiting = this.waitingForEnd.get(id);
    if (waiting === undefined) this.waitingForEnd.set(id, [then]);
    else waiting.push(then);
  }

  private releaseWaiting(id: bigint): void {
    const waiting = this.waitingForEnd.get(id);
    if (waiting === undefined) return;
    this.waitingForEnd.delete(id);
    for (const then of waiting) then();
  }

  private watch(lessor: Lessor): void {
    const { counters } = this.ports;
    lessor.watcher = {
      granted: (lease: LeaseTerm) => {
        counters.granted.inc();
        counters.grantedSeconds.observe(lease.ttl);
        this.primary.granted(lease, this.now());
      },
      revoked: (id) => {
        counters.revoked.inc();
        this.primary.revoked(id);
        this.releaseWaiting(id);
      },
      checkpointed: (lease) => this.primary.checkpointed(lease, this.now()),
    };
  }

  private warnNotLeader(what: string): void {
    const fields = { 'local-member-id': formatId(this.ports.memberId) };
    this.ports.logger.warn(`${what} current member isn't a leader`, fields);
  }

  private now(): number {
    return this.ports.clock.monotonicMs();
  }
}

function formatLease(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0');
}

/**
 * What this member answers about leases: it asks its own books while it leads, and else the leader, over that one's peer port and for
 * as long as a request may take (etcd server/etcdserver/v3_server.go, LeaseRenew and LeaseTimeToLive).
 */
import type { Clock, Timer } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { LeaseTimeToLiveRequest } from '../../proto/etcdserverpb-lease.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Lessor } from '../lease/lessor.ts';
import type { ClusterMember, LeaseApi, LeaseLife } from './api.ts';
import { AppliedWait, type AppliedWaitPorts } from './applied-wait.ts';
import { Leadership, type LeadershipPorts } from './leadership.ts';
import {
  type LeaseAnswer,
  LeaseKeeper,
  type LeaseKeeperPorts,
  type LeaseKeeperSettings,
  notPrimary,
} from './lease-keeper.ts';
import type { LeaseCounters } from './member-metrics.ts';

/** Between two attempts, and between two looks for a leader. */
const pauseMs = 50;
/** Ids that clients choose are of both signs; those chosen for them are positive. */
const positiveIds = (1n << 63n) - 1n;

interface Pause {
  readonly timer: Timer;
  readonly done: () => void;
}

/** What the leader says, or that it could not be asked. */
export type RemoteAnswer<T> =
  | { readonly type: 'found'; readonly value: T }
  | { readonly type: 'notFound' }
  | { readonly type: 'failed' };

export interface LeaderLeases {
  /** Seconds that the lease has again. */
  renew(leader: ClusterMember, id: bigint, timeoutMs: number): Promise<RemoteAnswer<number>>;
  timeToLive(
    leader: ClusterMember,
    request: LeaseTimeToLiveRequest,
    timeoutMs: number,
  ): Promise<RemoteAnswer<LeaseLife>>;
}

/** Times in milliseconds. */
export interface LeaseSettings extends LeaseKeeperSettings {
  readonly heartbeatIntervalMs: number;
}

export interface LeasePorts extends LeadershipPorts, AppliedWaitPorts {
  readonly clock: Clock;
  readonly counters: LeaseCounters;
  members(): readonly ClusterMember[];
  nextRequestId(): bigint;
  readonly proposeAsLeader: LeaseKeeperPorts['proposeAsLeader'];
  readonly atLeader: LeaderLeases;
}

export class Leases implements LeaseApi {
  /** What this member answers by itself, to clients while it leads and to members that believe so. */
  readonly keeper: LeaseKeeper;
  private readonly ports: LeasePorts;
  private readonly timeoutMs: number;
  private readonly leadership: Leadership;
  private readonly appliedWait: AppliedWait;
  private readonly pauses = new Set<Pause>();
  private stopped = false;

  constructor(settings: LeaseSettings, lessor: Lessor, ports: LeasePorts) {
    this.ports = ports;
    this.timeoutMs = settings.requestTimeoutMs;
    this.leadership = new Leadership(settings.heartbeatIntervalMs, ports);
    this.appliedWait = new AppliedWait(ports);
    const { leadership, appliedWait } = this;
    this.keeper = new LeaseKeeper(settings, lessor, { ...ports, leadership, appliedWait });
  }

  /** Raft's clock ticked. */
  ticked(): void {
    this.leadership.ticked();
  }

  /** The applied index moved. */
  applied(index: number): void {
    this.appliedWait.applied(index);
  }

  /** There is another leader, or none. */
  leaderChanged(): void {
    if (!this.isLeader()) this.keeper.demote();
  }

  /** A leader of this term has applied the empty entry that opens it, and so everything before. */
  termOpened(): void {
    if (this.isLeader()) this.keeper.promote();
  }

  /** Other books came with a snapshot. */
  replace(lessor: Lessor): void {
    this.keeper.replace(lessor);
  }

  newId(): bigint {
    for (;;) {
      const id = this.ports.nextRequestId() & positiveIds;
      if (id !== 0n) return id;
    }
  }

  ids(): readonly bigint[] {
    return this.keeper.ids();
  }

  renew(id: bigint, isWanted: () => boolean, done: (outcome: Result<number | null, RpcError>) => void): void {
    const elsewhere = (): void => {
      const here = (tell: (answer: LeaseAnswer<number>) => void): void => this.keeper.renew(id, tell);
      const there = (leader: ClusterMember, timeoutMs: number) => this.ports.atLeader.renew(leader, id, timeoutMs);
      void this.ask(here, there, isWanted).then(done);
    };
    if (!this.isLeader()) {
      elsewhere();
      return;
    }
    this.keeper.renew(id, (answer) => {
      // Newly elected, or no longer the leader.
      if (answer.type === 'notPrimary') elsewhere();
      else done(outcomeOf(answer));
    });
  }

  timeToLive(
    request: LeaseTimeToLiveRequest,
    isWanted: () => boolean,
    done: (outcome: Result<LeaseLife | null, RpcError>) => void,
  ): void {
    if (this.isLeader()) {
      this.keeper.timeToLive(request, (answer) => {
        // Clients try again when the leader has changed; they would not know what a primary lessor is.
        done(answer.type === 'notPrimary' ? err(rpcErrors.leaderChanged) : outcomeOf(answer));
      });
      return;
    }
    const here = (tell: (answer: LeaseAnswer<LeaseLife>) => void): void => this.keeper.timeToLive(request, tell);
    const there = (leader: ClusterMember, timeoutMs: number) =>
      this.ports.atLeader.timeToLive(leader, request, timeoutMs);
    void this.ask(here, there, isWanted).then(done);
  }

  stop(): void {
    this.stopped = true;
    this.appliedWait.stop();
    this.keeper.demote();
    for (const pause of [...this.pauses]) this.resume(pause);
  }

  /** Asks whoever leads, again and again, until there is an answer or the time for a request is over. Null: there is no such lease. */
  private async ask<T>(
    here: (tell: (answer: LeaseAnswer<T>) => void) => void,
    there: (leader: ClusterMember, timeoutMs: number) => Promise<RemoteAnswer<T>>,
    isWanted: () => boolean,
  ): Promise<Result<T | null, RpcError>> {
    const { clock, memberId } = this.ports;
    const deadlineMs = clock.monotonicMs() + this.timeoutMs;
    let isLed = false;
    while (!this.stopped && isWanted()) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return err(isLed ? rpcErrors.timeout : rpcErrors.noLeader);
      const leader = this.leader();
      isLed = leader !== null;
      if (leader !== null && leader.peerUrls.length === 0) return err(rpcErrors.noLeader);
      if (leader !== null) {
        const answer =
          leader.id === memberId
            ? await new Promise<LeaseAnswer<T>>((done) => here(done))
            : await there(leader, leftMs);
        if (answer.type === 'found') return ok(answer.value);
        if (answer.type === 'notFound') return ok(null);
      }
      await this.pause();
    }
    return err(this.stopped ? rpcErrors.stopped : rpcErrors.canceled);
  }

  private isLeader(): boolean {
    return this.ports.leaderId() === this.ports.memberId;
  }

  private leader(): ClusterMember | null {
    const id = this.ports.leaderId();
    return this.ports.members().find((member) => member.id === id) ?? null;
  }

  private pause(): Promise<void> {
    return new Promise((done) => {
      const pause: Pause = { timer: this.ports.clock.after(pauseMs, () => this.resume(pause)), done };
      this.pauses.add(pause);
    });
  }

  private resume(pause: Pause): void {
    pause.timer.cancel();
    this.pauses.delete(pause);
    pause.done();
  }
}

function outcomeOf<T>(answer: LeaseAnswer<T>): Result<T | null, RpcError> {
  switch (answer.type) {
    case 'found':
      return ok(answer.value);
    case 'notFound':
      return ok(null);
    case 'notPrimary':
      return err(notPrimary);
    case 'failed':
      return err(answer.error);
  }
}

/**
 * Changes of the membership that clients ask for (etcd server/etcdserver/server.go: AddMember, RemoveMember, PromoteMember, UpdateMember):
 * what is checked before, proposing, and waiting for what became of it.
 */
import type { Clock, Timer } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type ConfChange, type ConfChangeType, confChangeType } from '../../proto/raftpb.ts';
import type { RawNode } from '../../raft/raw-node.ts';
import { formatId, memberId } from '../cluster/ids.ts';
import { type Member, memberJson, promotionJson } from '../cluster/member.ts';
import type { Membership, MembershipError } from '../cluster/membership.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import { type Connections, quorumOf } from './connections.ts';

export interface ReconfigurationPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly membership: Membership;
  readonly connections: Connections;
  /** Runs one thing against the Raft core, then carries out what follows from it. */
  update(change: (node: RawNode) => void): void;
  nextRequestId(): bigint;
  /** Why a proposal made at that moment was probably lost. */
  timeoutError(startedMs: number): RpcError;
}

/** The members after a change, or why it was not made. */
export type ReconfigurationOutcome = Result<readonly Member[], RpcError>;

/** Peers count as connected only after so long (etcd's HealthInterval). */
const healthIntervalMs = 5_000;
/** A learner may be promoted when it has this share of the leader's log. */
const readyShare = 0.9;

/** What a client gets for a change that the membership refuses. */
export const errorsOfMembership: Readonly<Record<MembershipError, RpcError>> = {
  idRemoved: rpcErrors.memberNotFound,
  idExists: rpcErrors.memberExists,
  idNotFound: rpcErrors.memberNotFound,
  peerUrlExists: rpcErrors.peerUrlExists,
  memberNotLearner: rpcErrors.memberNotLearner,
  tooManyLearners: rpcErrors.tooManyLearners,
};

interface Waiting {
  readonly timer: Timer;
  readonly done: (outcome: ReconfigurationOutcome) => void;
}

export class Reconfiguration {
  private readonly localId: bigint;
  private readonly isStrict: boolean;
  private readonly timeoutMs: number;
  private readonly ports: ReconfigurationPorts;
  private readonly waiting = new Map<bigint, Waiting>();

  /** `isStrict` is --strict-reconfig-check: no change that would leave the cluster without a quorum of started members. */
  constructor(localId: bigint, isStrict: boolean, timeoutMs: number, ports: ReconfigurationPorts) {
    this.localId = localId;
    this.isStrict = isStrict;
    this.timeoutMs = timeoutMs;
    this.ports = ports;
  }

  /** `peerUrls` are checked and sorted. Resolves to the new member's id too. */
  async add(
    peerUrls: readonly string[],
    isLearner: boolean,
  ): Promise<Result<{ readonly member: Member; readonly members: readonly Member[] }, RpcError>> {
    const { clock } = this.ports;
    const id = memberId(peerUrls, '', Math.floor(clock.now() / 1_000));
    const member: Member = { id, name: '', peerUrls, clientUrls: [], isLearner };
    const refusal = this.refusalToAdd(member);
    if (refusal !== null) return err(refusal);
    const type = isLearner ? confChangeType.addLearnerNode : confChangeType.addNode;
    const members = await this.propose(type, id, memberJson(member));
    return members.ok ? ok({ member, members: members.value }) : members;
  }

  private refusalToAdd(member: Member): RpcError | null {
    const { membership, connections, clock, logger } = this.ports;
    if (!this.isStrict) return null;
    const fields = { ...this.local, 'requested-member-add': memberJson(member) };
    if (!member.isLearner && !membership.isReadyToAddVoter()) {
      const error = rpcErrors.notEnoughStartedMembers;
      logger.warn('rejecting member add request; not enough healthy members', { ...fields, error: error.message });
      return error;
    }
    if (!connections.allVotersConnectedSince(clock.monotonicMs() - healthIntervalMs)) {
      const error = rpcErrors.unhealthy;
      logger.warn(
        'rejecting member add request; local member has not been connected to all peers, reconfigure breaks active quorum',
        { ...fields, error: error.message },
      );
      return error;
    }
    return null;
  }

  async remove(id: bigint): Promise<ReconfigurationOutcome> {
    const refusal = this.refusalToRemove(id);
    return refusal === null ? this.propose(confChangeType.removeNode, id, null) : err(refusal);
  }

  private refusalToRemove(id: bigint): RpcError | null {
    const { membership, connections, clock, logger } = this.ports;
    if (!this.isStrict || membership.member(id)?.isLearner === true) return null;
    const fields = { ...this.local, 'requested-member-remove-id': formatId(id) };
    if (!membership.isReadyToRemoveVoter(id)) {
      const error = rpcErrors.notEnoughStartedMembers;
      logger.warn('rejecting member remove request; not enough healthy members', { ...fields, error: error.message });
      return error;
    }
    // One that is down is no part of the quorum that works now.
    if (id !== this.localId && !connections.isConnected(id)) return null;
    const voters = membership.votingMembers().length;
    const active = connections.votersConnectedSince(clock.monotonicMs() - healthIntervalMs);
    if (active - 1 >= quorumOf(voters - 1)) return null;
    const error = rpcErrors.unhealthy;
    logger.warn(
      'rejecting member remove request; local member has not been connected to all peers, reconfigure breaks active quorum',
      {
        ...this.local,
        'requested-member-remove': formatId(id),
        'active-peers': active,
        error: error.message,
      },
    );
    return error;
  }

  /** `peerUrls` are checked. */
  update(id: bigint, peerUrls: readonly string[]): Promise<ReconfigurationOutcome> {
    const member = { id, name: '', peerUrls, clientUrls: [], isLearner: false };
    return this.propose(confChangeType.updateNode, id, memberJson(member));
  }

  /** Makes a learner a voter. Only the leader knows whether it is ready: others fail with `notLeader`. */
  async promote(id: bigint): Promise<ReconfigurationOutcome> {
    const refusal = this.refusalToPromote(id);
    return refusal === null ? this.propose(confChangeType.addNode, id, promotionJson(id)) : err(refusal);
  }

  private refusalToPromote(id: bigint): RpcError | null {
    const { membership, logger } = this.ports;
    let matches: ReadonlyMap<bigint, { readonly match: number }> = new Map();
    this.ports.update((node) => {
      matches = node.status().progress;
    });
    const own = matches.get(this.localId);
    if (own === undefined) return rpcErrors.notLeader;
    const learner = matches.get(id);
    if (learner === undefined) return rpcErrors.memberNotFound;
    if (learner.match < own.match * readyShare) return rpcErrors.learnerNotReady;
    if (!this.isStrict || membership.isReadyToPromote()) return null;
    const error = rpcErrors.notEnoughStartedMembers;
    logger.warn('rejecting member promote request; not enough healthy members', {
      ...this.local,
      'requested-member-remove-id': formatId(id),
      error: error.message,
    });
    return error;
  }

  private get local(): { readonly 'local-member-id': string } {
    return { 'local-member-id': formatId(this.localId) };
  }

  private propose(type: ConfChangeType, nodeId: bigint, context: string | null): Promise<ReconfigurationOutcome> {
    const { clock, logger } = this.ports;
    const id = this.ports.nextRequestId();
    const change: ConfChange = { id, type, nodeId, context: context === null ? null : Buffer.from(context) };
    const startedMs = clock.monotonicMs();
    return new Promise((done) => {
      const timer = clock.after(this.timeoutMs, () => this.settle(id, err(this.ports.timeoutError(startedMs))));
      this.waiting.set(id, {
        timer,
        done: (outcome) => {
          if (outcome.ok) {
            logger.info('applied a configuration change through raft', {
              ...this.local,
              'raft-conf-change': changeNames[type],
              'raft-conf-change-node-id': formatId(nodeId),
            });
          }
          done(outcome);
        },
      });
      this.ports.update((node) => {
        const proposed = node.proposeConfChange({ version: 1, change });
        if (!proposed.ok) this.settle(id, err(this.ports.timeoutError(startedMs)));
      });
    });
  }

  /** A committed change was applied or refused. Changes that others asked for are none of ours. */
  applied(id: bigint, outcome: Result<null, MembershipError>): void {
    const members = this.ports.membership.members();
    this.settle(id, outcome.ok ? ok(members) : err(errorsOfMembership[outcome.error]));
  }

  /** Answers everyone who waits. */
  stop(): void {
    for (const id of [...this.waiting.keys()]) this.settle(id, err(rpcErrors.stopped));
  }

  private settle(id: bigint, outcome: ReconfigurationOutcome): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    waiting.timer.cancel();
    waiting.done(outcome);
  }
}

const changeNames: Readonly<Record<ConfChangeType, string>> = {
  [confChangeType.addNode]: 'ConfChangeAddNode',
  [confChangeType.removeNode]: 'ConfChangeRemoveNode',
  [confChangeType.updateNode]: 'ConfChangeUpdateNode',
  [confChangeType.addLearnerNode]: 'ConfChangeAddLearnerNode',
};

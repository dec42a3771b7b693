/**
 * Who belongs to the cluster: the members, the ids that were removed for good, the cluster version. It is changed by applied
 * entries only, so it is the same on every member at the same index. [pure]
 *
 * What must hold: no id is both a member and removed; no two members share a peer URL (but for those of a bootstrap).
 */
import { invariant, unreachable } from '../../base/assert.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type ConfChange, confChangeType } from '../../proto/raftpb.ts';
import { compareIds, formatId } from './ids.ts';
import { isStarted, type Member, membersJson, parseConfChangeContext, parseMember } from './member.ts';

/** Why a conf change is refused; etcd's texts in `membershipErrorText`. */
export type MembershipError =
  | 'idRemoved'
  | 'idExists'
  | 'idNotFound'
  | 'peerUrlExists'
  | 'memberNotLearner'
  | 'tooManyLearners';

/** etcd server/etcdserver/api/membership/errors.go */
export const membershipErrorText: Readonly<Record<MembershipError, string>> = {
  idRemoved: 'membership: ID removed',
  idExists: 'membership: ID exists',
  idNotFound: 'membership: ID not found',
  peerUrlExists: 'membership: peerURL exists',
  memberNotLearner: 'membership: can only promote a learner member',
  tooManyLearners: 'membership: too many learner members in cluster',
};

/** What an applied conf change did; the caller persists it and tells the transport. */
export type MembershipChange =
  | { readonly type: 'added'; readonly member: Member }
  | { readonly type: 'promoted'; readonly member: Member }
  | { readonly type: 'updated'; readonly member: Member }
  /** `member` is as it was before. */
  | { readonly type: 'removed'; readonly member: Member };

/** The state of the downgrade flow, as the cluster bucket's downgrade key holds it. */
export interface DowngradeInfo {
  readonly enabled: boolean;
  /** Empty when not enabled. */
  readonly targetVersion: string;
}

export interface MembershipState {
  readonly clusterId: bigint;
  readonly localId: bigint;
  readonly members: readonly Member[];
  readonly removed: readonly bigint[];
  /** "3.6.0", or null until the leader has decided one. */
  readonly version: string | null;
  readonly downgrade?: DowngradeInfo;
  /** --max-learners (1). */
  readonly learnersMax?: number;
}

const learnersMaxDefault = 1;

export class Membership {
  readonly clusterId: bigint;
  readonly localId: bigint;
  readonly learnersMax: number;
  private byId = new Map<bigint, Member>();
  private removedIds = new Set<bigint>();
  private currentVersion: string | null = null;
  private currentDowngrade: DowngradeInfo = { enabled: false, targetVersion: '' };

  constructor(state: MembershipState) {
    this.clusterId = state.clusterId;
    this.localId = state.localId;
    this.learnersMax = state.learnersMax ?? learnersMaxDefault;
    this.replace(state);
  }

  /** Takes over everything but the ids and limits: what a received snapshot of the leader's database says. */
  replace(state: Pick<MembershipState, 'members' | 'removed' | 'version' | 'downgrade'>): void {
    this.byId = new Map(state.members.map((member) => [member.id, member]));
    this.removedIds = new Set(state.removed);
    this.currentVersion = state.version;
    this.currentDowngrade = state.downgrade ?? { enabled: false, targetVersion: '' };
  }

  /** In ascending order of id, as every list that etcd shows. */
  members(): Member[] {
    return [...this.byId.values()].sort((a, b) => compareIds(a.id, b.id));
  }

  votingMembers(): Member[] {
    return this.members().filter((member) => !member.isLearner);
  }

  member(id: bigint): Member | null {
    return this.byId.get(id) ?? null;
  }

  removed(): bigint[] {
    return [...this.removedIds].sort(compareIds);
  }

  isRemoved(id: bigint): boolean {
    return this.removedIds.has(id);
  }

  isLocalLearner(): boolean {
    return this.byId.get(this.localId)?.isLearner ?? false;
  }

  /** The answer of GET /members. */
  json(): string {
    return membersJson(this.members());
  }

  version(): string | null {
    return this.currentVersion;
  }

  /** Sets the cluster version, "major.minor.patch". */
  setVersion(version: string): void {
    this.currentVersion = version;
  }

  downgrade(): DowngradeInfo {
    return this.currentDowngrade;
  }

  setDowngrade(downgrade: DowngradeInfo): void {
    this.currentDowngrade = downgrade;
  }

  /**
   * Whether a committed conf change may take effect. A refused one is applied to Raft as a change of node 0, which is none.
   * Throws JsonError for a context that no etcd wrote.
   */
  validate(change: ConfChange): Result<null, MembershipError> {
    const existing = this.byId.get(change.nodeId);
    if (this.removedIds.has(change.nodeId)) return err('idRemoved');
    switch (change.type) {
      case confChangeType.addNode:
      case confChangeType.addLearnerNode:
        return this.validateAddition(change, existing);
      case confChangeType.removeNode:
        return existing === undefined ? err('idNotFound') : ok(null);
      case confChangeType.updateNode:
        if (existing === undefined) return err('idNotFound');
        return this.peerUrlsAreFree(parseMember(contextOf(change)).peerUrls, change.nodeId);
      default:
        return unreachable(change.type);
    }
  }

  private validateAddition(change: ConfChange, existing: Member | undefined): Result<null, MembershipError> {
    const { member, isPromote } = parseConfChangeContext(contextOf(change));
    if (isPromote) {
      if (existing === undefined) return err('idNotFound');
      return existing.isLearner ? ok(null) : err('memberNotLearner');
    }
    if (existing !== undefined) return err('idExists');
    const free = this.peerUrlsAreFree(member.peerUrls, null);
    if (!free.ok) return free;
    if (!member.isLearner || change.type !== confChangeType.addLearnerNode) return free;
    return this.learners() + 1 > this.learnersMax ? err('tooManyLearners') : free;
  }

  private peerUrlsAreFree(urls: readonly string[], except: bigint | null): Result<null, MembershipError> {
    for (const member of this.byId.values()) {
      if (member.id !== except && member.peerUrls.some((url) => urls.includes(url))) return err('peerUrlExists');
    }
    return ok(null);
  }

  private learners(): number {
    let count = 0;
    for (const member of this.byId.values()) if (member.isLearner) count++;
    return count;
  }

  /** Applies a change that `validate` has passed at this very state. */
  apply(change: ConfChange): MembershipChange {
    const existing = this.byId.get(change.nodeId);
    switch (change.type) {
      case confChangeType.addNode:
      case confChangeType.addLearnerNode: {
        const { member, isPromote } = parseConfChangeContext(contextOf(change));
        invariant(member.id === change.nodeId, `conf change of ${formatId(change.nodeId)} is about that member`);
        if (!isPromote) return { type: 'added', member: this.save(member) };
        invariant(existing !== undefined, `promoted member ${formatId(change.nodeId)} exists`);
        return { type: 'promoted', member: this.save({ ...existing, isLearner: false }) };
      }
      case confChangeType.removeNode: {
        invariant(existing !== undefined, `removed member ${formatId(change.nodeId)} exists`);
        this.byId.delete(change.nodeId);
        this.removedIds.add(change.nodeId);
        return { type: 'removed', member: existing };
      }
      case confChangeType.updateNode: {
        const { id, peerUrls, isLearner } = parseMember(contextOf(change));
        invariant(existing !== undefined && id === change.nodeId, `updated member ${formatId(change.nodeId)} exists`);
        // etcd takes both Raft attributes from the context, so that an update without isLearner makes a learner look like a voter.
        return { type: 'updated', member: this.save({ ...existing, peerUrls, isLearner }) };
      }
      default:
        return unreachable(change.type);
    }
  }

  /** A member published itself. Null if it was removed meanwhile, which is no error. An id never seen is a broken belief. */
  setAttributes(id: bigint, name: string, clientUrls: readonly string[]): Member | null {
    const member = this.byId.get(id);
    if (member !== undefined) return this.save({ ...member, name, clientUrls });
    invariant(this.removedIds.has(id), `attributes are published by a known member, not by ${formatId(id)}`);
    return null;
  }

  /** Makes voters of those learners that Raft knows as voters: their promotion was lost. Returns them as they are then. */
  promoteLost(voters: readonly bigint[]): Member[] {
    const lost = this.members().filter(({ id, isLearner }) => isLearner && voters.includes(id));
    return lost.map((member) => this.save({ ...member, isLearner: false }));
  }

  private save(member: Member): Member {
    this.byId.set(member.id, member);
    return member;
  }

  /** Strict reconfiguration: would a quorum of the larger cluster be started? One started member may always become two. */
  isReadyToAddVoter(): boolean {
    const voters = this.votingMembers();
    const started = voters.filter(isStarted).length;
    return (started === 1 && voters.length === 1) || started >= quorumOf(voters.length + 1);
  }

  /** Strict reconfiguration: would a quorum of the smaller cluster be started? */
  isReadyToRemoveVoter(id: bigint): boolean {
    const left = this.votingMembers().filter((member) => member.id !== id);
    return left.filter(isStarted).length >= quorumOf(left.length);
  }

  /** Strict reconfiguration: with the learner counted as a started voter, is a quorum started? */
  isReadyToPromote(): boolean {
    const voters = this.votingMembers();
    return voters.filter(isStarted).length + 1 >= quorumOf(voters.length + 1);
  }
}

function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function contextOf(change: ConfChange): string {
  return Buffer.from(change.context ?? new Uint8Array(0)).toString('utf8');
}

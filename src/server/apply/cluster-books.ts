/** The membership as committed entries change it, written through to the member's database. */
import type { ConfChange } from '../../proto/raftpb.ts';
import { formatId, parseId } from '../cluster/ids.ts';
import { type Member, memberJson, parseDowngrade, parseMember } from '../cluster/member.ts';
import type { DowngradeInfo, Membership, MembershipChange } from '../cluster/membership.ts';
import type { Backend } from '../storage/backend/backend.ts';
import {
  putClusterVersion,
  putDowngrade,
  putMember,
  readClusterVersion,
  readDowngrade,
  readMembers,
  readRemovedMembers,
  removeMember,
} from '../storage/schema/cluster.ts';

export class ClusterBooks {
  readonly membership: Membership;
  private backend: Backend;

  constructor(membership: Membership, backend: Backend) {
    this.membership = membership;
    this.backend = backend;
  }

  /** Takes over what a database holds. Throws JsonError for what no etcd wrote. */
  restore(backend: Backend): void {
    this.backend = backend;
    const downgrade = readDowngrade(backend);
    this.membership.replace({
      members: readMembers(backend).map(parseMember),
      removed: readRemovedMembers(backend).flatMap((hex) => parseId(hex) ?? []),
      version: readClusterVersion(backend),
      ...(downgrade === null ? {} : { downgrade: parseDowngrade(downgrade) }),
    });
  }

  /** Applies a conf change that the membership has just passed as valid. */
  apply(confChange: ConfChange): MembershipChange {
    const change = this.membership.apply(confChange);
    if (change.type === 'removed') removeMember(this.backend, formatId(change.member.id));
    else this.save(change.member);
    return change;
  }

  /** A member published itself. False if it was removed meanwhile. */
  setAttributes(id: bigint, name: string, clientUrls: readonly string[]): boolean {
    const member = this.membership.setAttributes(id, name, clientUrls);
    if (member !== null) this.save(member);
    return member !== null;
  }

  /** "3.6.0" */
  setVersion(version: string): void {
    this.membership.setVersion(version);
    putClusterVersion(this.backend, version);
  }

  setDowngrade(downgrade: DowngradeInfo): void {
    this.membership.setDowngrade(downgrade);
    const { targetVersion, enabled } = downgrade;
    putDowngrade(this.backend, `{"target-version":${JSON.stringify(targetVersion)},"enabled":${enabled}}`);
  }

  /** Makes voters of learners that Raft knows as voters; returns them. */
  promoteLost(voters: readonly bigint[]): readonly Member[] {
    const promoted = this.membership.promoteLost(voters);
    for (const member of promoted) this.save(member);
    return promoted;
  }

  private save(member: Member): void {
    putMember(this.backend, formatId(member.id), memberJson(member));
  }
}

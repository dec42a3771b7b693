/** What follows from applied changes of the cluster: the log lines that operators look for, and who the transport talks to. */
import { unreachable } from '../../base/assert.ts';
import type { ConfChange } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import { type MembershipChange, type MembershipError, membershipErrorText } from '../cluster/membership.ts';
import { shortVersion } from '../cluster/versions.ts';
import type { Logger } from '../log/logger.ts';
import type { Connections } from './connections.ts';

export interface ClusterChangePorts {
  readonly logger: Logger;
  readonly connections: Connections;
  /** The cluster removed this member for good. */
  removed(): void;
}

export class ClusterChanges {
  private readonly localId: bigint;
  private readonly ids: { readonly 'cluster-id': string; readonly 'local-member-id': string };
  private readonly ports: ClusterChangePorts;

  constructor(clusterId: bigint, localId: bigint, ports: ClusterChangePorts) {
    this.localId = localId;
    this.ids = { 'cluster-id': formatId(clusterId), 'local-member-id': formatId(localId) };
    this.ports = ports;
  }

  /** A conf change took effect. While the log is replayed there is no transport yet: it is told of the members that are left. */
  membershipChanged(change: MembershipChange): void {
    const { logger, connections } = this.ports;
    const { member } = change;
    const { transport } = connections;
    switch (change.type) {
      case 'added':
        logger.info('added member', {
          ...this.ids,
          'added-peer-id': formatId(member.id),
          'added-peer-peer-urls': member.peerUrls,
          'added-peer-is-learner': member.isLearner,
        });
        if (member.id !== this.localId) transport?.addPeer(member.id, member.peerUrls);
        return;
      case 'promoted':
        logger.info('promote member', { ...this.ids, 'promoted-member-id': formatId(member.id) });
        return;
      case 'updated':
        logger.info('updated member', {
          ...this.ids,
          'updated-remote-peer-id': formatId(member.id),
          'updated-remote-peer-urls': member.peerUrls,
          'updated-remote-peer-is-learner': member.isLearner,
        });
        if (member.id !== this.localId) transport?.updatePeer(member.id, member.peerUrls);
        return;
      case 'removed':
        logger.info('removed member', {
          ...this.ids,
          'removed-remote-peer-id': formatId(member.id),
          'removed-remote-peer-urls': member.peerUrls,
          'removed-remote-peer-is-learner': member.isLearner,
        });
        if (member.id !== this.localId) transport?.removePeer(member.id);
        else if (transport !== null) this.ports.removed();
        return;
      default:
        unreachable(change);
    }
  }

  membershipRefused(change: ConfChange, error: MembershipError): void {
    this.ports.logger.warn('refused a committed configuration change', {
      'member-id': formatId(change.nodeId),
      error: membershipErrorText[error],
    });
  }

  versionChanged(version: string, previous: string | null): void {
    const { logger } = this.ports;
    const short = shortVersion(version);
    if (previous === null) logger.info('set initial cluster version', { ...this.ids, 'cluster-version': short });
    else logger.info('updated cluster version', { ...this.ids, from: shortVersion(previous), to: short });
    logger.info('enabled capabilities for version', { 'cluster-version': short });
  }
}

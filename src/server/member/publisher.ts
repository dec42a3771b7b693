/** What a member itself writes into the cluster's log: its name and client URLs, and, as the leader, the cluster version. */
import { Duration } from '../../base/duration.ts';
import type { Result } from '../../base/result.ts';
import { clusterMemberAttrSetRequest, clusterVersionSetRequest } from '../../proto/membershippb.ts';
import { internalField } from '../../proto/raft-internal.ts';
import type { ApplyResponse } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { RpcError } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { MemberApi } from './api.ts';
import { shortVersion } from './cluster-changes.ts';

export type PublishingMember = Pick<MemberApi, 'memberId' | 'clusterId' | 'propose' | 'clusterVersion'>;

/**
 * Makes the member's name and client URLs known to the cluster, trying until it is applied; resolves then, or when `isStopped`.
 * `timeoutMs` is how long one try takes at most.
 */
export async function publish(
  member: PublishingMember,
  config: Pick<EtcdConfig, 'name' | 'advertiseClientUrls'>,
  timeoutMs: number,
  logger: Logger,
  isStopped: () => boolean,
): Promise<void> {
  const clientUrls = config.advertiseClientUrls.map((url) => url.text);
  const memberAttributes = { name: config.name, clientUrls };
  const request = clusterMemberAttrSetRequest.encode({ memberId: member.memberId, memberAttributes });
  const localId = { 'local-member-id': formatId(member.memberId) };
  const timeout = { 'publish-timeout': Duration.fromMs(timeoutMs) };
  while (!isStopped()) {
    const outcome = await new Promise<Result<ApplyResponse, RpcError>>((done) =>
      member.propose(internalField.clusterMemberAttrSet, request, done),
    );
    if (outcome.ok) {
      logger.info('published local member to cluster through raft', {
        ...localId,
        'local-member-attributes': `{Name:${config.name} ClientURLs:[${clientUrls.join(' ')}]}`,
        'cluster-id': formatId(member.clusterId),
        ...timeout,
      });
      return;
    }
    if (isStopped()) return;
    const error = outcome.error.message;
    logger.warn('failed to publish local member to cluster through raft', { ...localId, ...timeout, error });
  }
}

/** Proposes a cluster version, once; whoever decided on it will try again. */
export function proposeClusterVersion(member: PublishingMember, version: string, logger: Logger): void {
  const fields = { 'cluster-version': shortVersion(version) };
  if (member.clusterVersion() === null) logger.info('setting up initial cluster version using v3 API', fields);
  else logger.info('updating cluster version using v3 API', fields);
  member.propose(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver: version }), (outcome) => {
    if (outcome.ok) logger.info('cluster version is updated', fields);
    else logger.warn('failed to update cluster version', { error: outcome.error.message });
  });
}

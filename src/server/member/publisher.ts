/** What a member itself writes into the cluster's log: its name and client URLs, and, as the leader, the cluster version. */
import { Duration } from '../../base/duration.ts';
import type { Result } from '../../base/result.ts';
import { v2Request } from '../../proto/etcdserverpb-v2.ts';
import { clusterMemberAttrSetRequest, clusterVersionSetRequest } from '../../proto/membershippb.ts';
import { internalField } from '../../proto/raft-internal.ts';
import type { ApplyResponse } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import { attributesJson } from '../cluster/member.ts';
import { isBefore, shortVersion } from '../cluster/versions.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { RpcError } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { MemberApi } from './api.ts';

/** The first version that understands cluster-wide requests of version 3; members before it end their process on one. */
const v3PublishVersion = '3.5.0';

export type PublishingMember = Pick<MemberApi, 'memberId' | 'clusterId' | 'propose' | 'clusterVersion' | 'leaderId'>;

export interface PublishPorts {
  /** Those of all members, null for one that does not answer. */
  serverVersions(): Promise<readonly (string | null)[]>;
  /** Calls the listener at each election, until what it gives is called. */
  onLeader(listener: () => void): () => void;
  isStopped(): boolean;
}

/**
 * Makes the member's name and client URLs known to the cluster, trying until it is applied; resolves then, or when it is stopped.
 * `timeoutMs` is how long one try takes at most.
 */
export async function publish(
  member: PublishingMember,
  config: Pick<EtcdConfig, 'name' | 'advertiseClientUrls'>,
  timeoutMs: number,
  logger: Logger,
  ports: PublishPorts,
): Promise<void> {
  const clientUrls = config.advertiseClientUrls.map((url) => url.text);
  const memberAttributes = { name: config.name, clientUrls };
  const path = `/0/members/${formatId(member.memberId)}/attributes`;
  const localId = { 'local-member-id': formatId(member.memberId) };
  const timeout = { 'publish-timeout': Duration.fromMs(timeoutMs) };
  while (!ports.isStopped()) {
    const speaksV3 = await everyMemberSpeaksV3(member, ports);
    if (ports.isStopped()) return;
    const outcome = await untilLost(member, ports, (done) => {
      if (speaksV3) {
        const request = clusterMemberAttrSetRequest.encode({ memberId: member.memberId, memberAttributes });
        member.propose(internalField.clusterMemberAttrSet, request, done);
      } else member.propose(internalField.v2, v2Put(path, attributesJson(config.name, clientUrls)), done);
    });
    if (outcome === 'lost') continue;
    if (outcome.ok) {
      logger.info('published local member to cluster through raft', {
        ...localId,
        'local-member-attributes': `{Name:${config.name} ClientURLs:[${clientUrls.join(' ')}]}`,
        'cluster-id': formatId(member.clusterId),
        ...timeout,
      });
      return;
    }
    if (ports.isStopped()) return;
    const error = outcome.error.message;
    logger.warn('failed to publish local member to cluster through raft', { ...localId, ...timeout, error });
  }
}

/**
 * What comes of a proposal; `lost` if it went to a leader and then another was elected, in which case it has been dropped more likely
 * than not. A member that joins may have taken somebody for the leader who had stepped down already; to publish twice does no harm.
 */
function untilLost(
  member: PublishingMember,
  ports: PublishPorts,
  propose: (done: (outcome: Result<ApplyResponse, RpcError>) => void) => void,
): Promise<Result<ApplyResponse, RpcError> | 'lost'> {
  return new Promise((resolve) => {
    // Without a leader it waits in this member for the first one.
    let isOut = member.leaderId() !== 0n;
    const stop = ports.onLeader(() => {
      if (isOut) finish('lost');
      isOut = true;
    });
    const finish = (outcome: Result<ApplyResponse, RpcError> | 'lost'): void => {
      stop();
      resolve(outcome);
    };
    propose(finish);
  });
}

/** A member that cannot be asked may be an old one: the old form is understood by all. */
async function everyMemberSpeaksV3(member: PublishingMember, { serverVersions }: PublishPorts): Promise<boolean> {
  const version = member.clusterVersion();
  if (version !== null && !isBefore(version, v3PublishVersion)) return true;
  return (await serverVersions()).every((one) => one !== null && !isBefore(one, v3PublishVersion));
}

/** A write to the v2 store, as 3.4 makes it. */
function v2Put(path: string, val: string): Uint8Array {
  return v2Request.encode({
    id: 0n,
    method: 'PUT',
    path,
    val,
    dir: false,
    prevValue: '',
    prevIndex: 0,
    prevExist: null,
    expiration: 0,
    wait: false,
    since: 0,
    recursive: false,
    sorted: false,
    quorum: false,
    time: 0,
    stream: false,
    refresh: null,
  });
}

/** Proposes a cluster version, once; whoever decided on it will try again. */
export function proposeClusterVersion(member: PublishingMember, version: string, logger: Logger): void {
  const fields = { 'cluster-version': shortVersion(version) };
  const api = isBefore(version, v3PublishVersion) ? 'v2' : 'v3';
  if (member.clusterVersion() === null) logger.info(`setting up initial cluster version using ${api} API`, fields);
  else logger.info(`updating cluster version using ${api} API`, fields);
  const done = (outcome: Result<ApplyResponse, RpcError>): void => {
    if (outcome.ok) logger.info('cluster version is updated', fields);
    else logger.warn('failed to update cluster version', { error: outcome.error.message });
  };
  if (api === 'v2') member.propose(internalField.v2, v2Put('/0/version', version), done);
  else member.propose(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver: version }), done);
}

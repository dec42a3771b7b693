/** Lines that etcd's users look for in the log of a start and of maintenance, with etcd's fields. */
import { humanBytes } from '../../base/human-bytes.ts';
import { defaultQuotaBytes } from '../apply/quota.ts';
import { formatId } from '../cluster/ids.ts';
import { shortVersion } from '../cluster/versions.ts';
import type { Logger } from '../log/logger.ts';
import type { Fields } from '../log/record.ts';
import type { Backend } from '../storage/backend/backend.ts';
import type { MemberState } from './state.ts';

/** How large the database is, and how much of it is in use. */
export function databaseSizes(backend: Pick<Backend, 'size' | 'inUse'>): Fields {
  const size = backend.size();
  const inUse = backend.inUse();
  return {
    'current-db-size-bytes': size,
    'current-db-size': humanBytes(size),
    'current-db-size-in-use-bytes': inUse,
    'current-db-size-in-use': humanBytes(inUse),
  };
}

/** `quotaBytes` is --quota-backend-bytes: 0 is the default, below is none. */
export function logQuota(logger: Logger, quotaBytes: number): void {
  const name = { 'quota-name': 'v3-applier' };
  if (quotaBytes < 0) {
    logger.info('disabled backend quota', { ...name, 'quota-size-bytes': quotaBytes });
    return;
  }
  const bytes = quotaBytes === 0 ? defaultQuotaBytes : quotaBytes;
  const message = quotaBytes === 0 ? 'enabled backend quota with default value' : 'enabled backend quota';
  logger.info(message, { ...name, 'quota-size-bytes': bytes, 'quota-size': humanBytes(bytes) });
}

/** What a database said of the cluster and of history, once it is taken over. */
export function logRestored(logger: Logger, { membership, store }: Pick<MemberState, 'membership' | 'store'>): void {
  const ids = { 'cluster-id': formatId(membership.clusterId), 'local-member-id': formatId(membership.localId) };
  for (const member of membership.members()) {
    logger.info('recovered/added member from store', {
      ...ids,
      'recovered-remote-peer-id': formatId(member.id),
      'recovered-remote-peer-urls': member.peerUrls,
      'recovered-remote-peer-is-learner': member.isLearner,
    });
  }
  const version = membership.version();
  if (version !== null) logger.info('set cluster version from store', { 'cluster-version': shortVersion(version) });
  if (store.finishedCompactRevision > 0) {
    logger.info('restored last compact revision', {
      'meta-bucket-name-key': 'finishedCompactRev',
      'restored-compact-revision': store.finishedCompactRevision,
    });
  }
}

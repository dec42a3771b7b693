/**
 * Opens what a member left on disk, or founds its share of a new cluster: after this there is a WAL, and the log it holds is known.
 */
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import type { Clock, Disk } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Entry, HardState } from '../../proto/raftpb.ts';
import {
  type BootstrapConfig,
  type BootstrapIdentity,
  bootstrapNewCluster,
  decodeWalMetadata,
  encodeWalMetadata,
} from '../cluster/bootstrap.ts';
import { parseInitialCluster } from '../cluster/peer-urls.ts';
import { fetchMembersOverHttp, resolveHostOverDns } from '../cluster/remote-members.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { Wal, type WalOptions, walExists } from '../storage/wal/wal.ts';

/** A member's log as it stands before Raft starts. */
export interface OpenedLog extends BootstrapIdentity {
  readonly wal: Wal;
  readonly hardState: HardState;
  /** From index 1 on, without gaps. */
  readonly entries: readonly Entry[];
  /** False if the member founded its cluster just now. */
  readonly restarted: boolean;
}

/**
 * Peers of a cluster that is being founded often accept connections long before they answer (etcd does), so they are not waited for:
 * the question is only whether one of them already knows this member.
 */
const bootstrapQuestionTimeoutMs = 150;

export function walFolder(config: EtcdConfig): string {
  return config.walDir === '' ? join(config.dataDir, 'member', 'wal') : config.walDir;
}

/** `toPeers`: how peers with https URLs are asked. The error is a text for the log, worded as etcd's where etcd has one. */
export async function openLog(
  config: EtcdConfig,
  disk: Disk,
  clock: Clock,
  logger: Logger,
  walOptions: WalOptions,
  toPeers: () => RequestOptions,
): Promise<Result<OpenedLog, string>> {
  const folder = walFolder(config);
  await disk.makeDirectory(join(config.dataDir, 'member', 'snap'));
  if (await walExists(disk, folder)) return reopen(disk, folder, logger, walOptions);
  if (config.initialClusterState === 'existing') {
    return err(
      'joining a running cluster (--initial-cluster-state=existing) is not supported by this version: start the member as part of a new cluster, or restart it on its own data directory',
    );
  }
  return found(config, disk, clock, logger, folder, walOptions, toPeers);
}

async function reopen(
  disk: Disk,
  folder: string,
  logger: Logger,
  options: WalOptions,
): Promise<Result<OpenedLog, string>> {
  const opened = await Wal.open(disk, folder, { index: 0, term: 0 }, options);
  if (!opened.ok) return err(opened.error.message);
  const { wal, metadata, hardState, entries, repaired } = opened.value;
  if (repaired !== null) logger.warn('repaired the WAL', { repair: repaired });
  return ok({ ...decodeWalMetadata(metadata), wal, hardState, entries, restarted: true });
}

async function found(
  config: EtcdConfig,
  disk: Disk,
  clock: Clock,
  logger: Logger,
  folder: string,
  options: WalOptions,
  toPeers: () => RequestOptions,
): Promise<Result<OpenedLog, string>> {
  const initialCluster = parseInitialCluster(config.initialCluster);
  if (!initialCluster.ok) return err(`error setting up initial cluster: ${initialCluster.error}`);
  const bootstrap: BootstrapConfig = {
    name: config.name,
    initialCluster: initialCluster.value,
    token: config.initialClusterToken,
    advertisePeerUrls: config.advertisePeerUrls.map((url) => url.text),
    resolveHost: resolveHostOverDns((message, fields) => logger.warn(message, fields), clock),
  };
  // A peer that does not answer is the ordinary case here and no news to anyone.
  const silent = fetchMembersOverHttp(() => {}, bootstrapQuestionTimeoutMs, toPeers);
  const cluster = await bootstrapNewCluster(bootstrap, silent);
  if (!cluster.ok) return cluster;
  const { memberId, clusterId, entries, hardState } = cluster.value;
  const wal = await Wal.create(disk, folder, encodeWalMetadata({ memberId, clusterId }), options);
  const problem = await new Promise<Error | null>((done) => wal.save(hardState, entries, true, done));
  if (problem !== null) return err(`cannot write ${folder}: ${problem.message}`);
  return ok({ memberId, clusterId, wal, hardState, entries, restarted: false });
}

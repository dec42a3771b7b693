/**
 * Opens what a member left on disk, or founds its share of a new cluster: after this there are a WAL and a database, the log that the
 * one holds is known, and the state that the other holds is in memory.
 */
import type { RequestOptions } from 'node:https';
import { dirname, join } from 'node:path';
import type { Clock, Disk } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type Entry, emptyHardState, type HardState, type Snapshot } from '../../proto/raftpb.ts';
import {
  type BootstrapConfig,
  type BootstrapIdentity,
  bootstrapNewCluster,
  decodeWalMetadata,
  encodeWalMetadata,
  joinCluster,
} from '../cluster/bootstrap.ts';
import { askMemberOverHttp, isCompatible, othersAreQuorum } from '../cluster/compatibility.ts';
import { formatId } from '../cluster/ids.ts';
import type { Member } from '../cluster/member.ts';
import { membershipErrorText } from '../cluster/membership.ts';
import { parseInitialCluster } from '../cluster/peer-urls.ts';
import { fetchMembersOverHttp, resolveHostOverDns, type WarnAboutPeer } from '../cluster/remote-members.ts';
import { standaloneLog } from '../cluster/standalone.ts';
import { hasV2UserData } from '../cluster/v2-store.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { readMark } from '../storage/schema/meta.ts';
import {
  adoptSnapshotDatabase,
  removeCutOffFiles,
  removeSnapshotDatabases,
  snapshotDatabasePath,
} from '../storage/snapshot/snapshot-databases.ts';
import { loadNewestSnapshot } from '../storage/snapshot/snapshot-files.ts';
import { validSnapshots } from '../storage/wal/read.ts';
import { Wal, type WalOptions, walExists } from '../storage/wal/wal.ts';
import { logQuota, logRestored } from './log-lines.ts';
import { serverVersion } from './server-version.ts';
import { MemberState } from './state.ts';
import { versionProblem } from './storage-version.ts';

/** A member's log as it stands before Raft starts. */
export interface OpenedLog extends BootstrapIdentity {
  readonly wal: Wal;
  readonly hardState: HardState;
  /** The newest on disk that the log knows, null if there is none. */
  readonly snapshot: Snapshot | null;
  /** What follows the snapshot, or everything from index 1 on, without gaps. */
  readonly entries: readonly Entry[];
  /** False if the member founded its cluster just now, or joins one. */
  readonly restarted: boolean;
  /** Members of the cluster that it joins: whom it gets the log from, which then says who they are. */
  readonly joining: readonly Member[];
}

/** A member's log and state before Raft starts. The commit index of its hard state is not below what the state holds. */
export interface OpenedMember extends OpenedLog {
  readonly state: MemberState;
}

export interface MemberDisk {
  /** Where the WAL is. */
  readonly disk: Disk;
  /** Opens the database at a path whose directory exists. */
  openDatabase(path: string): Promise<Result<Backend, string>>;
  /** Resolves in the next turn of the event loop. */
  turn(): Promise<void>;
}

/**
 * How long each peer may take to say whether it knows this member already; etcd's figure. Etcd's own founders accept connections long
 * before they answer, and are waited for in vain; bundled ones say at once that they know nothing yet (EarlyRequests).
 */
const bootstrapQuestionTimeoutMs = 1_000;

/** How long a member of a running cluster may take to tell its version; etcd's request time-out. */
const versionQuestionTimeoutMs = 7_000;

export function walFolder(config: EtcdConfig): string {
  return config.walDir === '' ? join(config.dataDir, 'member', 'wal') : config.walDir;
}

/** etcd's `db`. */
export function databasePath(config: Pick<EtcdConfig, 'dataDir'>): string {
  return join(config.dataDir, 'member', 'snap', 'db');
}

/**
 * `toPeers`: how peers with https URLs are asked. The error is a text for the log, worded as etcd's where etcd has one; what was opened
 * by then is closed.
 */
export async function openMember(
  config: EtcdConfig,
  from: MemberDisk,
  clock: Clock,
  logger: Logger,
  walOptions: WalOptions,
  toPeers: () => RequestOptions,
): Promise<Result<OpenedMember, string>> {
  const path = databasePath(config);
  await from.disk.makeDirectory(dirname(path));
  const opening = from.openDatabase(path);
  // The lock of the database tells whether etcd itself runs here: a log that is there is not touched before that is known.
  if (await walExists(from.disk, walFolder(config))) {
    const locked = await opening;
    if (!locked.ok) return locked;
  }
  const log = await openLog(config, from.disk, clock, logger, walOptions, toPeers);
  const database = await opening;
  if (!log.ok || !database.ok) {
    if (log.ok) await log.value.wal.close();
    if (database.ok) await database.value.close();
    return log.ok ? err(database.ok ? '' : database.error) : log;
  }
  const current = await currentDatabase(from, path, log.value.snapshot, database.value, logger);
  if (!current.ok) {
    await log.value.wal.close();
    return current;
  }
  await defragmentAtStart(config, current.value, logger);
  const restored = await restoreState(config, from, log.value, current.value, logger);
  const whole =
    restored.ok && config.forceNewCluster && log.value.restarted
      ? await standAlone(restored.value, log.value.hardState.commit, walFolder(config), logger)
      : restored;
  if (whole.ok) return whole;
  await log.value.wal.close();
  await current.value.close();
  return err(restored.ok ? whole.error : `cannot start from database ${path}: ${whole.error}`);
}

/**
 * The database that belongs to the log: one that came with the newest snapshot takes the place of one that ends before it, as a crash in
 * the midst of installing it leaves them. On an error nothing is open.
 */
async function currentDatabase(
  from: MemberDisk,
  path: string,
  snapshot: Snapshot | null,
  database: Backend,
  logger: Logger,
): Promise<Result<Backend, string>> {
  const mark = readMark(database);
  if (snapshot === null || mark.index >= snapshot.metadata.index) {
    for (const name of await removeSnapshotDatabases(from.disk, dirname(path), mark.index))
      logger.info('found orphaned .snap.db file; deleting', { path: name });
    return ok(database);
  }
  const { index } = snapshot.metadata;
  await database.close();
  const arrived = snapshotDatabasePath(dirname(path), index);
  if (!(await from.disk.exists(arrived))) {
    const problem = "failed to find database snapshot file (snap: snapshot file doesn't exist)";
    return err(`${problem}: ${path} ends before the snapshot at index ${index}, and ${arrived} is missing`);
  }
  logger.info('Recovering from snapshot backend', { path: arrived });
  await adoptSnapshotDatabase(from.disk, dirname(path), index, path);
  return from.openDatabase(path);
}

/** --bootstrap-defrag-threshold-megabytes. A failure is met again by whoever writes to the database next. */
async function defragmentAtStart(config: EtcdConfig, database: Backend, logger: Logger): Promise<void> {
  const { bootstrapDefragThresholdMegabytes: megabytes } = config;
  if (megabytes === 0) return;
  const thresholdBytes = megabytes * 1024 * 1024;
  const size = database.size();
  const inUse = database.inUse();
  if (size - inUse >= thresholdBytes) {
    await database.defragment();
    return;
  }
  logger.info('Skipping defragmentation', {
    'current-db-size-bytes': size,
    'current-db-size-in-use-bytes': inUse,
    'experimental-bootstrap-defrag-threshold-bytes': thresholdBytes,
  });
}

async function restoreState(
  config: EtcdConfig,
  from: MemberDisk,
  log: OpenedLog,
  backend: Backend,
  logger: Logger,
): Promise<Result<OpenedMember, string>> {
  const state = new MemberState(backend, log.clusterId, log.memberId, config);
  try {
    await state.restore(backend, () => from.turn());
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
  logQuota(logger, config.quotaBackendBytes);
  const { index, term } = state.applied;
  if (index > 0) logRestored(logger, state);
  if (index === 0) return ok({ ...log, state });
  const tooOld = versionProblem(state);
  if (tooOld !== null) return err(tooOld);
  const start = log.snapshot?.metadata ?? { index: 0, term: 0 };
  const logTerm = index === start.index ? start.term : log.entries[index - start.index - 1]?.term;
  if (logTerm === undefined) {
    const end = start.index + log.entries.length;
    return err(`it holds the state after entry ${index}, but the log ends with ${end}: is a part of it lost?`);
  }
  if (term !== 0 && logTerm !== term) {
    return err(`it holds the state after entry ${index} of term ${term}, which is of term ${logTerm} in the log`);
  }
  // Only what is committed is applied. But the log learns late, or not at all before a crash, how far that is.
  const hardState = { ...log.hardState, commit: Math.max(log.hardState.commit, index) };
  return ok({ ...log, hardState, state });
}

async function openLog(
  config: EtcdConfig,
  disk: Disk,
  clock: Clock,
  logger: Logger,
  walOptions: WalOptions,
  toPeers: () => RequestOptions,
): Promise<Result<OpenedLog, string>> {
  const folder = walFolder(config);
  if (await walExists(disk, folder)) {
    return reopen(disk, folder, dirname(databasePath(config)), logger, walOptions);
  }
  return begin(config, disk, clock, logger, folder, walOptions, toPeers);
}

async function reopen(
  disk: Disk,
  folder: string,
  snapshotFolder: string,
  logger: Logger,
  options: WalOptions,
): Promise<Result<OpenedLog, string>> {
  await removeCutOffFiles(disk, snapshotFolder);
  const snapshot = await newestSnapshot(disk, folder, snapshotFolder, logger);
  if (!snapshot.ok) return snapshot;
  const { index, term } = snapshot.value?.metadata ?? { index: 0, term: 0 };
  const opened = await Wal.open(disk, folder, { index, term }, options);
  if (!opened.ok) return err(opened.error.message);
  const { wal, metadata, hardState, entries, repaired } = opened.value;
  if (repaired !== null) logger.warn('repaired the WAL', { repair: repaired });
  return ok({
    ...decodeWalMetadata(metadata),
    wal,
    hardState,
    entries,
    snapshot: snapshot.value,
    restarted: true,
    joining: [],
  });
}

/**
 * Makes the member the only one of its cluster, whoever else there was. What its database holds was committed, though the log, whose
 * commit index was `walCommit`, may not say so.
 */
async function standAlone(
  opened: OpenedMember,
  walCommit: number,
  folder: string,
  logger: Logger,
): Promise<Result<OpenedMember, string>> {
  const { index, confState } = opened.snapshot?.metadata ?? { index: 0, confState: null };
  const alone = standaloneLog(opened.memberId, index, confState, opened.entries, opened.hardState);
  if (alone.discarded > 0) {
    logger.info('discarding uncommitted WAL entries', {
      'entry-index': opened.hardState.commit + 1,
      'commit-index-from-wal': walCommit,
      'number-of-discarded-entries': alone.discarded,
    });
  }
  const problem = await new Promise<Error | null>((done) => opened.wal.save(alone.hardState, alone.added, true, done));
  if (problem !== null) return err(`cannot write ${folder}: ${problem.message}`);
  logger.info('forcing restart member', {
    'cluster-id': formatId(opened.clusterId),
    'local-member-id': formatId(opened.memberId),
    'wal-commit-index': walCommit,
    'commit-index': alone.hardState.commit,
  });
  return ok({ ...opened, entries: alone.entries, hardState: alone.hardState });
}

/** Null if there is none; then the log is read from its beginning. */
async function newestSnapshot(
  disk: Disk,
  folder: string,
  snapshotFolder: string,
  logger: Logger,
): Promise<Result<Snapshot | null, string>> {
  if (!(await disk.list(snapshotFolder)).some((name) => name.endsWith('.snap'))) return ok(null);
  const known = await validSnapshots(disk, folder);
  if (!known.ok) return err(known.error.message);
  const loaded = await loadNewestSnapshot(disk, snapshotFolder, ({ metadata }) =>
    known.value.some(({ index, term }) => index === metadata.index && term === metadata.term),
  );
  for (const { path, reason } of loaded.broken) logger.warn('renamed a broken snapshot file', { path, error: reason });
  const { snapshot } = loaded;
  if (snapshot === null) return ok(null);
  if (snapshot.data !== null && hasV2UserData(snapshot.data))
    return err('detected disallowed custom content in v2store for stage --v2-deprecation=write-only');
  logger.info('loaded snapshot', { 'snapshot-index': snapshot.metadata.index });
  return ok(snapshot);
}

/** A member without a log: it founds its cluster, or joins one that runs. */
async function begin(
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
  const made =
    config.initialClusterState === 'existing'
      ? await joinRunning(bootstrap, config.maxLearners, logger, toPeers)
      : await found(bootstrap, toPeers);
  if (!made.ok) return made;
  const { memberId, clusterId, entries, hardState, joining } = made.value;
  const wal = await Wal.create(disk, folder, encodeWalMetadata({ memberId, clusterId }), options);
  const problem = await new Promise<Error | null>((done) => wal.save(hardState, entries, true, done));
  if (problem !== null) return err(`cannot write ${folder}: ${problem.message}`);
  return ok({ memberId, clusterId, wal, hardState, entries, snapshot: null, restarted: false, joining });
}

type Begun = Pick<OpenedLog, 'memberId' | 'clusterId' | 'entries' | 'hardState' | 'joining'>;

async function found(bootstrap: BootstrapConfig, toPeers: () => RequestOptions): Promise<Result<Begun, string>> {
  // A peer that does not answer is the ordinary case here and no news to anyone.
  const silent = fetchMembersOverHttp(() => {}, bootstrapQuestionTimeoutMs, toPeers);
  const cluster = await bootstrapNewCluster(bootstrap, silent);
  return cluster.ok ? ok({ ...cluster.value, joining: [] }) : cluster;
}

async function joinRunning(
  bootstrap: BootstrapConfig,
  maxLearners: number,
  logger: Logger,
  toPeers: () => RequestOptions,
): Promise<Result<Begun, string>> {
  const warn: WarnAboutPeer = (message, fields) => logger.warn(message, fields);
  const ask = fetchMembersOverHttp(warn, undefined, toPeers);
  const cluster = await joinCluster(bootstrap, ask);
  if (!cluster.ok) return cluster;
  const { memberId, clusterId, members, remotes } = cluster.value;
  const others = members.filter(({ id }) => id !== memberId);
  const askMember = askMemberOverHttp(warn, versionQuestionTimeoutMs, toPeers);
  if (!(await isCompatible(serverVersion, others, othersAreQuorum(remotes, memberId), askMember, warn)))
    return err('incompatible with current running cluster');
  if (remotes.filter(({ isLearner }) => isLearner).length > maxLearners)
    return err(membershipErrorText.tooManyLearners);
  return ok({ memberId, clusterId, entries: [], hardState: emptyHardState, joining: members });
}

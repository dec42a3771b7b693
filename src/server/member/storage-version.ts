/**
 * The version of the database's schema follows the cluster version (etcd server/storage/schema): 3.6 notes it in the database, and takes
 * the note out again when the cluster is downgraded, so that members of 3.5 can open it.
 */
import type { Clock, Timer } from '../../base/ports.ts';
import { formatId } from '../cluster/ids.ts';
import { isBefore, shortVersion } from '../cluster/versions.ts';
import type { Logger } from '../log/logger.ts';
import { serverVersion } from './server-version.ts';
import type { MemberState } from './state.ts';
import { minClusterVersion } from './version-monitor.ts';

/** As the cluster version is decided. */
const intervalMs = 4_000;

/** The first that notes its version. */
const firstNoted = '3.6.0';
/** What a database without a note has. */
const unnoted = '3.5.0';

export interface StorageVersionPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  state(): MemberState;
  /** The newest version that an entry in the log beyond the last snapshot on disk asks for; null if all are as old as they can be. */
  logVersion(): string | null;
  /** Whether a snapshot that the members of a lower version need is not on disk yet. */
  awaitsSnapshot(): boolean;
}

export class StorageVersion {
  private readonly ports: StorageVersionPorts;
  private timer: Timer | null = null;
  private lastProblem: string | null = null;

  constructor(ports: StorageVersionPorts) {
    this.ports = ports;
  }

  start(): void {
    this.timer = this.ports.clock.every(intervalMs, () => this.update());
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** To be called between entries, never in the midst of applying one. */
  update(): void {
    const { logger } = this.ports;
    const state = this.ports.state();
    const target = state.membership.version();
    const current = detectedVersion(state);
    if (target === null || target === minClusterVersion || current === '' || target === current) {
      this.lastProblem = null;
      return;
    }
    const problem = this.problem(current, target);
    if (problem !== null) {
      this.report(target, current, problem);
      return;
    }
    if (isBefore(target, current) && this.ports.awaitsSnapshot()) return;
    this.lastProblem = null;
    this.announce(target, current);
    if (isBefore(target, firstNoted)) state.removeStorageVersion();
    else state.setStorageVersion(target);
    state.markAgain();
    logger.info('updated storage version', { 'new-storage-version': target });
    const { enabled, targetVersion } = state.membership.downgrade();
    if (enabled)
      logger.info('The server is ready to downgrade', {
        'target-version': targetVersion,
        'server-version': serverVersion,
      });
  }

  private announce(target: string, current: string): void {
    this.ports.logger.info('cluster version differs from storage version.', {
      'cluster-version': target,
      'storage-version': current,
    });
  }

  /** Etcd's words. Nothing is known of schemas before 3.5. */
  private problem(current: string, target: string): string | null {
    if (isBefore(target, unnoted)) return `cannot create migration plan: version "${unnoted}" is not supported`;
    const needed = this.ports.logVersion();
    if (!isBefore(target, current) || needed === null || !isBefore(target, needed)) return null;
    return `cannot downgrade storage, WAL contains newer entries, as the target version (${target}) is lower than the version (${needed}) detected from WAL logs`;
  }

  /** Once, not every few seconds as etcd: a cluster may stay as it is for years. */
  private report(target: string, current: string, problem: string): void {
    if (problem === this.lastProblem) return;
    this.lastProblem = problem;
    this.announce(target, current);
    this.ports.logger.error('failed to update storage version', { 'cluster-version': target, error: problem });
  }
}

/** What the state's database has; empty before the first entry was applied. */
export function detectedVersion(state: Pick<MemberState, 'storageVersion' | 'applied'>): string {
  if (state.storageVersion !== '') return state.storageVersion;
  return state.applied.term === 0 ? '' : unnoted;
}

/** Why a member of this version must not run with this state, in etcd's words; null if it may. */
export function versionProblem(state: MemberState): string | null {
  const { membership, storageVersion } = state;
  if (isBefore(serverVersion, storageVersion)) return `version "${storageVersion}" is not supported`;
  const version = membership.version();
  if (version === null || !isBefore(serverVersion, version)) return null;
  return tooNew(version, membership.localId);
}

/** A cluster version beyond that of this member: it ends its process, as etcd does. */
export function tooNew(version: string, localId: bigint): string {
  const own = `member ${formatId(localId)} is of version ${serverVersion}`;
  return `invalid downgrade; server version is lower than determined cluster version: ${own}, the cluster of ${shortVersion(version)}`;
}

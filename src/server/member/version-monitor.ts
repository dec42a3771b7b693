/**
 * Decides the cluster version (etcd server/etcdserver/version/monitor.go): the least version among the members' servers, or one minor
 * version less while the cluster is being downgraded. Only the leader acts, when it first commits in its term and then periodically; it
 * also ends a downgrade that all members have gone through.
 */
import { unreachable } from '../../base/assert.ts';
import type { Clock, Timer } from '../../base/ports.ts';
import type { DowngradeInfo } from '../cluster/membership.ts';
import { downgradeTarget, isBefore, minorVersion } from '../cluster/versions.ts';
import type { Logger } from '../log/logger.ts';

/** The lowest version that a cluster may have; what it gets when a member cannot be asked at the first decision. */
export const minClusterVersion = '3.0.0';

/** etcd asks again this often: its write time-out less one second. */
const monitorIntervalMs = 4_000;

export interface VersionMonitorPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  isLeader(): boolean;
  clusterVersion(): string | null;
  downgrade(): DowngradeInfo;
  /** The `etcdserver` version that each member answers, this one included; null for a member that does not answer. */
  serverVersions(): Promise<readonly (string | null)[]>;
  /** Proposes the cluster version through Raft. */
  propose(version: string): void;
  /** Proposes that no downgrade is under way any more; the error is what etcd's API would say. */
  endDowngrade(): Promise<string | null>;
}

export class VersionMonitor {
  private readonly ports: VersionMonitorPorts;
  private readonly downgradeCheckMs: number;
  private timers: readonly Timer[] = [];
  private deciding = false;
  private ending = false;
  private stopped = false;

  /** `downgradeCheckMs` is --downgrade-check-time; 0 is never. */
  constructor(downgradeCheckMs: number, ports: VersionMonitorPorts) {
    this.downgradeCheckMs = downgradeCheckMs;
    this.ports = ports;
  }

  start(): void {
    const { clock } = this.ports;
    this.timers = [clock.every(monitorIntervalMs, () => this.check())];
    if (this.downgradeCheckMs > 0)
      this.timers = [...this.timers, clock.every(this.downgradeCheckMs, () => void this.checkDowngrade())];
  }

  /** Looks now; called when this leader commits for the first time in its term. Failures are met by the next check. */
  check(): void {
    if (this.deciding || this.stopped || !this.ports.isLeader()) return;
    this.deciding = true;
    this.ports.serverVersions().then(
      (versions) => {
        this.deciding = false;
        if (!this.stopped && this.ports.isLeader()) this.decide(versions);
      },
      () => {
        this.deciding = false;
      },
    );
  }

  private decide(versions: readonly (string | null)[]): void {
    const { ports } = this;
    const decision = nextClusterVersion(ports.clusterVersion(), versions, ports.downgrade());
    switch (decision.type) {
      case 'keep':
        return;
      case 'set':
        ports.propose(decision.version);
        return;
      case 'invalidDowngrade':
        ports.logger.error(`Cannot downgrade from ${decision.of} to downgrade-target`, {
          'downgrade-target': ports.downgrade().targetVersion,
          [decision.of]: decision.version,
        });
        ports.logger.error('Failed to monitor cluster version', { error: 'invalid downgrade target' });
        return;
      default:
        unreachable(decision);
    }
  }

  private async checkDowngrade(): Promise<void> {
    const { logger, isLeader, downgrade, serverVersions, endDowngrade } = this.ports;
    const { enabled, targetVersion } = downgrade();
    if (!enabled || this.ending || !isLeader()) return;
    this.ending = true;
    try {
      const versions = await serverVersions();
      if (this.stopped || !isLeader() || !haveAll(versions, targetVersion)) return;
      logger.info('the cluster has been downgraded', { 'cluster-version': targetVersion });
      const error = await endDowngrade();
      if (error !== null) logger.warn('failed to cancel downgrade', { error });
    } catch {
      // Whoever cannot be asked now is asked again.
    } finally {
      this.ending = false;
    }
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
  }
}

export type VersionDecision =
  | { readonly type: 'keep' }
  | { readonly type: 'set'; readonly version: string }
  /** The downgrade that is under way would skip a minor version, counted from this version. */
  | {
      readonly type: 'invalidDowngrade';
      readonly of: 'cluster-version' | 'minimal-server-version';
      readonly version: string;
    };

const keep: VersionDecision = { type: 'keep' };

/**
 * Without a downgrade the cluster version only ever rises. A member that does not answer, or not with a version, stops every change but
 * the first.
 */
export function nextClusterVersion(
  current: string | null,
  serverVersions: readonly (string | null)[],
  downgrade: DowngradeInfo,
): VersionDecision {
  const least = leastOf(serverVersions);
  if (current === null) return { type: 'set', version: least ?? minClusterVersion };
  if (least === null) return keep;
  if (!downgrade.enabled) return isBefore(current, least) ? { type: 'set', version: least } : keep;
  const target = downgrade.targetVersion;
  if (target === current) return keep;
  if (target !== downgradeTarget(current)) return { type: 'invalidDowngrade', of: 'cluster-version', version: current };
  if (target !== downgradeTarget(least))
    return { type: 'invalidDowngrade', of: 'minimal-server-version', version: least };
  return { type: 'set', version: target };
}

/** As a cluster version; null unless all are known. */
function leastOf(serverVersions: readonly (string | null)[]): string | null {
  let least: string | null = null;
  for (const version of serverVersions) {
    const minor = version === null ? null : minorVersion(version);
    if (minor === null) return null;
    if (least === null || isBefore(minor, least)) least = minor;
  }
  return least;
}

function haveAll(serverVersions: readonly (string | null)[], target: string): boolean {
  return serverVersions.every((version) => version !== null && minorVersion(version) === target);
}

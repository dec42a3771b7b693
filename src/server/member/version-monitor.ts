/**
 * Decides the cluster version (etcd server/etcdserver/version/monitor.go): the least version among the members' servers. Only the leader
 * acts, when it first commits in its term and then periodically.
 */
import type { Clock, Timer } from '../../base/ports.ts';

/** The lowest version that a cluster may have; what it gets when a member cannot be asked at the first decision. */
export const minClusterVersion = '3.0.0';

/** etcd asks again this often: its write time-out less one second. */
const monitorIntervalMs = 4_000;

export interface VersionMonitorPorts {
  readonly clock: Clock;
  isLeader(): boolean;
  clusterVersion(): string | null;
  /** The `etcdserver` version that each member answers, this one included; null for a member that does not answer. */
  serverVersions(): Promise<readonly (string | null)[]>;
  /** Proposes the cluster version through Raft. */
  propose(version: string): void;
}

export class VersionMonitor {
  private readonly ports: VersionMonitorPorts;
  private timer: Timer | null = null;
  private deciding = false;
  private stopped = false;

  constructor(ports: VersionMonitorPorts) {
    this.ports = ports;
  }

  start(): void {
    this.timer = this.ports.clock.every(monitorIntervalMs, () => this.check());
  }

  /** Looks now; called when this leader commits for the first time in its term. Failures are met by the next check. */
  check(): void {
    if (this.deciding || this.stopped || !this.ports.isLeader()) return;
    this.deciding = true;
    this.ports.serverVersions().then(
      (versions) => {
        this.deciding = false;
        if (this.stopped || !this.ports.isLeader()) return;
        const next = nextClusterVersion(this.ports.clusterVersion(), versions);
        if (next !== null) this.ports.propose(next);
      },
      () => {
        this.deciding = false;
      },
    );
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }
}

/** The version to set, or null to leave it: it only ever rises here, and an unreachable member stops every change but the first. */
export function nextClusterVersion(current: string | null, serverVersions: readonly (string | null)[]): string | null {
  let least: string | null = null;
  let unknown = false;
  for (const version of serverVersions) {
    if (version === null) unknown = true;
    else if (least === null || compareMinor(version, least) < 0) least = version;
  }
  if (unknown || least === null) return current === null ? minClusterVersion : null;
  const target = `${minorOf(least).join('.')}.0`;
  return current === null || compareMinor(target, current) > 0 ? target : null;
}

/** By major and minor version. */
export function isBefore(version: string, other: string): boolean {
  return compareMinor(version, other) < 0;
}

function minorOf(version: string): readonly [number, number] {
  const [major, minor] = version.split('.').map(Number);
  return [major ?? 0, minor ?? 0];
}

function compareMinor(a: string, b: string): number {
  const [majorA, minorA] = minorOf(a);
  const [majorB, minorB] = minorOf(b);
  return majorA - majorB || minorA - minorB;
}

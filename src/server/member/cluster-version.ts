/**
 * The version that the cluster speaks, and what follows from it (etcd server/etcdserver/version): the leader decides it (VersionMonitor),
 * a client may have it lowered (Downgrade), and the database's schema goes with it (StorageVersion).
 */
import { invariant } from '../../base/assert.ts';
import type { Clock } from '../../base/ports.ts';
import type { Applier } from '../apply/applier.ts';
import { isBefore } from '../cluster/versions.ts';
import type { Logger } from '../log/logger.ts';
import type { MemberApi } from './api.ts';
import { Downgrade } from './downgrade.ts';
import { type PublishingMember, proposeClusterVersion } from './publisher.ts';
import { serverVersion } from './server-version.ts';
import type { Snapshots } from './snapshots.ts';
import type { MemberState } from './state.ts';
import { StorageVersion, tooNew } from './storage-version.ts';
import { VersionMonitor } from './version-monitor.ts';

/** The first version that can have an entry which asks for a version. */
const testEntryVersion = '3.6.0';

export type VersionedMember = PublishingMember &
  Pick<MemberApi, 'linearizableRead' | 'downgrade'> & { isLeader(): boolean };

export interface ClusterVersionPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly member: VersionedMember;
  readonly snapshots: Snapshots;
  readonly applier: Pick<Applier, 'testedVersion'>;
  state(): MemberState;
  /** The `etcdserver` version that each other member answers; null where there is no answer. */
  peerVersions(): Promise<readonly (string | null)[]>;
  /** Runs the callback once, as soon as the code that runs now has returned. */
  soon(callback: () => void): void;
}

export class ClusterVersion {
  /** What clients ask for. */
  readonly downgrades: Downgrade;
  private readonly ports: ClusterVersionPorts;
  private readonly monitor: VersionMonitor;
  private readonly schema: StorageVersion;
  private stopped = false;

  /** `downgradeCheckMs` is --downgrade-check-time; 0 is never. */
  constructor(downgradeCheckMs: number, ports: ClusterVersionPorts) {
    const { clock, logger, member, snapshots } = ports;
    this.ports = ports;
    this.downgrades = new Downgrade({
      logger,
      propose: (field, raw, done) => member.propose(field, raw, done),
      linearizableRead: (done) => member.linearizableRead(done),
      clusterVersion: () => member.clusterVersion(),
      downgrade: () => member.downgrade(),
    });
    this.monitor = new VersionMonitor(downgradeCheckMs, {
      clock,
      logger,
      isLeader: () => member.isLeader(),
      clusterVersion: () => member.clusterVersion(),
      downgrade: () => member.downgrade(),
      serverVersions: () => this.serverVersions(),
      propose: (version) => proposeClusterVersion(member, version, logger),
      endDowngrade: async () => (await this.downgrades.end())?.message ?? null,
    });
    this.schema = new StorageVersion({
      clock,
      logger,
      state: () => ports.state(),
      logVersion: () => this.logVersion(),
      awaitsSnapshot: () => snapshots.isForced(),
    });
  }

  start(): void {
    this.monitor.start();
    this.schema.start();
  }

  stop(): void {
    this.stopped = true;
    this.monitor.stop();
    this.schema.stop();
  }

  /** Decides now, if this member leads: it has committed for the first time in its term. */
  decide(): void {
    this.monitor.check();
  }

  /** The state is another, or complete again: its schema may be behind. Never in the midst of applying an entry. */
  updateSchema(): void {
    this.schema.update();
  }

  /** The cluster version was set, by an entry that is being applied. */
  changed(version: string, previous: string | null): void {
    const { logger, member, snapshots, soon } = this.ports;
    invariant(!isBefore(serverVersion, version), tooNew(version, member.memberId));
    if (previous !== null && isBefore(version, previous)) {
      logger.info('Cluster version downgrade detected, forcing snapshot', {
        'prev-cluster-version': previous,
        'new-cluster-version': version,
      });
      // Members of the lower version read the cluster version from a snapshot.
      snapshots.force(() => this.schema.update());
    }
    // Not now: the entry is half-way through being applied.
    soon(() => {
      if (!this.stopped) this.schema.update();
    });
  }

  /** Of all members, this one first; null where there is no answer. */
  async serverVersions(): Promise<readonly (string | null)[]> {
    return [serverVersion, ...(await this.ports.peerVersions())];
  }

  private logVersion(): string | null {
    const tested = this.ports.applier.testedVersion;
    if (tested === null || tested.index <= this.ports.snapshots.index) return null;
    // The kind of entry itself is one of 3.6.
    return isBefore(tested.version, testEntryVersion) ? testEntryVersion : tested.version;
  }
}

/**
 * What Maintenance.Downgrade asks for (etcd server/etcdserver/version/version.go): the cluster version steps down by one minor version
 * while all members still are of the higher one, so that each can then be replaced by one of the lower. The leader carries it out
 * (VersionMonitor), each member takes back its database's schema (StorageVersion).
 */
import { err, ok, type Result } from '../../base/result.ts';
import { downgradeInfoSetRequest } from '../../proto/membershippb.ts';
import { internalField } from '../../proto/raft-internal.ts';
import type { DowngradeInfo } from '../cluster/membership.ts';
import { clusterVersionOf, downgradeTarget, isBefore, shortVersion } from '../cluster/versions.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { MemberApi } from './api.ts';

/** The lowest cluster version whose members all understand downgrades. */
const firstDowngradable = '3.5.0';

export interface DowngradePorts extends Pick<MemberApi, 'propose' | 'linearizableRead' | 'clusterVersion'> {
  readonly logger: Logger;
  downgrade(): DowngradeInfo;
}

/** The cluster version, "3.6", or why not. */
export type DowngradeOutcome = Result<string, RpcError>;

export class Downgrade {
  private readonly ports: DowngradePorts;

  constructor(ports: DowngradePorts) {
    this.ports = ports;
  }

  /** Whether the cluster could be downgraded to that version now: "3.5", or any patch of it. */
  async validate(version: string): Promise<DowngradeOutcome> {
    const target = clusterVersionOf(version);
    return target === null ? err(rpcErrors.wrongDowngradeVersionFormat) : this.validateTarget(target);
  }

  private async validateTarget(target: string): Promise<DowngradeOutcome> {
    const error = await this.upToDate();
    if (error !== null) return err(error);
    const current = this.ports.clusterVersion();
    if (current === null) return err(rpcErrors.clusterVersionUnavailable);
    // Members of 3.4 end their process on the request that a downgrade begins with.
    const isTarget = target === downgradeTarget(current) && !isBefore(current, firstDowngradable);
    if (!isTarget) return err(rpcErrors.invalidDowngradeTarget);
    return this.ports.downgrade().enabled ? err(rpcErrors.downgradeInProcess) : ok(shortVersion(current));
  }

  async enable(version: string): Promise<DowngradeOutcome> {
    const outcome = await this.tryEnable(version);
    if (!outcome.ok) this.ports.logger.warn('reject downgrade request', { error: outcome.error.message });
    return outcome;
  }

  private async tryEnable(version: string): Promise<DowngradeOutcome> {
    const target = clusterVersionOf(version);
    if (target === null) return err(rpcErrors.wrongDowngradeVersionFormat);
    const valid = await this.validateTarget(target);
    if (!valid.ok) return valid;
    const error = await this.set({ enabled: true, targetVersion: target });
    return error === null ? this.current() : err(error);
  }

  /** As in etcd, one that fails is in the log only. */
  async cancel(): Promise<DowngradeOutcome> {
    const error = await this.tryCancel();
    if (error !== null) this.ports.logger.warn('failed to cancel downgrade', { error: error.message });
    return this.current();
  }

  private async tryCancel(): Promise<RpcError | null> {
    const error = await this.upToDate();
    if (error !== null) return error;
    return this.ports.downgrade().enabled ? this.end() : rpcErrors.noInflightDowngrade;
  }

  /** Says to the cluster that no downgrade is under way any more. */
  end(): Promise<RpcError | null> {
    return this.set({ enabled: false, targetVersion: '' });
  }

  private upToDate(): Promise<RpcError | null> {
    return new Promise((done) => this.ports.linearizableRead(done));
  }

  private set({ enabled, targetVersion }: DowngradeInfo): Promise<RpcError | null> {
    const request = downgradeInfoSetRequest.encode({ enabled, ver: targetVersion });
    return new Promise((done) =>
      this.ports.propose(internalField.downgradeInfoSet, request, (outcome) => done(outcome.ok ? null : outcome.error)),
    );
  }

  private current(): DowngradeOutcome {
    const version = this.ports.clusterVersion();
    return version === null ? err(rpcErrors.clusterVersionUnavailable) : ok(shortVersion(version));
  }
}

import { describe, expect, it } from 'vitest';
import type { DowngradeInfo } from '../../../src/server/cluster/membership.ts';
import { nextClusterVersion, VersionMonitor } from '../../../src/server/member/version-monitor.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const none: DowngradeInfo = { enabled: false, targetVersion: '' };
const to35: DowngradeInfo = { enabled: true, targetVersion: '3.5.0' };
const keep = { type: 'keep' };
const set = (version: string) => ({ type: 'set', version });

describe('the cluster version', () => {
  it('is the least of the members’ versions, without its patch', () => {
    expect(nextClusterVersion(null, ['3.6.5', '3.6.5', '3.6.5'], none)).toEqual(set('3.6.0'));
    expect(nextClusterVersion(null, ['3.6.5', '3.5.23', '3.6.5'], none)).toEqual(set('3.5.0'));
  });

  it('starts at 3.0.0 while a member cannot be asked, and rises when it can', () => {
    expect(nextClusterVersion(null, ['3.6.5', null, '3.6.5'], none)).toEqual(set('3.0.0'));
    expect(nextClusterVersion(null, ['3.6.5', 'three'], none)).toEqual(set('3.0.0'));
    expect(nextClusterVersion('3.0.0', ['3.6.5', null, '3.6.5'], none)).toEqual(keep);
    expect(nextClusterVersion('3.0.0', ['3.6.5', '3.6.5', '3.6.5'], none)).toEqual(set('3.6.0'));
  });

  it('never falls without a downgrade', () => {
    expect(nextClusterVersion('3.6.0', ['3.5.23', '3.6.5'], none)).toEqual(keep);
    expect(nextClusterVersion('3.6.0', ['3.6.5', '3.6.9'], none)).toEqual(keep);
  });

  it('falls to the target of a downgrade, and does not rise again while that is under way', () => {
    expect(nextClusterVersion('3.6.0', ['3.6.5', '3.6.5'], to35)).toEqual(set('3.5.0'));
    expect(nextClusterVersion('3.5.0', ['3.6.5', '3.6.5'], to35)).toEqual(keep);
    expect(nextClusterVersion('3.5.0', ['3.6.5', '3.6.5'], none)).toEqual(set('3.6.0'));
  });

  it('falls only while all members can be asked, and not beneath the next minor version', () => {
    expect(nextClusterVersion('3.6.0', ['3.6.5', null], to35)).toEqual(keep);
    expect(nextClusterVersion('3.7.0', ['3.7.1'], to35)).toEqual({
      type: 'invalidDowngrade',
      of: 'cluster-version',
      version: '3.7.0',
    });
    expect(nextClusterVersion('3.6.0', ['3.7.1'], to35)).toEqual({
      type: 'invalidDowngrade',
      of: 'minimal-server-version',
      version: '3.7.0',
    });
  });
});

describe('a downgrade', () => {
  it('is over when the leader sees that all members have the target version', async () => {
    const clock = new ManualClock();
    let versions = ['3.5.23', '3.6.5'];
    let ended = 0;
    const monitor = new VersionMonitor(1_000, {
      clock,
      logger: silentLogger,
      isLeader: () => true,
      clusterVersion: () => '3.5.0',
      downgrade: () => to35,
      serverVersions: async () => versions,
      propose: () => {},
      endDowngrade: async () => {
        ended++;
        return null;
      },
    });
    monitor.start();
    await clock.advance(3_000);
    expect(ended).toBe(0);
    versions = ['3.5.23', '3.5.22'];
    await clock.advance(1_000);
    expect(ended).toBe(1);
    monitor.stop();
    await clock.advance(3_000);
    expect(ended).toBe(1);
  });
});

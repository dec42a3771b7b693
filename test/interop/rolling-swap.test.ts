/** A running cluster of real etcd becomes one of bundled members, one data directory at a time, and real again, under writes. */
import { afterEach, describe, expect, it } from 'vitest';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { realProgram } from '../support/real-etcd.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const realEtcd = realProgram('etcd') ?? '';
const skipped = realEtcd === '' ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

let cluster: TestCluster | null = null;
let load: WriteLoad | null = null;
afterEach(async () => {
  await load?.stop();
  load?.close();
  await cluster?.close();
  cluster = null;
  load = null;
});

describe.skipIf(realEtcd === '')(`a rolling swap of binaries${skipped}`, () => {
  it('to bundled members and back loses no acknowledged write', { timeout: 90_000 }, async () => {
    const flags = ['--snapshot-count=100', '--snapshot-catchup-entries=50'];
    cluster = await TestCluster.start({ binaries: [realEtcd, realEtcd, realEtcd], flags });
    const endpoints = cluster.members.map((member) => member.clientUrl);
    load = new WriteLoad(endpoints, 6);
    await load.acknowledges(100);
    for (const binary of [bundledEtcd, realEtcd]) {
      for (const [i, member] of cluster.members.entries()) {
        // Some stop in order, some have no time to.
        await member.kill(i === 1 ? 'SIGTERM' : 'SIGKILL');
        // The others go on, and leave the log of this one behind.
        await load.acknowledges(i === 2 ? 400 : 50);
        member.binary = binary;
        await member.start().ready;
        await load.acknowledges(50);
      }
      expect(new Set(cluster.members.map((member) => member.binary))).toEqual(new Set([binary]));
    }
    await load.stop();
    for (const endpoint of endpoints) expect(await load.violations(endpoint)).toEqual([]);
    expect(new Set(await hashesOf(endpoints)).size).toBe(1);
    expect(load.acknowledgedWrites).toBeGreaterThan(1000);
  });
});

/** Bundled members and real etcd 3.4.23, 3.5.23 and 3.6.5 in one cluster: both kinds lead, both kinds die, and all end with the same content. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { debianEtcd, realProgram } from '../support/real-etcd.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const realEtcd = realProgram('etcd');
const lastRelease = realProgram('etcd-last-release');
const debian = debianEtcd();
const writes = 10_000;
const skipped = realEtcd === null ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function leaderOf(cluster: TestCluster): Promise<TestMember> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    for (const member of cluster.members) {
      if (member.process === null) continue;
      const client = new TestClient(member.clientUrl);
      const status = await client.call('etcdserverpb.Maintenance/Status', {}, { deadlineMs: 2_000 });
      client.close();
      if (status.ok && (status.answer['header'] as { member_id: string }).member_id === status.answer['leader'])
        return member;
    }
  }
  throw new Error('no leader within 15 s');
}

describe.skipIf(realEtcd === null)(`a cluster of bundled and real members${skipped}`, () => {
  it.for([
    ['one bundled among real 3.6.5', [realEtcd, realEtcd, bundledEtcd]],
    ['one real 3.6.5 among bundled', [bundledEtcd, realEtcd, bundledEtcd]],
    ['one bundled among real 3.5.23', [lastRelease, lastRelease, bundledEtcd]],
    ['one real 3.5.23 among bundled', [bundledEtcd, lastRelease, bundledEtcd]],
    ['one bundled among real 3.4.23', [debian, debian, bundledEtcd]],
    ['one real 3.4.23 among bundled', [bundledEtcd, debian, bundledEtcd]],
  ] as const)('%s: ten thousand writes survive leaders of either kind', async ([, binaries], { skip }) => {
    if (binaries.some((binary) => binary === null)) return skip('one of its etcds is not here');
    const cluster = await TestCluster.start({ binaries: binaries.map((binary) => binary ?? '') });
    closers.push(() => cluster.close());
    const endpoints = cluster.members.map((member) => member.clientUrl);
    const load = new WriteLoad(endpoints, 8);
    closers.push(() => load.close());
    const kindsThatLed = new Set<string>();
    // Which survivor wins an election is chance: twelve rounds without one kind would be one in thousands.
    for (let round = 0; round < 12 && (round < 4 || kindsThatLed.size < 2); round++) {
      await load.acknowledges(60);
      const leader = await leaderOf(cluster);
      kindsThatLed.add(leader.binary);
      await leader.kill('SIGKILL');
      await load.acknowledges(40);
      await leader.start().ready;
    }
    // A lease granted and revoked through a real member deletes its keys on the bundled ones too.
    const real = new TestClient(endpoints[binaries.findIndex((binary) => binary !== bundledEtcd)] ?? '');
    closers.push(() => real.close());
    const lease = { TTL: 600, ID: 77 };
    expect((await real.call('etcdserverpb.Lease/LeaseGrant', lease)).ok).toBe(true);
    const leased = { key: Buffer.from('leased'), value: Buffer.from('v'), lease: 77 };
    expect((await real.call('etcdserverpb.KV/Put', leased)).ok).toBe(true);
    expect((await real.call('etcdserverpb.Lease/LeaseRevoke', { ID: 77 })).ok).toBe(true);
    await load.acknowledges(writes, 100_000);
    await load.stop();
    for (const endpoint of endpoints) expect(await load.violations(endpoint)).toEqual([]);
    expect(new Set(await hashesOf(endpoints)).size).toBe(1);
    expect(kindsThatLed.size).toBe(2);
  });
});

/** The cluster's way from 3.6 down to 3.5 and up again: bundled members, and real ones of 3.5 that go on with their directories. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { realProgram, run } from '../support/real-etcd.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const oldEtcd = realProgram('etcd-last-release');
const etcdctl = realProgram('etcdctl');
const etcdutl = realProgram('etcdutl');
const skipped = oldEtcd === null ? ' (skipped: REAL_ETCD_DIR names no folder with etcd-last-release)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function statusOf(member: TestMember): Promise<Readonly<Record<string, unknown>>> {
  const client = new TestClient(member.clientUrl);
  const status = await client.call('etcdserverpb.Maintenance/Status', {}, { deadlineMs: 2_000 });
  client.close();
  return status.ok ? status.answer : {};
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function clusterVersion(member: TestMember): Promise<string> {
  const answer = await fetch(`${member.clientUrl}/version`);
  return ((await answer.json()) as { etcdcluster: string }).etcdcluster;
}

/** The same member with the other program, on the same directory. */
async function swap(member: TestMember, binary: string): Promise<void> {
  await member.kill('SIGTERM');
  member.binary = binary;
  await member.start().ready;
}

describe.skipIf(oldEtcd === null || etcdctl === null || etcdutl === null)(`a downgrade${skipped}`, () => {
  it('leads bundled members to real ones of 3.5 and back, while a client writes', async () => {
    const cluster = await TestCluster.start({ binaries: Array(3).fill(bundledEtcd) });
    closers.push(() => cluster.close());
    const ctl = (...args: string[]) => run(etcdctl ?? '', [`--endpoints=${cluster.endpoints}`, ...args]);
    await until('3.6', async () => (await clusterVersion(cluster.member(0))) === '3.6.0');
    const load = new WriteLoad(cluster.endpoints.split(','), 4);
    closers.push(() => load.close());
    await load.acknowledges(50);

    expect((await ctl('downgrade', 'validate', '3.5')).stdout).toContain(
      'Downgrade validate success, cluster version 3.6',
    );
    expect((await ctl('downgrade', 'enable', '3.5')).stdout).toContain('Downgrade enable success, cluster version 3.6');
    for (const member of cluster.members) {
      await member.waitForLog('The server is ready to downgrade');
      expect(await clusterVersion(member)).toBe('3.5.0');
      expect(await statusOf(member)).toMatchObject({
        storageVersion: '3.5.0',
        downgradeInfo: { enabled: true, targetVersion: '3.5.0' },
      });
    }
    for (const member of cluster.members) {
      await load.acknowledges(30);
      await swap(member, oldEtcd ?? '');
    }
    await until('the end of the downgrade', async () =>
      cluster.members.some(({ log }) => log.includes('the cluster has been downgraded')),
    );
    for (const member of cluster.members) {
      await load.acknowledges(30);
      await swap(member, bundledEtcd);
    }
    await until('3.6 again', async () => (await clusterVersion(cluster.member(1))) === '3.6.0');
    for (const member of cluster.members)
      await until('the schema of 3.6', async () => (await statusOf(member))['storageVersion'] === '3.6.0');
    await load.stop();
    for (const { clientUrl } of cluster.members) expect(await load.violations(clientUrl)).toEqual([]);
    expect(new Set(await hashesOf(cluster.endpoints.split(','))).size).toBe(1);
    await cluster.member(0).kill('SIGTERM');
    const checked = await run(etcdutl ?? '', [
      'snapshot',
      'status',
      `${cluster.member(0).options.dataDir}/member/snap/db`,
    ]);
    expect(checked).toMatchObject({ code: 0 });
  });

  it('is cancelled as with real members', async () => {
    const cluster = await TestCluster.start({ binaries: [bundledEtcd] });
    closers.push(() => cluster.close());
    const ctl = (...args: string[]) => run(etcdctl ?? '', [`--endpoints=${cluster.endpoints}`, ...args]);
    const member = cluster.member(0);
    await until('3.6', async () => (await clusterVersion(member)) === '3.6.0');
    expect((await ctl('downgrade', 'cancel')).stdout).toBe('Downgrade cancel success, cluster version 3.6\n');
    expect((await ctl('downgrade', 'enable', '3.4')).stderr).toContain('invalid downgrade target version');
    await ctl('downgrade', 'enable', '3.5');
    await member.waitForLog('The server is ready to downgrade');
    expect((await ctl('downgrade', 'enable', '3.4')).stderr).toContain('cluster has a downgrade job in progress');
    expect((await ctl('downgrade', 'cancel')).stdout).toBe('Downgrade cancel success, cluster version 3.5\n');
    await until('3.6 again', async () => (await statusOf(member))['storageVersion'] === '3.6.0');
  });
});

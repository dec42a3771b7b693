/** A member whose database was altered is found out: by bundled leaders and real ones, on bundled members and real ones. */
import { afterEach, describe, expect, it } from 'vitest';
import { formatId } from '../../src/server/cluster/ids.ts';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { corruptDatabase } from '../support/corrupt-database.ts';
import { realProgram } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd');
const skipped = realEtcd === null ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function clientOf(member: TestMember): TestClient {
  const client = new TestClient(member.clientUrl);
  closers.push(() => client.close());
  return client;
}

async function started(binaries: readonly string[], flags: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.start({ binaries, flags });
  closers.push(() => cluster.close());
  return cluster;
}

async function idOf(member: TestMember): Promise<string> {
  const status = await clientOf(member).call('etcdserverpb.Maintenance/Status', {});
  return status.ok ? (status.answer['header'] as { member_id: string }).member_id : '';
}

async function makeLead(cluster: TestCluster, member: TestMember): Promise<void> {
  const target = await idOf(member);
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    for (const one of cluster.members) {
      const status = await clientOf(one).call('etcdserverpb.Maintenance/Status', {});
      if (status.ok && status.answer['leader'] === target) return;
      await clientOf(one).call('etcdserverpb.Maintenance/MoveLeader', { targetID: target });
    }
  }
  throw new Error(`${member.options.name} does not lead after 15 s`);
}

async function corrupt(member: TestMember): Promise<void> {
  await member.kill('SIGTERM');
  await corruptDatabase(member.options.dataDir);
}

/** The members of which a CORRUPT alarm is raised, once there is one. */
async function corruptMembers(client: TestClient): Promise<readonly string[]> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const answer = await client.call('etcdserverpb.Maintenance/Alarm', {});
    const alarms = answer.ok ? (answer.answer['alarms'] as { memberID: string; alarm: string }[]) : [];
    if (alarms.length > 0) return alarms.map(({ memberID, alarm }) => `${alarm} ${memberID}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('no alarm within 20 s');
}

describe.skipIf(realEtcd === null)(`a corrupt member${skipped}`, () => {
  const real = realEtcd ?? '';

  it.each([
    ['a bundled leader finds a real member', [bundledEtcd, real, bundledEtcd], '--corrupt-check-time=1s'],
    ['a real leader finds a bundled member', [real, bundledEtcd, real], '--corrupt-check-time=1s'],
  ])('is found periodically: %s', async (_name, binaries, flag) => {
    const cluster = await started(binaries, [flag]);
    const leader = clientOf(cluster.member(0));
    for (let i = 0; i < 5; i++) expect(await leader.put(`key-${i}`, 'value')).toMatchObject({ ok: true });
    await makeLead(cluster, cluster.member(0));
    const suspect = await idOf(cluster.member(1));
    await corrupt(cluster.member(1));
    await cluster.member(1).start().ready;
    expect(await corruptMembers(leader)).toEqual([`CORRUPT ${suspect}`]);
    expect(await leader.put('more', 'value')).toEqual({ ok: false, code: 15, message: 'etcdserver: corrupt cluster' });
    const ready = await fetch(`${cluster.member(0).clientUrl}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('[-]data_corruption failed: alarm activated: CORRUPT');
    expect((await fetch(`${cluster.member(0).clientUrl}/livez`)).status).toBe(200);
    const health = await fetch(`${cluster.member(0).clientUrl}/health`);
    expect(await health.json()).toEqual({ health: 'false', reason: 'ALARM CORRUPT' });
  });

  it.each([
    ['a bundled leader finds a real member', [bundledEtcd, real, bundledEtcd]],
    ['a real leader finds a bundled member', [real, bundledEtcd, real]],
  ])('is found by what a compaction leaves: %s', async (_name, binaries) => {
    const flags = ['--feature-gates=CompactHashCheck=true', '--compact-hash-check-time=1s'];
    const cluster = await started(binaries, flags);
    const leader = clientOf(cluster.member(0));
    for (let i = 0; i < 5; i++) expect(await leader.put(`key-${i}`, 'value')).toMatchObject({ ok: true });
    await makeLead(cluster, cluster.member(0));
    const suspect = await idOf(cluster.member(1));
    await corrupt(cluster.member(1));
    await cluster.member(1).start().ready;
    await clientOf(cluster.member(1)).get('key-0');
    expect(await leader.call('etcdserverpb.KV/Compact', { revision: 5 })).toMatchObject({ ok: true });
    expect(await corruptMembers(leader)).toEqual([`CORRUPT ${suspect}`]);
  });

  it('does not start with an initial check', async () => {
    const cluster = await started([real, bundledEtcd, real], ['--feature-gates=InitialCorruptCheck=true']);
    const client = clientOf(cluster.member(0));
    for (let i = 0; i < 5; i++) await client.put(`key-${i}`, 'value');
    const member = cluster.member(1);
    const id = formatId(BigInt(await idOf(member)));
    await member.kill('SIGTERM');
    await member.start().ready;
    expect(member.log).toContain('initial corruption checking passed; no corruption');
    await corrupt(member);
    await expect(member.start().ready).rejects.toThrow(`${id} found data inconsistency with peers`);
  });
});

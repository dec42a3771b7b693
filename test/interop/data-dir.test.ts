/**
 * A data directory goes from hand to hand: real etcd starts on a bundled member's and serves the same, the bundled member starts on those
 * of real 3.6.5, 3.5.23 and 3.4.23, and after equal operations both have written the same pairs into every bucket.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Content } from '../server/storage/backend/backends.ts';
import { bytes, call, contentsOf, hashOf, membersOf, put } from '../support/calls.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { databaseOf, databasePath } from '../support/database.ts';
import { freePorts } from '../support/ports.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd') ?? '';
const etcdutl = realProgram('etcdutl') ?? '';
const skipped = realEtcd === '' ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function layOut(binary: string, ports?: readonly number[]): Promise<TestMember> {
  const cluster = await TestCluster.create({ binaries: [binary], ...(ports !== undefined && { ports }) });
  closers.push(() => cluster.close());
  return cluster.member(0);
}

/** Something of everything that the KV service can do, and two compactions; the last one leaves tombstones behind. */
async function work(member: TestMember, round: string): Promise<void> {
  for (let i = 0; i < 40; i++) await put(member, `${round}/${i % 13}`, `value ${i}`);
  await call(member, 'KV/DeleteRange', { key: bytes(`${round}/1`), range_end: bytes(`${round}/12`) });
  const op = (key: string) => ({ request_put: { key: bytes(key), value: bytes('in a transaction') } });
  const gone = { request_delete_range: { key: bytes(`${round}/7`) } };
  await call(member, 'KV/Txn', { success: [op(`${round}/a`), op(`${round}/b`), gone] });
  const { header } = await put(member, `${round}/large`, 'x'.repeat(10_000));
  const revision = Number((header as { revision: string }).revision);
  await call(member, 'KV/Compact', { revision: revision - 20, physical: true });
  await call(member, 'KV/DeleteRange', { key: bytes(`${round}/4`) });
  await call(member, 'KV/Compact', { revision: revision + 1, physical: true });
  for (let i = 0; i < 10; i++) await put(member, `${round}/last`, `${i}`);
}

async function restartAs(member: TestMember, binary: string, signal: NodeJS.Signals): Promise<void> {
  await member.kill(signal);
  member.binary = binary;
  await member.start().ready;
}

/** Real etcd writes the schema's version some seconds after the cluster's. */
async function schemaIsWritten(member: TestMember): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await call(member, 'Maintenance/Status', {}))['storageVersion'] !== '3.6.0') {
    if (Date.now() > deadline) throw new Error('no storage version within 20 s');
    await new Promise((done) => setTimeout(done, 100));
  }
}

describe.skipIf(realEtcd === '')(`a data directory${skipped}`, () => {
  it('holds, pair by pair, what real etcd writes after the same operations', async () => {
    const ports = await freePorts(2);
    const contents: Content[] = [];
    for (const binary of [realEtcd, bundledEtcd]) {
      const member = await layOut(binary, ports);
      await member.start().ready;
      await work(member, 'same');
      const alarm = { action: 'ACTIVATE', memberID: '77', alarm: 'CORRUPT' };
      await call(member, 'Maintenance/Alarm', alarm);
      await call(member, 'Maintenance/Alarm', { ...alarm, action: 'DEACTIVATE' });
      await call(member, 'Maintenance/Alarm', { ...alarm, memberID: '78', alarm: 'NOSPACE' });
      await schemaIsWritten(member);
      await member.kill('SIGTERM');
      contents.push(await databaseOf(member));
    }
    expect(Object.keys(contents[0]?.key ?? {}).length).toBeGreaterThan(15);
    expect(contents[1]).toEqual(contents[0]);
  }, 60_000);

  it('of a bundled member that was killed serves real etcd, and comes back', async () => {
    const member = await layOut(bundledEtcd);
    await member.start().ready;
    await work(member, 'first');
    const before = { hash: await hashOf(member), contents: await contentsOf(member) };
    await restartAs(member, realEtcd, 'SIGKILL');
    expect({ hash: await hashOf(member), contents: await contentsOf(member) }).toEqual(before);
    await work(member, 'second');
    const between = { hash: await hashOf(member), contents: await contentsOf(member) };
    await restartAs(member, bundledEtcd, 'SIGKILL');
    expect({ hash: await hashOf(member), contents: await contentsOf(member) }).toEqual(between);
    await work(member, 'third');
    const { hash, hash_revision } = (await hashOf(member)) as { hash: number; hash_revision: string };
    await member.kill('SIGTERM');

    const status = await run(etcdutl, ['snapshot', 'status', databasePath(member), '-w', 'json']);
    expect(status.code, status.stderr).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({ revision: Number(hash_revision), version: '3.6.0' });
    const hashed = await run(etcdutl, ['hashkv', databasePath(member), '-w', 'json']);
    expect(JSON.parse(hashed.stdout)).toMatchObject({ hash, hashRevision: Number(hash_revision) });
  }, 60_000);

  it.for([
    ['3.6.5', realEtcd],
    ['3.5.23', realProgram('etcd-last-release')],
    ['3.4.23', debianEtcd()],
  ] as const)(
    'of real %s, killed in the middle, serves the bundled member',
    { timeout: 60_000 },
    async ([, binary], { skip }) => {
      if (binary === null) return skip('it is not installed');
      const member = await layOut(binary);
      await member.start().ready;
      await work(member, 'old');
      await call(member, 'Lease/LeaseGrant', { TTL: 600, ID: 4242 });
      await call(member, 'KV/Put', { key: bytes('leased'), value: bytes('v'), lease: 4242 });
      const members = await membersOf(member);
      const before = await contentsOf(member);
      await restartAs(member, bundledEtcd, 'SIGKILL');
      expect(await contentsOf(member)).toEqual(before);
      expect(await membersOf(member)).toEqual(members);
      await work(member, 'new');
      const after = { hash: await hashOf(member), contents: await contentsOf(member) };
      // And again, from the database that this member has gone on with, to real etcd, which knows the lease.
      await restartAs(member, bundledEtcd, 'SIGKILL');
      expect({ hash: await hashOf(member), contents: await contentsOf(member) }).toEqual(after);
      await restartAs(member, realEtcd, 'SIGTERM');
      expect({ hash: await hashOf(member), contents: await contentsOf(member) }).toEqual(after);
      const lease = await call(member, 'Lease/LeaseTimeToLive', { ID: 4242, keys: true });
      expect(lease).toMatchObject({ grantedTTL: '600', keys: [bytes('leased')] });
    },
  );

  it('is left alone while real etcd runs on it', async () => {
    const member = await layOut(realEtcd);
    await member.start().ready;
    await work(member, 'undisturbed');
    const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
    const second = await run(bundledEtcd, [
      `--name=${member.options.name}`,
      `--data-dir=${member.options.dataDir}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${member.options.name}=${peer}`,
    ]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('is in use by another process');
    await work(member, 'still');
    const before = await contentsOf(member);
    await restartAs(member, realEtcd, 'SIGKILL');
    expect(await contentsOf(member)).toEqual(before);
  }, 60_000);

  it('gets the same pairs from the same log on bundled and on real members', async () => {
    const cluster = await TestCluster.start({ binaries: [realEtcd, bundledEtcd, realEtcd] });
    closers.push(() => cluster.close());
    const [real, bundled] = [cluster.member(0), cluster.member(1)];
    await work(bundled, 'mixed');
    for (const ID of [5, 6, 7]) await call(real, 'Lease/LeaseGrant', { TTL: ID === 5 ? 1 : 600, ID });
    await call(real, 'KV/Put', { key: bytes('leased'), value: bytes('v'), lease: 6 });
    await call(bundled, 'KV/Put', { key: bytes('leased too'), value: bytes('v'), lease: 7 });
    await call(real, 'Lease/LeaseRevoke', { ID: 6 });
    await call(bundled, 'Maintenance/Alarm', { action: 'ACTIVATE', memberID: '9', alarm: 'NOSPACE' });
    for (const member of cluster.members) await schemaIsWritten(member);
    // All have applied the same when they answer the same linearizable read; without a quorum nothing more is applied.
    for (const member of cluster.members) await call(member, 'KV/Range', { key: bytes('leased') });
    for (const member of cluster.members) await member.kill('SIGTERM');
    const contents = [];
    for (const member of cluster.members) contents.push(await databaseOf(member));
    // Each member finishes its compactions by itself: all are by now.
    expect(contents[1]).toEqual(contents[0]);
    expect(contents[2]).toEqual(contents[0]);
  }, 60_000);
});

/** --force-new-cluster: one survivor of three goes on alone, as real etcd does from the same directory, and others can join it. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, bytes, call, contentsOf, hashOf, membersOf, put } from '../support/calls.ts';
import { bundledEtcd, TestCluster, TestMember } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';
import { realProgram } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd') ?? '';
const skipped = realEtcd === '' ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A cluster of three that has written, and was killed as a whole. */
async function killedCluster(binary: string, flags: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.start({ binaries: [binary, binary, binary], flags });
  closers.push(() => cluster.close());
  for (let i = 0; i < 40; i++) await put(cluster.member(i % 3), `k${i % 7}`, `${i}`);
  await call(cluster.member(0), 'KV/DeleteRange', { key: bytes('k3') });
  // Each has applied it all when it answers this.
  for (const member of cluster.members) await contentsOf(member);
  for (const member of cluster.members) await member.kill('SIGKILL');
  return cluster;
}

/** The first member, on a copy of its directory. */
async function survivor(cluster: TestCluster, binary: string): Promise<TestMember> {
  const { options } = cluster.member(0);
  const dataDir = join(cluster.directory, `copy-${binary === realEtcd ? 'real' : 'bundled'}`);
  await cp(options.dataDir, dataDir, { recursive: true });
  const member = new TestMember({ ...options, binary, dataDir });
  closers.push(() => void member.kill('SIGKILL'));
  return member;
}

/** Asks a lone member for a place, and takes it. */
async function joinTo(first: TestMember, cluster: TestCluster, binary: string): Promise<TestMember> {
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  if (client === undefined || peer === undefined) throw new Error('no ports');
  await call(first, 'Cluster/MemberAdd', { peerURLs: [peer] });
  const initial = `${first.options.name}=${first.options.peerUrl},joined=${peer}`;
  const member = new TestMember({
    name: 'joined',
    binary,
    dataDir: join(cluster.directory, `joined-${peer.slice(-5)}`),
    clientUrl: client,
    peerUrl: peer,
    flags: [`--initial-cluster=${initial}`, '--initial-cluster-state=existing'],
  });
  closers.push(() => void member.kill('SIGKILL'));
  await member.start().ready;
  return member;
}

describe.skipIf(realEtcd === '')(`--force-new-cluster${skipped}`, () => {
  it.each([
    { of: 'bundled', from: bundledEtcd, flags: [] },
    { of: 'real, with snapshots', from: realEtcd, flags: ['--snapshot-count=10'] },
  ])('makes one survivor of three $of members a cluster of its own', { timeout: 60_000 }, async ({ from, flags }) => {
    const cluster = await killedCluster(from, flags);
    const found: unknown[] = [];
    for (const binary of [realEtcd, bundledEtcd]) {
      const member = await survivor(cluster, binary);
      await member.start(['--force-new-cluster']).ready;
      const members = await membersOf(member);
      expect(members.map(({ name, peerURLs }) => ({ name, peerURLs }))).toEqual([
        { name: 'infra1', peerURLs: [member.options.peerUrl] },
      ]);
      const clusterId = ((await call(member, 'Maintenance/Status', {}))['header'] as Answer)['cluster_id'];
      found.push({ clusterId, members, contents: await contentsOf(member), hash: await hashOf(member) });
      // Alone it has a quorum; what it writes now, and that it is alone, holds without the flag.
      await put(member, 'alone', 'yes');
      await member.kill('SIGKILL');
      await member.start().ready;
      expect(await call(member, 'KV/Range', { key: bytes('alone') })).toMatchObject({ count: '1' });
      expect(await membersOf(member)).toHaveLength(1);
      // Whoever joins gets everything.
      const other = await joinTo(member, cluster, binary === realEtcd ? bundledEtcd : realEtcd);
      await put(other, 'joined', 'yes');
      expect(await contentsOf(other)).toEqual(await contentsOf(member));
      expect(await hashOf(other)).toEqual(await hashOf(member));
      expect(await membersOf(other)).toHaveLength(2);
      await other.kill('SIGKILL');
      await member.kill('SIGKILL');
    }
    expect(found[1]).toEqual(found[0]);
  });
});

/** Members come, are promoted, moved and removed, by etcdctl, in clusters of bundled and real members of all versions. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledEtcd, TestCluster, TestMember } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';
import { debianEtcd, debianEtcdctl, type Run, realProgram, run } from '../support/real-etcd.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const etcd36 = realProgram('etcd') ?? '';
const etcd35 = realProgram('etcd-last-release') ?? '';
const etcd34 = debianEtcd() ?? '';
const etcdctl = realProgram('etcdctl') ?? '';
const etcdutl = realProgram('etcdutl') ?? '';
const etcdctl34 = debianEtcdctl() ?? '';
const missing = [etcd36, etcd35, etcd34, etcdctl, etcdutl, etcdctl34].includes('');
const skipped = missing
  ? ' (skipped: needs REAL_ETCD_DIR with etcd, etcd-last-release, etcdctl and etcdutl, and etcd 3.4)'
  : '';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started(binaries: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.start({ binaries });
  closers.push(() => cluster.close());
  return cluster;
}

/** Runs etcdctl against those members until it succeeds: a cluster counts as healthy only after five seconds. */
async function ctl(members: readonly TestMember[], ...args: string[]): Promise<Run> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const endpoints = members.map(({ clientUrl }) => clientUrl).join(',');
    const ran = await run(etcdctl, [`--endpoints=${endpoints}`, ...args], { ETCDCTL_API: '3' });
    if (ran.code === 0 || Date.now() > deadline) {
      expect(ran.code, `${args.join(' ')}: ${ran.stderr}`).toBe(0);
      return ran;
    }
    await new Promise((done) => setTimeout(done, 300));
  }
}

interface Listed {
  readonly ID: bigint;
  readonly name: string;
  readonly isLearner: boolean;
}

async function listed(members: readonly TestMember[]): Promise<readonly Listed[]> {
  const { stdout } = await ctl(members, 'member', 'list');
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', '))
    .map(([id = '', , name = '', , , learner]) => ({ ID: BigInt(`0x${id}`), name, isLearner: learner === 'true' }));
}

/** A member that is told to the cluster first. Its flags are those that etcdctl prints for it. */
async function joined(
  cluster: TestCluster,
  running: readonly TestMember[],
  name: string,
  binary: string,
  ...flags: string[]
) {
  const [client, peer] = await freePorts(2);
  const peerUrl = `http://127.0.0.1:${peer}`;
  const added = await ctl(running, 'member', 'add', name, `--peer-urls=${peerUrl}`, ...flags);
  const initial = /ETCD_INITIAL_CLUSTER="(.*)"/.exec(added.stdout)?.[1] ?? '';
  const member = new TestMember({
    name,
    binary,
    dataDir: join(cluster.directory, `${name}.etcd`),
    clientUrl: `http://127.0.0.1:${client}`,
    peerUrl,
    flags: [
      `--initial-cluster=${initial}`,
      '--initial-cluster-state=existing',
      '--initial-cluster-token=etcd-cluster-1',
    ],
  });
  closers.push(() => member.kill('SIGKILL'));
  await member.start().ready;
  return member;
}

async function idOf(members: readonly TestMember[], name: string): Promise<string> {
  const found = (await listed(members)).find((one) => one.name === name);
  return (found?.ID ?? 0n).toString(16);
}

describe.skipIf(missing)(`members of a mixed cluster${skipped}`, () => {
  it.each([
    ['two of 3.6 and one bundled, for a bundled one', [etcd36, etcd36, bundledEtcd], bundledEtcd],
    ['one of 3.6 and two bundled, for one of 3.6', [etcd36, bundledEtcd, bundledEtcd], etcd36],
    ['of 3.5 and bundled, for a bundled one', [etcd35, etcd35, bundledEtcd], bundledEtcd],
    ['of 3.4 and bundled, for a bundled one', [etcd34, bundledEtcd, etcd34], bundledEtcd],
    ['bundled and of 3.4, for one of 3.4', [bundledEtcd, etcd34, bundledEtcd], etcd34],
  ])('are replaced, by way of a learner: %s', async (_name, binaries, replacement) => {
    const cluster = await started(binaries);
    const [first, second, third] = [cluster.member(0), cluster.member(1), cluster.member(2)];
    const load = new WriteLoad([first.clientUrl, second.clientUrl], 2);
    closers.push(() => load.close());
    await load.acknowledges(30);
    const removed = await idOf([first], third.options.name);
    await ctl([first], 'member', 'remove', removed);
    const rest = [first, second];
    await load.acknowledges(20);
    const fourth = await joined(cluster, rest, 'infra4', replacement, '--learner');
    const id = await idOf(rest, 'infra4');
    expect((await listed(rest)).find(({ name }) => name === 'infra4')).toMatchObject({ isLearner: true });
    await load.acknowledges(20);
    // By a follower too: it asks the leader.
    await ctl([second], 'member', 'promote', id);
    expect((await listed(rest)).map(({ isLearner }) => isLearner)).toEqual([false, false, false]);
    await load.acknowledges(20);
    await load.stop();
    const all = [first, second, fourth].map(({ clientUrl }) => clientUrl);
    for (const endpoint of all) expect(await load.violations(endpoint)).toEqual([]);
    expect(new Set(await hashesOf(all)).size).toBe(1);
    expect(third.process).toBe(null);
  });
});

describe.skipIf(missing)(`etcdctl in front of bundled members${skipped}`, () => {
  it('saves a snapshot that etcdutl restores and real etcd starts on', async () => {
    const cluster = await started([bundledEtcd]);
    const member = cluster.member(0);
    for (let i = 0; i < 20; i++) await ctl([member], 'put', `key-${i}`, 'value');
    const file = join(cluster.directory, 'saved.db');
    expect((await ctl([member], 'snapshot', 'save', file)).stdout).toContain('Snapshot saved at');
    expect(await run(etcdutl, ['snapshot', 'status', file])).toMatchObject({ code: 0 });
    const before = await hashesOf([member.clientUrl]);
    await member.kill('SIGTERM');
    const { name, peerUrl } = member.options;
    const restored = join(cluster.directory, 'restored.etcd');
    const flags = [
      `--name=${name}`,
      `--initial-cluster=${name}=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
    ];
    expect(await run(etcdutl, ['snapshot', 'restore', file, `--data-dir=${restored}`, ...flags])).toMatchObject({
      code: 0,
    });
    for (const binary of [etcd36, bundledEtcd]) {
      const again = new TestMember({ ...member.options, binary, dataDir: restored });
      closers.push(() => again.kill('SIGKILL'));
      await again.start().ready;
      expect(await hashesOf([again.clientUrl])).toEqual(before);
      await again.kill('SIGTERM');
    }
  });

  it.each([
    ['3.6.5', etcdctl],
    ['3.4.23', etcdctl34],
  ])('moves the leader, defragments, and lists and disarms alarms: etcdctl %s', async (_version, program) => {
    const cluster = await started([bundledEtcd, etcd36, bundledEtcd]);
    const endpoints = `--endpoints=${cluster.endpoints}`;
    const ask = (...args: string[]) => run(program, [endpoints, ...args], { ETCDCTL_API: '3' });
    const status = JSON.parse((await ask('endpoint', 'status', '-w', 'json')).stdout) as {
      Status: { leader: number; header: { member_id: number } };
    }[];
    const follower = status.findIndex(({ Status }) => Status.leader !== Status.header.member_id);
    const names = await listed(cluster.members);
    const target = names.find(({ name }) => name === `infra${follower + 1}`)?.ID ?? 0n;
    expect((await ask('move-leader', target.toString(16))).stdout).toContain('Leadership transferred from');
    expect((await ask('defrag')).stdout.trim().split('\n')).toHaveLength(3);
    for (const { log, binary } of cluster.members)
      if (binary === bundledEtcd) {
        expect(log).toContain('starting defragment');
        expect(log).toContain('finished defragment');
      }
    expect(await ask('alarm', 'list')).toMatchObject({ code: 0, stdout: '' });
    expect(await ask('alarm', 'disarm')).toMatchObject({ code: 0, stdout: '' });
  });

  it('is refused what etcd refuses', async () => {
    const cluster = await started([bundledEtcd, bundledEtcd, bundledEtcd]);
    const ask = (...args: string[]) => run(etcdctl, [`--endpoints=${cluster.endpoints}`, ...args]);
    const add = (...flags: string[]) => ask('member', 'add', 'x', '--peer-urls=http://127.0.0.1:1', ...flags);
    expect((await add()).stderr).toContain('etcdserver: unhealthy cluster');
    const voter = await idOf(cluster.members, 'infra1');
    expect((await ask('member', 'promote', voter)).stderr).toContain('etcdserver: can only promote a learner member');
    expect((await ask('member', 'promote', '1')).stderr).toContain('etcdserver: member not found');
    await ctl(cluster.members, 'member', 'add', 'x', '--peer-urls=http://127.0.0.1:1', '--learner');
    const learner = await idOf(cluster.members, '');
    expect((await ask('member', 'promote', learner)).stderr).toContain(
      'etcdserver: can only promote a learner member which is in sync with leader',
    );
    const second = ask('member', 'add', 'y', '--peer-urls=http://127.0.0.1:2', '--learner');
    expect((await second).stderr).toContain('etcdserver: too many learner members in cluster');
    const taken = cluster.member(0).options.peerUrl;
    expect((await ask('member', 'add', 'y', `--peer-urls=${taken}`)).stderr).toContain(
      'etcdserver: Peer URLs already exists',
    );
    await ctl(cluster.members, 'member', 'update', learner, '--peer-urls=http://127.0.0.1:3');
    await ctl(cluster.members, 'member', 'remove', learner);
  });
});

/** Databases sent from real members to bundled ones and back, to followers that the log no longer reaches. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const etcd = realProgram('etcd');
const last = realProgram('etcd-last-release');
const etcdctl = realProgram('etcdctl');

let cluster: TestCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

const snapshotCount = 50;
const catchupEntries = 10;
/** More than a follower finds in any leader's log: 3.4 cannot be told how much to keep, and keeps 5000. */
const oldCatchupEntries = 5_000;

interface Status {
  readonly endpoint: string;
  readonly leads: boolean;
  readonly applied: number;
}

async function statuses(members: readonly TestMember[]): Promise<readonly Status[]> {
  const endpoints = members.map((member) => member.clientUrl).join(',');
  const answer = await run(etcdctl ?? '', [`--endpoints=${endpoints}`, 'endpoint', 'status', '-w', 'json']);
  // Ids would be rounded: they are not needed.
  const parsed = JSON.parse(answer.stdout) as readonly {
    Endpoint: string;
    Status: { raftAppliedIndex: number; leader: unknown; header: { member_id: unknown } };
  }[];
  return parsed.map(({ Endpoint, Status }) => ({
    endpoint: Endpoint,
    leads: Status.leader === Status.header.member_id,
    applied: Status.raftAppliedIndex,
  }));
}

/** Makes the member the leader: 3.4 too can be asked. */
async function makeLead(members: readonly TestMember[], wanted: TestMember): Promise<void> {
  for (;;) {
    const all = await statuses(members);
    const leader = all.find((one) => one.leads);
    if (leader?.endpoint === wanted.clientUrl) return;
    const victim = members.find((member) => member.clientUrl === leader?.endpoint);
    if (victim !== undefined) {
      await victim.kill('SIGTERM');
      await victim.start().ready;
    }
  }
}

/** Single writes, each an entry of the log. */
async function putEntries(member: TestMember, count: number): Promise<void> {
  // etcdctl would need a process for each.
  const benchmark = realProgram('benchmark') ?? '';
  const args = [
    `--endpoints=${member.clientUrl}`,
    '--clients=20',
    '--conns=2',
    'put',
    `--total=${count}`,
    '--val-size=32',
  ];
  expect(await run(benchmark, args)).toMatchObject({ code: 0 });
}

async function hashes(members: readonly TestMember[]): Promise<readonly string[]> {
  const endpoints = members.map((member) => member.clientUrl).join(',');
  const answer = await run(etcdctl ?? '', [`--endpoints=${endpoints}`, 'endpoint', 'hashkv', '-w', 'simple']);
  return answer.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', ')[1] ?? '');
}

/** All members hold the same, soon. */
async function agree(members: readonly TestMember[]): Promise<void> {
  await expect
    .poll(
      async () => {
        const all = await hashes(members);
        return all.length === members.length && new Set(all).size === 1;
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

const old = debianEtcd();

describe.skipIf(etcdctl === null || realProgram('benchmark') === null)(
  'database snapshots (needs REAL_ETCD_DIR)',
  () => {
    it.for([
      { from: 'bundled', to: 'real 3.6.5', leader: bundledEtcd, follower: etcd, third: etcd },
      { from: 'real 3.6.5', to: 'bundled', leader: etcd, follower: bundledEtcd, third: bundledEtcd },
      { from: 'bundled', to: 'bundled', leader: bundledEtcd, follower: bundledEtcd, third: bundledEtcd },
      { from: 'bundled', to: 'real 3.5.23', leader: bundledEtcd, follower: last, third: bundledEtcd },
      { from: 'real 3.5.23', to: 'bundled', leader: last, follower: bundledEtcd, third: last },
      { from: 'bundled', to: 'real 3.4.23', leader: bundledEtcd, follower: old, third: bundledEtcd },
      { from: 'real 3.4.23', to: 'bundled', leader: old, follower: bundledEtcd, third: old },
    ])('go from $from to $to', { timeout: 60_000 }, async ({ leader, follower, third }, { skip }) => {
      if (leader === null || follower === null || third === null) return skip('one of its etcds is not here');
      const binaries = [leader, follower, third];
      const isOld = (binary: string) => binary === old || binary === last;
      cluster = await TestCluster.create({ binaries, flags: [`--snapshot-count=${snapshotCount}`] });
      const flagsOf = (member: TestMember) =>
        isOld(member.binary)
          ? member.binary === last
            ? [`--experimental-snapshot-catchup-entries=${catchupEntries}`]
            : []
          : [`--snapshot-catchup-entries=${catchupEntries}`];
      await Promise.all(cluster.members.map((member) => member.start(flagsOf(member)).ready));
      const [first, second] = cluster.members;
      if (first === undefined || second === undefined) throw new Error('no members');
      await makeLead(cluster.members, first);
      await putEntries(first, 20);
      await second.kill('SIGKILL');
      await putEntries(first, leader === old ? oldCatchupEntries + 500 : 300);
      await second.start(flagsOf(second)).ready;
      await agree(cluster.members);
      expect(second.log).toContain(second.binary === old ? 'received and saved database snapshot' : 'applied snapshot');

      // What came with it outlives a crash.
      await putEntries(first, 20);
      await second.kill('SIGKILL');
      await second.start(flagsOf(second)).ready;
      await agree(cluster.members);
      if (second.binary === bundledEtcd) {
        const left = readdirSync(join(second.options.dataDir, 'member', 'snap'));
        // A database that came when it was not needed any more goes with the next snapshot, as etcd's do.
        expect(left.some((name) => name.endsWith('.snap'))).toBe(true);
      }
    });
  },
);

/** Leases between bundled members and real ones, and by real etcdctl: whoever leads, and whoever is asked. */
import { afterEach, describe, expect, it } from 'vitest';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { LeaseLoad } from '../support/lease-load.ts';
import {
  grant,
  keysUnder,
  leaderOf,
  leasesOf,
  lifeOf,
  makeLeader,
  putLeased,
  renew,
  revoke,
} from '../support/leases.ts';
import { debianEtcd, debianEtcdctl, realProgram, run } from '../support/real-etcd.ts';
import { hashesOf } from '../support/write-load.ts';

const realEtcd = realProgram('etcd');
const skipped = realEtcd === null ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(binaries: readonly string[], flags: readonly string[] = []): Promise<TestCluster> {
  const cluster = await TestCluster.start({ binaries, flags });
  closers.push(() => cluster.close());
  return cluster;
}

/** Resolves when no key begins so any more, with the revision of that moment. */
async function untilGone(member: TestMember, prefix: string): Promise<number> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { count, revision } = await keysUnder(member, prefix);
    if (count === 0) return revision;
    if (Date.now() > deadline) throw new Error(`${count} keys under ${prefix} are still there`);
  }
}

describe.each([
  ['3.6.5', realProgram('etcdctl')],
  ['3.4.23', debianEtcdctl()],
])('etcdctl %s before bundled members', (version, program) => {
  it.skipIf(program === null)('grants, attaches, renews, lists and revokes', async () => {
    const cluster = await start(Array(3).fill(bundledEtcd));
    const etcdctl = async (...args: string[]): Promise<string> => {
      const env: Record<string, string> = version.startsWith('3.4') ? { ETCDCTL_API: '3' } : {};
      const endpoints = cluster.endpoints.replace(/http:\/\//g, '');
      const { code, stdout, stderr } = await run(program ?? '', [`--endpoints=${endpoints}`, ...args], env);
      return code === 0 ? stdout.trim() : `exit ${code}: ${stderr.trim()}`;
    };
    const granted = /^lease ([0-9a-f]{16}) granted with TTL\(60s\)$/.exec(await etcdctl('lease', 'grant', '60'));
    const id = granted?.[1] ?? 'none';
    for (const key of ['one', 'two']) expect(await etcdctl('put', key, 'v', `--lease=${id}`)).toBe('OK');
    expect(await etcdctl('lease', 'list')).toBe(`found 1 leases\n${id}`);
    expect(await etcdctl('lease', 'keep-alive', '--once', id)).toBe(`lease ${id} keepalived with TTL(60)`);
    expect(await etcdctl('lease', 'timetolive', id, '--keys')).toMatch(
      new RegExp(
        `^lease ${id} granted with TTL\\(60s\\), remaining\\((59|5\\d)s\\), attached keys\\(\\[one two\\]\\)$`,
      ),
    );
    expect(await etcdctl('lease', 'revoke', id)).toBe(`lease ${id} revoked`);
    expect(await etcdctl('get', '', '--prefix', '--keys-only')).toBe('');
    expect(await etcdctl('lease', 'timetolive', id)).toBe(`lease ${id} already expired`);
    expect(await etcdctl('lease', 'keep-alive', '--once', id)).toBe(
      'exit 2: Error: etcdserver: requested lease not found',
    );
    expect(await etcdctl('lease', 'revoke', id)).toContain('etcdserver: requested lease not found');
    expect(await etcdctl('lease', 'grant', '9000000001')).toContain('etcdserver: too large lease TTL');
    expect(await etcdctl('put', 'k', 'v', '--lease=7')).toContain('etcdserver: requested lease not found');
  });
});

describe.skipIf(realEtcd === null)(`leases in a cluster of bundled and real members${skipped}`, () => {
  it.for([
    ['one bundled among real 3.6.5', [realEtcd, realEtcd, bundledEtcd]],
    ['one real 3.6.5 among bundled', [bundledEtcd, realEtcd, bundledEtcd]],
    ['one real 3.5.23 and one 3.4.23', [realProgram('etcd-last-release'), debianEtcd(), bundledEtcd]],
  ] as const)('%s: are renewed through any member, survive their leader and end', async ([, binaries], { skip }) => {
    if (binaries.some((binary) => binary === null)) return skip('one of its etcds is not here');
    const cluster = await start(binaries.map((binary) => binary ?? ''));
    const first = cluster.member(0);
    const long = await grant(first, 600);
    for (const key of ['b', 'a', 'c']) await putLeased(cluster.member(1), `long/${key}`, long);
    // One leader of each kind that is there.
    const kinds = new Map(cluster.members.map((member) => [member.binary, member]));
    for (const leader of kinds.values()) {
      await makeLeader(cluster, leader);
      for (const member of cluster.members) {
        expect(await renew(member, long), member.options.name).toBe(600);
        const { ttl, grantedTtl, keys } = await lifeOf(member, long);
        expect(ttl).toBeGreaterThan(590);
        expect(ttl).toBeLessThanOrEqual(600);
        expect({ grantedTtl, keys }).toEqual({ grantedTtl: 600, keys: ['long/a', 'long/b', 'long/c'] });
        expect(await renew(member, '12345')).toBe(0);
        expect(await lifeOf(member, '12345')).toMatchObject({ ttl: -1 });
        // Real members write such a request into the log: everybody must read it.
        await expect(grant(member, '9223372036854775807')).rejects.toThrow('too large lease TTL');
      }
    }
    // A short lease whose leader is killed half-way: the next one gives it all of its time again, and ends it.
    for (const leader of kinds.values()) {
      await makeLeader(cluster, leader);
      const others = cluster.members.filter((member) => member !== leader);
      const asked = others[0] ?? first;
      const short = await grant(asked, 4);
      const prefix = `short-${leader.options.name}/`;
      for (const key of ['a', 'b', 'c']) await putLeased(asked, `${prefix}${key}`, short);
      const { revision } = await keysUnder(asked, prefix);
      expect(await renew(asked, short)).toBe(4);
      const renewedMs = performance.now();
      await leader.kill('SIGKILL');
      expect(await untilGone(asked, prefix)).toBe(revision + 1);
      expect(performance.now() - renewedMs).toBeGreaterThan(4_000);
      await leader.start().ready;
      expect(await leasesOf(leader)).toEqual([long]);
    }
    for (const member of cluster.members) expect((await lifeOf(member, long)).keys).toHaveLength(3);
    expect(new Set(await hashesOf(cluster.members.map(({ clientUrl }) => clientUrl))).size).toBe(1);
    await revoke(cluster.member(2), long);
    expect(await keysUnder(first, 'long/')).toMatchObject({ count: 0 });
    expect(new Set(await hashesOf(cluster.members.map(({ clientUrl }) => clientUrl))).size).toBe(1);
  });
});

describe.skipIf(realEtcd === null)(`clients that keep leases alive${skipped}`, () => {
  it('lose none of them while leaders of either kind are killed, and a bundled one stands still for a while', async () => {
    const cluster = await start([bundledEtcd, realEtcd ?? '', bundledEtcd]);
    const endpoints = cluster.members.map(({ clientUrl }) => clientUrl);
    const load = new LeaseLoad(endpoints, 6);
    closers.push(() => load.close());
    for (let round = 0; round < 3; round++) {
      await load.renews(20);
      await makeLeader(cluster, cluster.member(round));
      await load.renews(20);
      const leader = await leaderOf(cluster);
      if (round < 2 || leader.binary !== bundledEtcd) {
        await leader.kill('SIGKILL');
        await load.renews(20);
        await leader.start().ready;
      } else {
        // It wakes up as a leader of yesterday, with leases that have long ended by its clock. (Real etcd sometimes revokes them.)
        process.kill(leader.pid, 'SIGSTOP');
        await new Promise((done) => setTimeout(done, 5_500));
        process.kill(leader.pid, 'SIGCONT');
      }
    }
    await load.renews(20);
    await load.end();
    expect(load.violations).toEqual([]);
    expect(new Set(await hashesOf(endpoints)).size).toBe(1);
  });
});

describe('a bundled member that is killed', () => {
  it('has its leases again, with all of their time, and so has real etcd on its directory', async () => {
    const cluster = await start([bundledEtcd]);
    const member = cluster.member(0);
    const long = await grant(member, 600);
    const short = await grant(member, 5);
    await putLeased(member, 'long', long);
    await putLeased(member, 'short', short);
    for (const binary of [bundledEtcd, realEtcd ?? bundledEtcd, bundledEtcd]) {
      await member.kill('SIGKILL');
      member.binary = binary;
      await member.start().ready;
      await leaderOf(cluster);
      expect(await leasesOf(member)).toEqual([long, short].sort());
      expect((await lifeOf(member, short)).ttl).toBeGreaterThanOrEqual(4);
      expect((await lifeOf(member, long)).keys).toEqual(['long']);
    }
    await untilGone(member, 'short');
    expect(await leasesOf(member)).toEqual([long]);
  });
});

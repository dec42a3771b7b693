/**
 * Data directories with a history: real etcd's with snapshots and purged segments, a bundled member's after every stage of a random
 * workload, and what etcd's own tools do with them.
 */
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { type Answer, bytes, call, contentsOf, hashOf, membersOf, put } from '../support/calls.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { leasesOf, lifeOf } from '../support/leases.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd') ?? '';
const etcdutl = realProgram('etcdutl') ?? '';
const etcdctl = realProgram('etcdctl') ?? '';
const skipped = realEtcd === '' ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function layOut(binary: string, flags: readonly string[] = []): Promise<TestMember> {
  const cluster = await TestCluster.create({ binaries: [binary], flags });
  closers.push(() => cluster.close());
  return cluster.member(0);
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'clusterctl-history-'));
  closers.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function restartAs(member: TestMember, binary: string, signal: NodeJS.Signals): Promise<void> {
  await member.kill(signal);
  member.binary = binary;
  await member.start().ready;
}

const inMember = (member: TestMember, name: string) => join(member.options.dataDir, 'member', name);

async function filesOf(member: TestMember, name: 'wal' | 'snap', suffix: string): Promise<string[]> {
  return (await readdir(inMember(member, name))).filter((file) => file.endsWith(suffix)).sort();
}

/** What the member serves, as far as its directory decides it. Of large values, which take long to compare, only the hash. */
async function served(member: TestMember): Promise<unknown> {
  const contents = ((await contentsOf(member)) as readonly { readonly value: Buffer }[]).map(({ value, ...rest }) => ({
    ...rest,
    value: value.length < 1000 ? String(value) : createHash('sha256').update(value).digest('hex'),
  }));
  // 3.4 does not say up to which revision it is.
  const { hash } = await hashOf(member);
  return { contents, hash, members: await membersOf(member) };
}

/** Which keys hang on which lease. */
async function keysByLease(member: TestMember): Promise<unknown> {
  const leases = await leasesOf(member);
  return Promise.all(leases.map(async (id) => [id, (await lifeOf(member, id)).keys]));
}

/** Leases that are about to end by themselves. */
async function shortLeases(member: TestMember): Promise<readonly string[]> {
  const lives = await Promise.all((await leasesOf(member)).map(async (id) => ({ id, ...(await lifeOf(member, id)) })));
  return lives.filter(({ grantedTtl }) => grantedTtl === 2).map(({ id }) => id);
}

/** A tool that must succeed; its answer in JSON, or its words. */
async function tool(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

const firstSegment = '0000000000000000-0000000000000000.wal';

/** Fills more than a segment, and waits until etcd has purged the first, and all snapshots but two. */
async function outliveSegments(member: TestMember): Promise<void> {
  const large = 'x'.repeat(1_000_000);
  for (let i = 0; i < 80; i++) await put(member, `large/${i % 3}`, `${i}${large}`);
  for (let i = 0; i < 30; i++) await put(member, `small/${i % 7}`, `${i}`);
  await expect
    .poll(async () => (await filesOf(member, 'wal', '.wal')).includes(firstSegment), { timeout: 40_000 })
    .toBe(false);
  await expect.poll(async () => (await filesOf(member, 'snap', '.snap')).length, { timeout: 40_000 }).toBeLessThan(4);
  const { header } = await put(member, 'small/0', 'after the purge');
  const revision = Number((header as Answer)['revision']);
  await call(member, 'KV/DeleteRange', { key: bytes('small/1') });
  await call(member, 'KV/Compact', { revision: revision - 20, physical: true });
  for (let i = 0; i < 13; i++) await put(member, `tail/${i}`, `${i}`);
}

/** Those that are installed. */
const versions = [realEtcd, realProgram('etcd-last-release'), debianEtcd()];

async function handOver(binary: string): Promise<void> {
  const member = await layOut(binary, ['--snapshot-count=10', '--max-wals=1', '--max-snapshots=2']);
  await member.start().ready;
  await outliveSegments(member);
  const before = await served(member);
  await restartAs(member, bundledEtcd, 'SIGKILL');
  expect(await served(member)).toEqual(before);
  // The log in memory began at a snapshot; it goes on, and takes snapshots of its own.
  for (let i = 0; i < 25; i++) await put(member, `bundled/${i % 5}`, `${i}`);
  const after = await served(member);
  await restartAs(member, bundledEtcd, 'SIGKILL');
  expect(await served(member)).toEqual(after);
  await restartAs(member, realEtcd, 'SIGKILL');
  expect(await served(member)).toEqual(after);
  await put(member, 'real', 'again');
  expect((await filesOf(member, 'snap', '.broken')).length).toBe(0);
}

describe.skipIf(realEtcd === '')(`a data directory with a history${skipped}`, () => {
  it('of real 3.6.5, 3.5.23 and 3.4.23, of which snapshots and segments were purged, serves the bundled member, and real 3.6.5 after it', {
    timeout: 120_000,
  }, async () => {
    // All at once: etcd purges every thirty seconds.
    await Promise.all(versions.map((binary) => (binary === null ? null : handOver(binary))));
  });

  it('of a bundled member passes bbolt’s check after every stage of a random workload', {
    timeout: 90_000,
  }, async () => {
    const seed = Date.now() % 100_000;
    const random = seededRandom(seed);
    const member = await layOut(bundledEtcd, ['--snapshot-count=20', '--max-snapshots=2']);
    const directory = await folder();
    await member.start().ready;
    for (let stage = 0; stage < 8; stage++) {
      const steps: string[] = [];
      let revision = 0;
      for (let i = 0; i < 40; i++) {
        const key = `key/${random.below(60)}`;
        const choice = random.below(24);
        if (choice < 13) {
          const size = random.below(8) === 0 ? 9_000 : random.below(200);
          const { header } = await put(member, key, String.fromCharCode(97 + random.below(26)).repeat(size));
          revision = Number((header as Answer)['revision']);
        } else if (choice < 17) {
          await call(member, 'KV/DeleteRange', { key: bytes(key), range_end: bytes(`key/${random.below(60)}`) });
        } else if (choice < 19 && revision > 10) {
          const physical = random.below(2) === 0;
          // Another compaction may have gone further already.
          await call(member, 'KV/Compact', { revision: revision - random.below(5), physical }).catch(() => undefined);
        } else if (choice === 19) await call(member, 'Maintenance/Defragment', {});
        else if (choice < 23) {
          // Keys move from one lease to another; in some stages leases end by themselves.
          const lease = `${1 + random.below(9)}`;
          const ttl = stage % 4 === 1 && random.below(3) > 0 ? 2 : 600;
          await call(member, 'Lease/LeaseGrant', { ID: lease, TTL: ttl }).catch(() => undefined);
          for (let k = random.below(4); k >= 0; k--) {
            const leased = { key: bytes(`key/${random.below(60)}`), value: bytes(`of ${lease}`), lease };
            await call(member, 'KV/Put', leased).catch(() => undefined);
          }
        } else if (choice === 23)
          await call(member, 'Lease/LeaseRevoke', { ID: `${1 + random.below(9)}` }).catch(() => undefined);
        steps.push(`${choice}`);
      }
      if (stage % 4 === 1) await expect.poll(() => shortLeases(member), { timeout: 20_000 }).toEqual([]);
      const before = { ...((await served(member)) as object), leases: await keysByLease(member) };
      const signal = random.below(4) === 0 ? 'SIGTERM' : 'SIGKILL';
      await member.kill(signal);
      const copy = join(directory, `db-${stage}`);
      await copyFile(inMember(member, 'snap/db'), copy);
      await tool(etcdutl, 'snapshot', 'status', copy, '-w', 'json');
      await member.start().ready;
      const after = { ...((await served(member)) as object), leases: await keysByLease(member) };
      expect(after, `seed ${seed}, stage ${stage}: ${signal} after ${steps.join(' ')}`).toEqual(before);
    }
  });

  it('of a bundled member is one to etcdutl: defrag, hashkv, migrate, snapshot restore', {
    timeout: 60_000,
  }, async () => {
    const answers: unknown[] = [];
    for (const binary of [realEtcd, bundledEtcd]) {
      const member = await layOut(binary, ['--snapshot-count=10']);
      await member.start().ready;
      await expect
        .poll(async () => (await call(member, 'Maintenance/Status', {}))['storageVersion'], { timeout: 20_000 })
        .toBe('3.6.0');
      for (let i = 0; i < 25; i++) await put(member, `k${i % 9}`, `${i}`);
      await call(member, 'KV/DeleteRange', { key: bytes('k3') });
      const before = await served(member);
      await member.kill('SIGTERM');
      const { dataDir } = member.options;
      await tool(etcdutl, 'defrag', '--data-dir', dataDir);
      const hashed = await tool(etcdutl, 'hashkv', inMember(member, 'snap/db'), '-w', 'json');
      const migrated = await run(etcdutl, ['migrate', '--data-dir', dataDir, '--target-version=3.5']);
      await member.start().ready;
      expect(await served(member)).toEqual(before);
      await member.kill('SIGTERM');

      const restored = join(await folder(), 'restored');
      const { name, peerUrl } = member.options;
      await tool(
        etcdutl,
        ...['snapshot', 'restore', inMember(member, 'snap/db'), '--skip-hash-check', '--data-dir', restored],
        ...['--name', name, '--initial-cluster', `${name}=${peerUrl}`, '--initial-advertise-peer-urls', peerUrl],
      );
      await rm(dataDir, { recursive: true });
      await cp(restored, dataDir, { recursive: true });
      await member.start().ready;
      const { contents, hash } = (await served(member)) as { contents: unknown; hash: unknown };
      expect({ contents, hash }).toMatchObject({ contents: (before as { contents: unknown }).contents });
      const words = `${migrated.stderr}${migrated.stdout}`;
      answers.push({
        hashed,
        migrated: migrated.code,
        why: /"?error"?:.*|Error:.*/.exec(words)?.[0] ?? '',
        contents,
        hash,
      });
    }
    expect(answers[1]).toEqual(answers[0]);
  });

  it('made by etcdutl of a bundled member’s snapshot starts real and bundled members', {
    timeout: 60_000,
  }, async () => {
    const member = await layOut(bundledEtcd);
    await member.start().ready;
    for (let i = 0; i < 30; i++) await put(member, `k${i % 9}`, `${i}`);
    await call(member, 'KV/Compact', { revision: 20, physical: true });
    const before = await contentsOf(member);
    const saved = join(await folder(), 'saved.db');
    await tool(etcdctl, `--endpoints=${member.clientUrl}`, 'snapshot', 'save', saved);
    const { totalKey } = JSON.parse(await tool(etcdutl, 'snapshot', 'status', saved, '-w', 'json')) as Answer;
    expect(totalKey).toBeGreaterThan(0);
    for (const bumped of [[], ['--bump-revision=1000', '--mark-compacted']]) {
      const found: unknown[] = [];
      for (const binary of [realEtcd, bundledEtcd]) {
        const other = await layOut(binary);
        const { name, peerUrl, dataDir } = other.options;
        await tool(
          etcdutl,
          ...['snapshot', 'restore', saved, '--data-dir', dataDir, '--name', name],
          ...['--initial-cluster', `${name}=${peerUrl}`, '--initial-advertise-peer-urls', peerUrl],
          ...['--initial-cluster-token', 'etcd-cluster-1', ...bumped],
        );
        await other.start().ready;
        expect(await contentsOf(other)).toEqual(before);
        const { hash } = await hashOf(other);
        const { header } = await put(other, 'new', 'value');
        const old = call(other, 'KV/Range', { key: bytes('k1'), revision: 25 });
        const answer = await old.then(({ count }) => count).catch((error: Error) => error.message);
        found.push({ hash, revision: (header as Answer)['revision'], answer });
        await restartAs(other, binary === realEtcd ? bundledEtcd : realEtcd, 'SIGKILL');
        expect(await call(other, 'KV/Range', { key: bytes('new') })).toMatchObject({ count: '1' });
        await other.kill('SIGKILL');
      }
      expect(found[1]).toEqual(found[0]);
    }
  });
});

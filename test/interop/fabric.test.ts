/** Real etcd on the fault fabric: partitions of an unmodified binary, plain and under TLS, without root. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { wholeLink } from '../../src/chaos/fabric/link-policy.ts';
import { install, Run } from '../e2e/supervisor-harness.ts';
import { bundledEtcd } from '../support/cluster.ts';
import { FabricCluster } from '../support/fabric-cluster.ts';
import { realProgram } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd');
const debianEtcd = existsSync('/usr/bin/etcd') ? '/usr/bin/etcd' : null;
const etcdctl = realProgram('etcdctl') ?? '';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started(binary: string | null, ...flags: string[]): Promise<FabricCluster> {
  return startedOf([binary, binary, binary], flags);
}

async function startedOf(binaries: readonly (string | null)[], flags: readonly string[]): Promise<FabricCluster> {
  const cluster = await FabricCluster.start(
    binaries.map((binary) => binary ?? ''),
    flags,
  );
  closers.push(() => cluster.close());
  return cluster;
}

const kinds: readonly (readonly [string, readonly (string | null)[], readonly string[]])[] = [
  ['etcd 3.6.5', [realEtcd, realEtcd, realEtcd], []],
  ['etcd 3.6.5 with TLS between peers', [realEtcd, realEtcd, realEtcd], ['--peer-auto-tls']],
  ['the etcd of Debian', [debianEtcd, debianEtcd, debianEtcd], []],
  ['etcd 3.6.5 beside bundled members', [bundledEtcd, realEtcd, bundledEtcd], []],
  ['etcd 3.6.5 beside bundled members, with TLS', [bundledEtcd, realEtcd, bundledEtcd], ['--peer-auto-tls']],
];

describe.each(kinds)('%s on the fabric', (_name, binaries, flags) => {
  const here = it.skipIf(realEtcd === null || binaries.includes(null));

  here(
    'gets a new leader when the old one is isolated, acknowledges nothing in the minority, and agrees after',
    async () => {
      const cluster = await startedOf(binaries, flags);
      for (const name of cluster.names) expect(await cluster.client(name).put('at', name)).toMatchObject({ ok: true });
      const old = await cluster.leader(cluster.names);
      const majority = cluster.names.filter((name) => name !== old);

      await cluster.cut(cluster.around(old));
      const minorityWrite = cluster.client(old).put('minority', 'no', 30_000);
      let minorityAcknowledged = false;
      void minorityWrite.then((outcome) => {
        minorityAcknowledged = outcome.ok;
      });
      const next = await cluster.leader(majority, old);
      expect(await cluster.client(next).put('majority', 'yes')).toMatchObject({ ok: true });
      // It has found out that it leads nobody.
      while ((await cluster.status(old))?.leader !== '0') await passed(5);
      expect(await cluster.client(old).put('minority', 'nor now', 300)).toMatchObject({ ok: false });
      expect(minorityAcknowledged).toBe(false);
      const stale = await cluster.client(old).get('majority', true);
      expect(stale.ok && stale.answer['count']).toBe('0');

      await cluster.cut([]);
      expect(await cluster.agreement()).toBeLessThan(500);
      const read = await cluster.client(old).get('majority');
      expect(read.ok && read.answer['count']).toBe('1');
      expect((await minorityWrite).ok).toBe(false);
    },
  );

  here('cuts each directed link alone, and is seen to', async () => {
    const cluster = await startedOf(binaries, flags);
    const counters = async (from: string, to: string) => {
      const link = (await cluster.fabric.observed()).find((one) => one.from === from && one.to === to);
      return link ?? { passed: 0, hit: 0 };
    };
    const cutMs: number[] = [];
    for (const from of cluster.names) {
      for (const to of cluster.names.filter((name) => name !== from)) {
        const startMs = performance.now();
        await cluster.cut([[from, to]]);
        cutMs.push(performance.now() - startMs);
        const before = await counters(from, to);
        // Followers have nothing to say to each other; under TLS one must wait for the streams to say every 1.7 s that they are alive.
        await cluster.fabric.probe([{ from, to }]);
        for (let now = before; now.hit === before.hit; now = await counters(from, to)) {
          expect(now.passed).toBe(before.passed);
          expect(performance.now() - startMs).toBeLessThan(5_000);
          await passed(5);
        }
        await cluster.cut([]);
        const healed = await counters(from, to);
        await cluster.fabric.probe([{ from, to }]);
        while ((await counters(from, to)).passed === healed.passed) await passed(5);
      }
    }
    expect(await cluster.agreement()).toBeLessThan(500);
    // A machine may be busy for a moment.
    expect(cutMs.toSorted((a, b) => a - b)[3]).toBeLessThan(50);
  });
});

describe.skipIf(realEtcd === null)('a cluster on the fabric (needs REAL_ETCD_DIR)', () => {
  it('goes on when messages are lost or late, and writes all the same', async () => {
    const cluster = await started(realEtcd);
    const all = cluster.names.flatMap((from) =>
      cluster.names.filter((to) => to !== from).map((to) => [from, to] as const),
    );
    const before = await cluster.client('etcd1').put('k', 'before');
    expect(before.ok).toBe(true);
    const lossy = all.map(([from, to]) => ({ ...wholeLink(from, to), loss: 0.2 }));
    expect(await cluster.fabric.setLinks(lossy)).toMatchObject({ ok: true });
    for (let at = 0; at < 40; at++) {
      const name = cluster.names[at % 3] ?? '';
      // A proposal that is forwarded to the leader may be lost for good; then the client asks again.
      while (!(await cluster.client(name).put(`k${at}`, 'v'.repeat(2_000), 1_000)).ok);
    }
    // Two followers have nothing to say to each other that could be lost.
    const hits = (await cluster.fabric.observed()).filter((one) => one.hit > 0);
    expect(hits.length).toBeGreaterThanOrEqual(4);
    const late = all.map(([from, to]) => ({ ...wholeLink(from, to), delayMs: 40, jitterMs: 10 }));
    expect(await cluster.fabric.setLinks(late)).toMatchObject({ ok: true });
    const leader = await cluster.leader(cluster.names);
    const startMs = performance.now();
    expect(await cluster.client(leader).put('late', 'v')).toMatchObject({ ok: true });
    expect(performance.now() - startMs).toBeGreaterThan(59);
    await cluster.cut([]);
    expect(await cluster.agreement()).toBeLessThan(500);
    const hashes = new Set<unknown>();
    for (const name of cluster.names) {
      const hash = await cluster.client(name).call('etcdserverpb.Maintenance/HashKV', { revision: 0 });
      hashes.add(hash.ok ? hash.answer['hash'] : hash.message);
    }
    expect(hashes.size).toBe(1);
  });

  it('carries a snapshot to a member that was cut off for too long', async () => {
    const cluster = await started(realEtcd, '--snapshot-count=50', '--snapshot-catchup-entries=10');
    const leader = await cluster.leader(cluster.names);
    const follower = cluster.names.find((name) => name !== leader) ?? '';
    // Held, what it misses would be on its way to it.
    await cluster.cut(cluster.around(follower), 'reset');
    for (let at = 0; at < 300; at++) {
      expect(await cluster.client(leader).put(`k${at}`, 'v'.repeat(5_000))).toMatchObject({ ok: true });
    }
    await cluster.cut([]);
    while (!cluster.log(follower).includes('applied snapshot')) await passed(5);
    // A status says nothing of what came in a snapshot until there is an entry after it.
    expect(await cluster.client(leader).put('after', 'v')).toMatchObject({ ok: true });
    expect(await cluster.agreement()).toBeLessThan(2_000);
    expect(cluster.log(follower)).toContain('received and saved database snapshot');
    const read = await cluster.client(follower).get('k299');
    expect(read.ok && read.answer['count']).toBe('1');
  });

  it('agrees soon after a cut that has outlived the streams', async () => {
    const cluster = await started(realEtcd);
    const old = await cluster.leader(cluster.names);
    await cluster.cut(cluster.around(old));
    // rafthttp gives up a stream on which nothing has come for 5 s, and dials anew.
    await passed(6_500);
    await cluster.cut([]);
    expect(await cluster.agreement()).toBeLessThan(500);
  });

  it('recovers from resets', async () => {
    const cluster = await started(realEtcd);
    const old = await cluster.leader(cluster.names);
    await cluster.cut(cluster.around(old), 'reset');
    const majority = cluster.names.filter((name) => name !== old);
    const next = await cluster.leader(majority, old);
    expect(await cluster.client(next).put('k', 'v')).toMatchObject({ ok: true });
    await cluster.cut([]);
    expect(await cluster.agreement()).toBeLessThan(2_000);
  });

  it('takes the orders of clusterctl fault, and shows that they work', async () => {
    const installation = await install();
    closers.push(() => installation.remove());
    const cwd = mkdtempSync(join(tmpdir(), 'clusterctl-fabric-fault-'));
    closers.push(() => rmSync(cwd, { recursive: true, force: true }));
    const args = ['start', '--members', '3', '--etcd', realEtcd ?? ''];
    const run = new Run(installation, { cwd, args });
    const command = async (...words: string[]) => {
      const one = new Run(installation, { cwd, args: [...words, '--members', '3'] });
      const { code } = await one.ended;
      return `${code} ${one.stdout}${one.stderr}`;
    };
    try {
      await run.seen(/etcd1 \| .*ready to serve client requests/);
      expect(await command('wait', '--for=leader', '--timeout=20s')).toMatch(/^0 /);
      for (const words of [
        ['--isolate', 'leader'],
        ['--link', 'etcd1>etcd2'],
        ['--isolate', 'etcd3', '--mode', 'reset'],
      ]) {
        expect(await command('fault', 'partition', ...words)).toMatch(/^0 f\d: .* \(after \d+ ms\)/);
        expect(await command('fault', 'heal', '--all')).toMatch(/^0 f\d healed/);
      }
      expect(await command('fault', 'loss', '20%', '--messages', 'MsgApp')).toMatch(/^1 .*only bundled members/);
      expect(await command('wait', '--for=leader', '--timeout=20s')).toMatch(/^0 /);
    } finally {
      for (let more = run.child.exitCode === null; more; more = run.child.exitCode === null) {
        await run.endBy('SIGINT', 'SIGINT');
      }
    }
    expect(run.survivors()).toEqual([]);
  });

  it('is what clusterctl start makes of real members, for good, whatever runs on their data later', async () => {
    const installation = await install();
    closers.push(() => installation.remove());
    const cwd = mkdtempSync(join(tmpdir(), 'clusterctl-fabric-start-'));
    closers.push(() => rmSync(cwd, { recursive: true, force: true }));
    const start = (...args: string[]) => new Run(installation, { cwd, args: ['start', '--members', '3', ...args] });
    const real = ['--etcd', realEtcd ?? ''];
    const refused = async (...args: string[]) => {
      const run = start(...args);
      expect((await run.ended).code).toBe(1);
      return run.stderr;
    };
    const lists: string[] = [];
    for (const etcd of [realEtcd ?? '', bundledEtcd, realEtcd ?? '']) {
      const run = start('--etcd', etcd);
      try {
        await run.seen(/etcd1 \| .*ready to serve client requests/);
        const state = JSON.parse(readFileSync(join(cwd, '.clusterctl/clusters.json'), 'utf8'));
        expect(state.etcd.peers).toEqual({ route: 'fabric', scheme: 'http' });
        const endpoint = `http://127.0.0.1:${state.etcd.members[0].clientPort}`;
        const list = await promisify(execFile)(etcdctl, ['--endpoints', endpoint, 'member', 'list']);
        lists.push(list.stdout.split('\n').sort().join('\n'));
      } finally {
        for (let more = run.child.exitCode === null; more; more = run.child.exitCode === null) {
          await run.endBy('SIGINT', 'SIGINT');
        }
      }
      expect(run.survivors()).toEqual([]);
    }
    expect(lists[0]?.match(/http:\/\/192\.0\.2\.[123]:\d+/g)?.length).toBe(3);
    expect(new Set(lists).size).toBe(1);
    expect(await refused(...real, '--fabric', 'off')).toContain('reach each other through the fabric');
  });
});

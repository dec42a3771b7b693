/** The bundled member as users meet it: processes, signals, and a client that shares no code with it. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startCluster(members: number): Promise<TestCluster> {
  const cluster = await TestCluster.start({ binaries: Array(members).fill(bundledEtcd) });
  closers.push(() => cluster.close());
  return cluster;
}

function clientOf(url: string): TestClient {
  const client = new TestClient(url);
  closers.push(() => client.close());
  return client;
}

async function leaderIndex(cluster: TestCluster): Promise<number> {
  for (const member of cluster.members) {
    if (member.process === null) continue;
    const status = await clientOf(member.clientUrl).call('etcdserverpb.Maintenance/Status', {});
    if (!status.ok || status.answer['leader'] === '0') continue;
    for (const [index, candidate] of cluster.members.entries()) {
      if (candidate.process === null) continue;
      const own = await clientOf(candidate.clientUrl).call('etcdserverpb.Maintenance/Status', {});
      if (own.ok && (own.answer['header'] as { member_id: string }).member_id === status.answer['leader']) return index;
    }
  }
  throw new Error('no leader');
}

describe('a cluster of bundled members', () => {
  it('serves what one member wrote at another', async () => {
    const cluster = await startCluster(3);
    expect((await clientOf(cluster.member(0).clientUrl).put('foo', 'bar')).ok).toBe(true);
    const read = await clientOf(cluster.member(2).clientUrl).get('foo');
    expect(read.ok && (read.answer['kvs'] as { value: Buffer }[])[0]?.value.toString()).toBe('bar');
  });

  it('finds itself over sockets that are files, and again after a member was killed', async () => {
    const cluster = await TestCluster.start({ binaries: Array(3).fill(bundledEtcd), peerScheme: 'unix' });
    closers.push(() => cluster.close());
    const client = clientOf(cluster.member(0).clientUrl);
    expect((await client.put('foo', 'bar')).ok).toBe(true);
    await cluster.member(1).kill('SIGKILL');
    await cluster.member(1).start().ready;
    expect((await clientOf(cluster.member(1).clientUrl).get('foo')).ok).toBe(true);
    expect(await hashesOf(cluster.members.map(({ clientUrl }) => clientUrl))).toHaveLength(3);
    await cluster.member(0).waitForLog('"msg":"set initial cluster version"');
    // Which the leader sets to the lowest of the members once it has asked them all, at their sockets.
    await cluster.member(0).waitForLog('"cluster-version":"3.6');
  });

  it('goes on without a killed leader, loses nothing, and takes the old one back', async () => {
    const cluster = await startCluster(3);
    const load = new WriteLoad(
      cluster.members.map((member) => member.clientUrl),
      8,
    );
    closers.push(() => load.close());
    await load.acknowledges(50);
    const leader = cluster.member(await leaderIndex(cluster));
    await leader.kill('SIGKILL');
    await load.acknowledges(50);
    await leader.start().ready;
    await load.acknowledges(20);
    await load.stop();
    for (const member of cluster.members) expect(await load.violations(member.clientUrl)).toEqual([]);
    const hashes = await hashesOf(cluster.members.map((member) => member.clientUrl));
    expect(new Set(hashes).size).toBe(1);
  });

  it('keeps every acknowledged write when all members are killed at once', async () => {
    const cluster = await startCluster(3);
    const endpoints = cluster.members.map((member) => member.clientUrl);
    const load = new WriteLoad(endpoints, 8);
    closers.push(() => load.close());
    for (let crash = 0; crash < 3; crash++) {
      await load.acknowledges(40);
      await Promise.all(cluster.members.map((member) => member.kill('SIGKILL')));
      await Promise.all(cluster.members.map((member) => member.start().ready));
    }
    await load.acknowledges(10);
    await load.stop();
    for (const endpoint of endpoints) expect(await load.violations(endpoint)).toEqual([]);
    expect(new Set(await hashesOf(endpoints)).size).toBe(1);
  });

  it('hands leadership over on SIGTERM and dies of the signal', async () => {
    const cluster = await startCluster(3);
    const leader = cluster.member(await leaderIndex(cluster));
    expect(await leader.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(leader.log).toContain('leadership transfer finished');
    const survivor = cluster.members.find((member) => member !== leader);
    expect((await clientOf(survivor?.clientUrl ?? '').put('after', 'transfer', 2_000)).ok).toBe(true);
  });

  it('writes nothing but JSON log lines', async () => {
    const cluster = await startCluster(1);
    await cluster.member(0).kill('SIGTERM');
    for (const line of cluster.member(0).log.trimEnd().split('\n')) {
      const keys = Object.keys(JSON.parse(line) as object);
      expect(keys).toEqual(expect.arrayContaining(['level', 'ts', 'caller', 'msg']));
    }
  });
});

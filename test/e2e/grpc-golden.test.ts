/** The recorded gRPC calls, and those made while a majority was down, against three processes of the bundled member. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { replayGoldens } from '../support/golden-replay.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ binaries: Array(3).fill(bundledEtcd) });
});
afterAll(() => cluster.close());

describe('three bundled members', () => {
  it('answer the recorded calls as etcd 3.6.5 answered them', async () => {
    const addresses = Object.fromEntries(
      cluster.members.map(({ options, clientUrl }) => [options.name, new URL(clientUrl).host]),
    );
    expect(await replayGoldens({ addresses })).toEqual([]);
  });

  it('agree on the checksum of their content', async () => {
    const answers = await Promise.all(
      cluster.members.map(async ({ clientUrl }) => {
        const client = new TestClient(clientUrl);
        // A linearizable read first: then every member has applied what was written.
        await client.get('a');
        const hashed = await client.call('etcdserverpb.Maintenance/HashKV', {});
        client.close();
        return hashed.ok ? hashed.answer['hash'] : hashed.message;
      }),
    );
    expect(new Set(answers).size).toBe(1);
  });
});

describe('one member whose two peers are down', () => {
  const members = [0, 1, 2];
  let survivor: TestClient;

  beforeAll(async () => {
    await Promise.all(members.slice(1).map((index) => cluster.member(index).kill('SIGKILL')));
    survivor = new TestClient(cluster.member(0).clientUrl);
    await leaderLost(survivor);
  });
  afterAll(() => survivor.close());

  it('still reads what it has, and says that it has no leader', async () => {
    expect((await survivor.get('a', true)).ok).toBe(true);
    expect(await survivor.call('etcdserverpb.Maintenance/Status', {})).toMatchObject({
      ok: true,
      answer: { leader: '0', errors: ['etcdserver: no leader'] },
    });
  });

  it('refuses at once whoever requires a leader', async () => {
    const metadata = { hasleader: 'true' };
    expect(await survivor.call('etcdserverpb.KV/Range', { key: Buffer.from('a') }, { metadata })).toEqual({
      ok: false,
      code: 14,
      message: 'etcdserver: no leader',
    });
  });

  it('gives up on reads, writes and leases that need a majority after 7 s, as etcd does', async () => {
    const startedMs = performance.now();
    const timed = async (call: Promise<unknown>) => ({ outcome: await call, afterMs: performance.now() - startedMs });
    const [read, write, lease, renewal] = await Promise.all([
      timed(survivor.call('etcdserverpb.KV/Range', { key: Buffer.from('a') }, { deadlineMs: 15_000 })),
      timed(survivor.put('a', 'v', 15_000)),
      timed(survivor.call('etcdserverpb.Lease/LeaseTimeToLive', { ID: '781' }, { deadlineMs: 15_000 })),
      timed(survivor.exchange('etcdserverpb.Lease/LeaseKeepAlive', { ID: '781' }, 15_000)),
    ]);
    expect(read.outcome).toEqual({ ok: false, code: 14, message: 'etcdserver: request timed out' });
    expect(write.outcome).toEqual({ ok: false, code: 4, message: 'context deadline exceeded' });
    for (const { outcome } of [lease, renewal])
      expect(outcome).toEqual({ ok: false, code: 14, message: 'etcdserver: no leader' });
    for (const { afterMs } of [read, write, lease, renewal]) expect(afterMs).toBeGreaterThan(6_500);
  });
});

/** Resolves when the member has noticed that its leader is gone. */
async function leaderLost(client: TestClient): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const status = await client.call('etcdserverpb.Maintenance/Status', {});
    if (status.ok && status.answer['leader'] === '0') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the member still names a leader after 10 s');
}

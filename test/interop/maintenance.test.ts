/** What operators see of maintenance besides its answers: log lines with their fields, metrics that move, codes of refusals. */
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { realProgram, run } from '../support/real-etcd.ts';

const etcd = realProgram('etcd') ?? '';
const etcdctl = realProgram('etcdctl') ?? '';
const skipped = etcd === '' || etcdctl === '' ? ' (skipped: needs REAL_ETCD_DIR with etcd and etcdctl)' : '';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Metrics that alerts and dashboards of the database and of snapshots are made of. */
const movedMetrics = [
  'etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"}',
  'etcd_server_apply_duration_seconds_count{op="Compaction",success="true",version="v3"}',
  'etcd_server_apply_duration_seconds_count{op="ClusterMemberAttrSet",success="true",version="v3"}',
  'etcd_disk_backend_commit_duration_seconds_count',
  'etcd_disk_backend_defrag_duration_seconds_count',
  'etcd_disk_backend_snapshot_duration_seconds_count',
  'etcd_mvcc_hash_rev_duration_seconds_count',
  'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count',
  'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count',
  'etcd_debugging_mvcc_db_compaction_last',
  'etcd_debugging_mvcc_db_compaction_keys_total',
  'etcd_debugging_snap_save_total_duration_seconds_count',
  'etcd_snap_fsync_duration_seconds_count',
];

/** Lines whose fields must be etcd's too. */
const lines = [
  'enabled backend quota with default value',
  'starting defragment',
  'defragmenting',
  'finished defragmenting directory',
  'finished defragment',
  'finished scheduled compaction',
  'storing new hash',
  'triggering snapshot',
  'saved snapshot to disk',
  'recovered/added member from store',
  'set cluster version from store',
  'restored last compact revision',
  'kvstore restored',
];

const transferLines = [
  'sending merged snapshot',
  'sending database snapshot',
  'sent database snapshot',
  'saved database snapshot to disk',
  'received and saved database snapshot',
  'applying snapshot',
  'applied incoming Raft snapshot',
  'applySnapshot: opened snapshot backend',
  'restored mvcc store',
  'applied snapshot',
];

/** What a log says of each of those lines: the names of its fields, in their order. */
function fieldsOf(log: string, lines: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of log.split('\n').filter((text) => text.startsWith('{'))) {
    const { level, msg, ts, caller, ...fields } = JSON.parse(line) as Record<string, unknown>;
    if (lines.includes(String(msg))) found[String(msg)] = `${String(level)}: ${Object.keys(fields).join(' ')}`;
  }
  return found;
}

async function metricsOf(member: TestMember): Promise<Record<string, number>> {
  const text = await (await fetch(`${member.clientUrl}/metrics`)).text();
  const pairs = text.split('\n').map((line) => line.split(' '));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, Number(value)]));
}

async function maintained(binary: string): Promise<{ readonly log: string; readonly metrics: Record<string, number> }> {
  const cluster = await TestCluster.start({ binaries: [binary], flags: ['--snapshot-count=20'] });
  closers.push(() => cluster.close());
  const member = cluster.member(0);
  const ctl = async (...args: string[]) => {
    const ran = await run(etcdctl, [`--endpoints=${member.clientUrl}`, ...args]);
    expect(ran.code, `${args.join(' ')}: ${ran.stderr}`).toBe(0);
  };
  for (let i = 0; i < 30; i++) await ctl('put', `key${i % 3}`, `${i}`);
  await member.waitForLog('saved snapshot to disk');
  await ctl('compact', '20', '--physical');
  await ctl('endpoint', 'hashkv');
  await ctl('snapshot', 'save', join(cluster.directory, 'saved.db'));
  await ctl('defrag');
  const metrics = await metricsOf(member);
  // The cluster version is in the database only once it was decided.
  await member.waitForLog('set initial cluster version');
  await member.kill('SIGTERM');
  await member.start().ready;
  return { log: member.log, metrics };
}

/** A follower comes back to a leader whose log no longer reaches it: what both log, and what they count of databases. */
async function fallenBehind(binary: string) {
  const flags = ['--snapshot-count=10', '--snapshot-catchup-entries=5'];
  const cluster = await TestCluster.start({ binaries: [binary, binary, binary], flags });
  closers.push(() => cluster.close());
  const running = [...cluster.members];
  const follower = running.splice(
    (await Promise.all(running.map(metricsOf))).findIndex((metrics) => metrics['etcd_server_is_leader'] === 0),
    1,
  )[0];
  if (follower === undefined) throw new Error('one of them follows');
  await follower.kill('SIGTERM');
  const endpoints = `--endpoints=${running.map(({ clientUrl }) => clientUrl).join(',')}`;
  for (let i = 0; i < 40; i++)
    expect(await run(etcdctl, [endpoints, 'put', `key${i}`, 'v'])).toMatchObject({ code: 0 });
  follower.start();
  await follower.waitForLog('"applied snapshot"');
  // The leader hears of it after the follower.
  const transfers = async () =>
    (await Promise.all(cluster.members.map(metricsOf))).flatMap((metrics) =>
      Object.entries(metrics).filter(([name]) =>
        /^etcd_network_snapshot_(send|receive)_(success|failures|inflights_total|total_duration_seconds_count)\b/.test(
          name,
        ),
      ),
    );
  await vi.waitUntil(async () => (await transfers()).some(([name]) => name.includes('send_success')), {
    timeout: 10_000,
  });
  const counts = await transfers();
  return {
    fields: fieldsOf(cluster.members.map(({ log }) => log).join(''), transferLines),
    counts: Object.fromEntries(counts.map(([name, value]) => [name.replace(/"[0-9a-f]+"/, 'id'), value])),
  };
}

describe.skipIf(skipped !== '')(`maintenance of bundled members${skipped}`, () => {
  it('is logged, and moves the metrics, as that of real ones', { timeout: 60_000 }, async () => {
    const [ours, real] = await Promise.all([maintained(bundledEtcd), maintained(etcd)]);
    expect(fieldsOf(ours.log, lines)).toEqual(fieldsOf(real.log, lines));
    expect(Object.keys(fieldsOf(ours.log, lines)).sort()).toEqual([...lines].sort());
    for (const name of movedMetrics) {
      expect(real.metrics[name], name).toBeGreaterThan(0);
      expect(ours.metrics[name], name).toBeGreaterThan(0);
    }
  });

  it('is logged and measured alike where a follower gets a database', { timeout: 60_000 }, async () => {
    const [ours, real] = await Promise.all([fallenBehind(bundledEtcd), fallenBehind(etcd)]);
    expect(ours.fields).toEqual(real.fields);
    expect(Object.keys(ours.fields).sort()).toEqual([...transferLines].sort());
    expect(ours.counts).toEqual(real.counts);
    expect(Object.keys(ours.counts)).toHaveLength(6);
  });

  it('tells a member that was removed what to do with its directory', async () => {
    const saysOf = async (binary: string): Promise<string> => {
      const cluster = await TestCluster.start({
        binaries: [binary, binary, binary],
        flags: ['--strict-reconfig-check=false'],
      });
      closers.push(() => cluster.close());
      const [gone, ...rest] = cluster.members;
      if (gone === undefined) throw new Error('three members were started');
      const endpoints = `--endpoints=${rest.map(({ clientUrl }) => clientUrl).join(',')}`;
      const { stdout } = await run(etcdctl, [endpoints, 'member', 'list']);
      const id =
        stdout
          .split('\n')
          .find((line) => line.includes(gone.options.name))
          ?.split(',')[0] ?? '';
      const ended = new Promise<number | null>((done) => gone.process?.once('exit', (code) => done(code)));
      expect(await run(etcdctl, [endpoints, 'member', 'remove', id])).toMatchObject({ code: 0 });
      expect(await ended).toBe(0);
      const told = gone.log.split('\n').filter((line) => line.includes('"level":"warn","ts"'));
      return told
        .map((line) => String((JSON.parse(line) as { msg: unknown }).msg))
        .filter((text) => text === 'server error' || text.startsWith('data-dir'))
        .join(', ');
    };
    const [ours, real] = await Promise.all([saysOf(bundledEtcd), saysOf(etcd)]);
    expect(real).toBe('server error, data-dir used by this member must be removed');
    expect(ours).toBe(real);
  });

  it('refuses to remove the only member with the code that etcd gives', async () => {
    const refusal = async (binary: string): Promise<string> => {
      const cluster = await TestCluster.start({ binaries: [binary] });
      closers.push(() => cluster.close());
      const ask = (...args: string[]) => run(etcdctl, [`--endpoints=${cluster.endpoints}`, ...args]);
      const id = (await ask('member', 'list')).stdout.split(',')[0] ?? '';
      return /code = .* desc = [^"]*/.exec((await ask('member', 'remove', id)).stderr)?.[0] ?? '';
    };
    const real = await refusal(etcd);
    expect(real).toContain('not enough started members');
    expect(await refusal(bundledEtcd)).toBe(real);
  });
});

/** A database at its quota: what is refused, what still works, and the way out, on a bundled member and on real etcd. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { realProgram } from '../support/real-etcd.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const noSpace = { ok: false, code: 8, message: 'etcdserver: mvcc: database space exceeded' };
const bytes = (text: string) => Buffer.from(text);

describe('a member at its quota', () => {
  it.for([
    ['the bundled member', bundledEtcd],
    ['real etcd', realProgram('etcd')],
  ] as const)('%s', { timeout: 30_000 }, async ([, binary], { skip }) => {
    if (binary === null) return skip('REAL_ETCD_DIR names no folder with etcd');
    const cluster = await TestCluster.start({ binaries: [binary], flags: ['--quota-backend-bytes=300000'] });
    closers.push(() => cluster.close());
    const member = cluster.member(0);
    let client = new TestClient(member.clientUrl);
    closers.push(() => client.close());
    const call = (method: string, request: object) => client.call(`etcdserverpb.${method}`, request);
    const put = (key: string, value: Buffer) => call('KV/Put', { key: bytes(key), value });
    const alarms = async () => {
      const outcome = await call('Maintenance/Alarm', { action: 'GET' });
      return outcome.ok ? (outcome.answer['alarms'] as { alarm: string }[]).map(({ alarm }) => alarm) : outcome;
    };

    // One value that is too large by itself, then small ones up to the brim.
    expect(await put('huge', Buffer.alloc(300_000))).toEqual(noSpace);
    expect(await alarms()).toEqual(['NOSPACE']);
    expect(await put('small', bytes('v'))).toEqual(noSpace);
    expect((await call('KV/Range', { key: bytes('small') })).ok).toBe(true);
    expect((await call('KV/DeleteRange', { key: bytes('small') })).ok).toBe(true);
    const id = (await call('Maintenance/Status', {})) as { answer?: { header: { member_id: string } } };
    const disarm = { action: 'DEACTIVATE', memberID: id.answer?.header.member_id, alarm: 'NOSPACE' };
    expect((await call('Maintenance/Alarm', disarm)).ok).toBe(true);
    let last = await put('small', bytes('v'));
    expect(last.ok).toBe(true);
    for (let n = 0; n < 200 && last.ok; n++) {
      last = await put('filled', Buffer.alloc(10_000, n));
      // The size is that of the last commit.
      if (n % 10 === 9) await new Promise((done) => setTimeout(done, 120));
    }
    expect(last).toEqual(noSpace);
    expect(await alarms()).toEqual(['NOSPACE']);

    // The alarm is in the database: a restart forgets it neither.
    client.close();
    await member.kill('SIGKILL');
    await member.start().ready;
    client = new TestClient(member.clientUrl);
    expect(await alarms()).toEqual(['NOSPACE']);
    expect(await put('small', bytes('v'))).toEqual(noSpace);
    const txn = { success: [{ request_put: { key: bytes('a'), value: bytes('b') } }] };
    expect(await call('KV/Txn', txn)).toEqual(noSpace);
    expect((await call('KV/Txn', { success: [{ request_delete_range: { key: bytes('filled') } }] })).ok).toBe(true);
  });
});

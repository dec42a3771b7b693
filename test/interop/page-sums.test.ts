/**
 * The checksums that a bundled member keeps beside etcd's database: real etcd and etcdutl say nothing of them, and what these write is
 * never taken for damage.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { call, hashOf, put } from '../support/calls.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { databasePath } from '../support/database.ts';
import { exitOf, fatals, flip, pagesOf } from '../support/page-damage.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd') ?? '';
const etcdutl = realProgram('etcdutl') ?? '';
const skipped = realEtcd === '' ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';
const discarded = 'page checksums are not of the database as it is';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function layOut(binary: string): Promise<TestMember> {
  const cluster = await TestCluster.create({ binaries: [binary] });
  closers.push(() => cluster.close());
  return cluster.member(0);
}

function sumsPath(member: TestMember): string {
  return join(member.options.dataDir, 'member/db.sums');
}

/** Runs the member as `binary`, puts a few keys, and ends it by the signal. Resolves to its log. */
async function runAs(member: TestMember, binary: string, signal: NodeJS.Signals, round: string): Promise<string> {
  const from = member.log.length;
  member.binary = binary;
  await member.start().ready;
  for (let i = 0; i < 30; i++) await put(member, `${round}/${i % 20}`, `value ${i}`.repeat(40));
  await call(member, 'KV/DeleteRange', { key: Buffer.from(`${round}/3`) });
  if (round.length % 2 === 0) await call(member, 'Maintenance/Defragment', {});
  await hashOf(member);
  await member.kill(signal);
  return member.log.slice(from);
}

async function etcdutlDefrag(member: TestMember): Promise<void> {
  const { code, stdout, stderr } = await run(etcdutl, ['defrag', '--data-dir', member.options.dataDir]);
  expect(code, stderr).toBe(0);
  expect(stdout + stderr).not.toContain('sums');
}

describe.skipIf(realEtcd === '')(`page checksums${skipped}`, () => {
  it('are nothing to real etcd 3.6.5, and are discarded when it has written', { timeout: 120_000 }, async () => {
    const member = await layOut(bundledEtcd);
    expect(await runAs(member, bundledEtcd, 'SIGTERM', 'one')).not.toContain(discarded);
    expect(existsSync(sumsPath(member))).toBe(true);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const said = await runAs(member, realEtcd, signal, 'real');
      expect(said).not.toContain('sums');
      expect(said).not.toContain('"level":"fatal"');
      expect(await runAs(member, bundledEtcd, signal, 'bundled')).toContain(discarded);
      expect(await runAs(member, bundledEtcd, signal, 'again')).not.toContain('"level":"fatal"');
    }
  });

  it('never take for damage what etcdutl has made anew', { timeout: 120_000 }, async () => {
    const member = await layOut(bundledEtcd);
    for (const round of ['a', 'bb', 'c']) {
      expect(await runAs(member, bundledEtcd, 'SIGTERM', round)).not.toContain('"level":"fatal"');
      await etcdutlDefrag(member);
      const status = await run(etcdutl, ['snapshot', 'status', databasePath(member), '-w', 'json']);
      expect(status.code, status.stderr).toBe(0);
    }
    const keys = await runAs(member, bundledEtcd, 'SIGTERM', 'last');
    expect(keys).toContain(discarded);
    expect(keys).not.toContain('"level":"fatal"');
    expect(await runAs(member, bundledEtcd, 'SIGTERM', 'after')).not.toContain(discarded);
  });

  it('find damage to a database that real etcd wrote, once a bundled member has read it', {
    timeout: 60_000,
  }, async () => {
    const member = await layOut(realEtcd);
    await runAs(member, realEtcd, 'SIGTERM', 'real');
    await runAs(member, bundledEtcd, 'SIGTERM', 'bundled');
    const { leaves } = await pagesOf(member);
    const leaf = leaves[1];
    if (leaf === undefined) throw new Error('no such page');
    flip(member, leaf.id * 4096 + 1500);
    const from = member.log.length;
    member.start();
    expect(await exitOf(member)).toBe(1);
    expect(fatals(member, from)[0]?.error).toContain(`page ${leaf.id}: the leaf at byte ${leaf.id * 4096}`);
  });

  it('go with a directory that is copied, and are not missed', { timeout: 60_000 }, async () => {
    const member = await layOut(bundledEtcd);
    await runAs(member, bundledEtcd, 'SIGTERM', 'one');
    const { dataDir } = member.options;
    cpSync(dataDir, `${dataDir}.copy`, { recursive: true });
    rmSync(dataDir, { recursive: true });
    cpSync(`${dataDir}.copy`, dataDir, { recursive: true });
    expect(await runAs(member, bundledEtcd, 'SIGTERM', 'two')).not.toContain(discarded);
    rmSync(sumsPath(member));
    expect(await runAs(member, bundledEtcd, 'SIGTERM', 'three')).not.toContain('"level":"fatal"');
    expect(existsSync(sumsPath(member))).toBe(true);
  });

  it.skipIf(debianEtcd() === null)('are nothing to real etcd 3.4', { timeout: 60_000 }, async () => {
    const member = await layOut(debianEtcd() ?? '');
    await runAs(member, debianEtcd() ?? '', 'SIGTERM', 'old');
    const other = await layOut(bundledEtcd);
    await runAs(other, bundledEtcd, 'SIGTERM', 'new');
    cpSync(sumsPath(other), sumsPath(member));
    const said = await runAs(member, debianEtcd() ?? '', 'SIGTERM', 'old');
    expect(said).not.toContain('sums');
    expect(await runAs(member, bundledEtcd, 'SIGTERM', 'new')).toContain(discarded);
  });
});

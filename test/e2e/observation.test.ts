/** What a run tells of its cluster: through the built programs, with bundled members. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectFailOver, ObservedCluster } from '../support/observed-cluster.ts';
import type { Installation } from './supervisor-harness.ts';
import { Run } from './supervisor-harness.ts';

let built: Installation;
const closers: (() => Promise<void>)[] = [];

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-built-'));
  const bin = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');
  built = { folder, bin, remove: () => rmSync(folder, { recursive: true, force: true }) };
});
afterAll(() => built.remove());
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function start(...args: string[]): ObservedCluster {
  const cluster = new ObservedCluster(built, args);
  closers.push(() => cluster.close());
  return cluster;
}

describe('a run of bundled members', () => {
  it('tells as NDJSON that its leader was killed, and who leads next', async () => {
    await expectFailOver(start(), 20_000);
  });

  it('tells commands the same as its output', async () => {
    const cluster = start();
    await cluster.next('leader-changed', 0);
    await cluster.command('wait', '--for=ready', '--timeout', '20s');
    const { to, term } = cluster.eventsOf('leader-changed').at(-1) ?? {};
    const table = (await cluster.command('status', '--cluster')).trimEnd().split('\n');
    expect(table[0]?.split(/\s{2,}/).slice(0, 6)).toEqual(['NAME', 'ROLE', 'TERM', 'LEADER', 'RAFT', 'APPLIED']);
    const rows = table.slice(1).map((line) => line.split(/\s{2,}/));
    expect(rows.map((row) => row[0])).toEqual(['etcd1', 'etcd2', 'etcd3']);
    expect(rows.find((row) => row[0] === to)?.slice(1, 4)).toEqual(['leader', String(term), to]);

    const timeline = JSON.parse(await cluster.command('timeline', '--json'));
    expect(timeline.leaders[0]).toMatchObject({ downtimeMs: null });
    expect(timeline.leaders.at(-1)).toMatchObject({ leader: to, term, toMs: null });
    expect(await cluster.command('timeline')).toMatch(
      new RegExp(`${to} leads in term ${term}\n[^]*\nLEADER +TERM +FROM`),
    );

    const followed = new Run(built, {
      cwd: '/',
      args: ['events', '--json', '--since', '1h', '--state-dir', resolve(timeline.source)],
    });
    closers.push(async () => void (await followed.endBy('SIGINT')));
    await followed.seen(/leader-changed/);
    process.kill(cluster.pidOf(String(to)), 'SIGKILL');
    await followed.seen(/member-exited.*\n/);
    await cluster.next('member-exited', 0);
    const whole = followed.stdout.toString().split('\n').slice(0, -1);
    const heard = whole.map((line) => JSON.parse(line)).slice(0, cluster.events.length);
    const told = cluster.events.slice(0, heard.length).map(({ monotonicMs: _, ...rest }) => rest);
    expect(heard).toEqual(told);
  });
});

describe('a run without an etcd', () => {
  it('says that there is no cluster to tell of', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'clusterctl-none-'));
    writeFileSync(join(cwd, 'Procfile'), 'web: echo up; exec sleep 60\n');
    const run = new Run(built, { cwd, args: ['start', '--tui=false'] });
    closers.push(async () => {
      await run.endBy('SIGINT');
      rmSync(cwd, { recursive: true, force: true });
    });
    await run.seen(/web \| up/);
    const asked = new Run(built, { cwd, args: ['status', '--cluster'] });
    expect((await asked.ended).code).toBe(1);
    expect(asked.stderr).toBe('clusterctl: none of the processes is an etcd\n');
  });
});

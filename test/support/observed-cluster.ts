/** A generated cluster under `clusterctl start --output ndjson`, and what it tells: for tests of any etcd. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { Run } from '../e2e/supervisor-harness.ts';

/** A line of NDJSON. */
export type Told = Readonly<Record<string, unknown>> & { readonly event?: string };

export class ObservedCluster {
  readonly run: Run;
  readonly #installation: Installation;
  readonly #cwd = mkdtempSync(join(tmpdir(), 'clusterctl-observed-'));

  /** Of three members; `args` say of which etcd. */
  constructor(installation: Installation, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#installation = installation;
    this.run = new Run(installation, {
      cwd: this.#cwd,
      args: ['start', '--members', '3', '--output', 'ndjson', '--tui=false', ...args],
      env,
    });
  }

  /** All events so far that are about no single process. */
  get events(): Told[] {
    const whole = this.run.stdout.toString().split('\n').slice(0, -1);
    return whole
      .map((line): Told => JSON.parse(line))
      .filter((told) => told.event !== undefined && !('process' in told));
  }

  eventsOf(type: string): Told[] {
    return this.events.filter((told) => told.event === type);
  }

  /** The one after `past` events of this type. */
  async next(type: string, past: number): Promise<Told> {
    await expect.poll(() => this.eventsOf(type).length, { timeout: 30_000, interval: 10 }).toBeGreaterThan(past);
    return this.eventsOf(type)[past] ?? {};
  }

  pidOf(name: string): number {
    return Number(this.eventsOf('member-started').findLast((told) => told['name'] === name)?.['pid']);
  }

  /** Standard output of another command of the same folder. */
  async command(...args: string[]): Promise<string> {
    const run = new Run(this.#installation, { cwd: this.#cwd, args: [...args, '--state-dir', '.clusterctl'] });
    const { code } = await run.ended;
    expect([run.stderr, code]).toEqual(['', 0]);
    return run.stdout.toString();
  }

  async close(): Promise<void> {
    await this.run.endBy('SIGKILL');
    // Not expect.poll, which only tests may call: this may be shared by the tests of a file.
    if (process.platform === 'linux')
      await vi.waitFor(() => expect(this.run.survivors()).toEqual([]), { timeout: 10_000 });
    rmSync(this.#cwd, { recursive: true, force: true });
  }
}

/** Kills the leader, and checks all that is told of that: one loss, one new leader for it, and a downtime that can be. */
export async function expectFailOver(cluster: ObservedCluster, downtimeMaxMs: number): Promise<void> {
  expect(await cluster.next('leader-changed', 0)).toMatchObject({ from: null, downtimeMs: null });
  // On a busy machine the first leader may be lost again before all have heard of it.
  await cluster.command('wait', '--for=ready', '--timeout', '30s');
  const before = cluster.eventsOf('leader-changed');
  const first = before.at(-1) ?? {};
  const past = before.length;
  const pastLost = cluster.eventsOf('leader-lost').length;
  const old = String(first['to']);
  const followers = ['etcd1', 'etcd2', 'etcd3'].filter((name) => name !== old);
  const killedMs = Date.now();
  process.kill(cluster.pidOf(old), 'SIGKILL');
  const second = await cluster.next('leader-changed', past);
  const tookMs = Date.now() - killedMs;
  expect(second).toMatchObject({ from: old, cluster: first['cluster'] });
  expect(followers).toContain(second['to']);
  expect(Number(second['term'])).toBeGreaterThan(Number(first['term']));
  // The members may notice before the supervisor does, and their log may be read a little later than it was written.
  expect(Number(second['downtimeMs'])).toBeGreaterThanOrEqual(0);
  expect(Number(second['downtimeMs'])).toBeLessThanOrEqual(Math.min(tookMs + 50, downtimeMaxMs));
  expect(cluster.eventsOf('leader-lost')[pastLost]).toMatchObject({ from: old, term: first['term'] });
  expect(cluster.eventsOf('member-exited')).toMatchObject([{ name: old, code: null, signal: 'SIGKILL' }]);

  // All members that live agree with the last that was told; however often votes were split, no term is told twice.
  await expect
    .poll(
      async () => {
        const { processes } = JSON.parse(await cluster.command('status', '--cluster', '--json'));
        const last = cluster.eventsOf('leader-changed').at(-1);
        const members = processes.filter((one: { name: string }) => followers.includes(one.name));
        const leader = members.find((one: { name: string }) => one.name === last?.['to'])?.member;
        return members.every(
          ({ member }: { member: Record<string, unknown> }) =>
            leader?.role === 'leader' && member['leader'] === leader.memberId && member['term'] === last?.['term'],
        );
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  const changes = cluster.eventsOf('leader-changed').slice(past);
  expect(new Set(changes.map((told) => told['term'])).size).toBe(changes.length);
  expect(changes.filter((told) => told['from'] === old)).toHaveLength(1);
}

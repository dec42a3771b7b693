/** The dashboard over members of real etcd: what it shows comes from what any etcd tells, its faults go over the fabric. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { DashboardTerminal, environmentIn } from '../e2e/dashboard-terminal.ts';
import { realProgram } from '../support/real-etcd.ts';

const bin = fileURLToPath(new URL('../../bin/clusterctl', import.meta.url));
const etcd = realProgram('etcd');
let cwd: string;
let terminal: DashboardTerminal | null = null;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-dashboard-'));
  mkdirSync(join(cwd, 'run'), { mode: 0o700 });
});
afterEach(async () => {
  terminal?.kill('SIGTERM');
  await Promise.race([terminal?.ended, new Promise((resolve) => setTimeout(resolve, 15_000))]);
  terminal?.kill('SIGKILL');
  terminal = null;
  rmSync(cwd, { recursive: true, force: true });
});

describe.skipIf(etcd === null)('the dashboard over real etcd', () => {
  it('shows who leads, a kill with the new leader, and an isolated leader', async () => {
    terminal = new DashboardTerminal({
      file: bin,
      args: ['start', '--members', '3', '--etcd', etcd ?? ''],
      cwd,
      env: environmentIn(cwd),
      columns: 160,
      rows: 40,
    });
    await terminal.shows(/3\/3 up.*★ etcd\d[\s\S]*★ leader/, 60_000);
    await terminal.shows(/HEALTH[\s\S]*● \d+(?:\.\d)?ms/, 60_000);
    terminal.type('K');
    await terminal.shows(/2\/3 up[\s\S]*✗ down, SIGKILL/);
    await terminal.shows(/★ etcd\d leads in term \d+, \d[\d.]*m?s after etcd\d/);
    terminal.type('H');
    await terminal.shows(/3\/3 up/);
    await terminal.shows(/★ leader/);
    terminal.type(':');
    await terminal.shows(/Commands/);
    terminal.type('isol lead\r');
    await terminal.shows(/≠ cut off[\s\S]*★ leader|★ leader[\s\S]*≠ cut off/, 60_000);
    terminal.type('H');
    await terminal.shows(/● follower[\s\S]*★ leader|★ leader[\s\S]*● follower/, 60_000);
  });
});

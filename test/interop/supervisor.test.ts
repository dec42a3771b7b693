/** A generated cluster of real etcd members, driven by the real etcdctl. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { install, Run } from '../e2e/supervisor-harness.ts';

const realEtcd = process.env['REAL_ETCD_DIR'];

describe.skipIf(realEtcd === undefined)('clusterctl start with real etcd (needs REAL_ETCD_DIR)', () => {
  const folder = realEtcd ?? '';
  let installation: Installation;
  let cwd: string;
  beforeAll(async () => {
    installation = await install();
    cwd = mkdtempSync(join(tmpdir(), 'clusterctl-real-'));
  });
  afterAll(() => {
    installation.remove();
    rmSync(cwd, { recursive: true, force: true });
  });

  async function etcdctl(...args: string[]): Promise<string> {
    const state = JSON.parse(readFileSync(join(cwd, '.clusterctl/clusters.json'), 'utf8'));
    const endpoint = `http://127.0.0.1:${state.etcd.members[0].clientPort}`;
    return (await promisify(execFile)(join(folder, 'etcdctl'), ['--endpoints', endpoint, ...args])).stdout;
  }

  it('forms a cluster of three, and the same one again after a stop', async () => {
    const ids: string[] = [];
    for (const round of [1, 2]) {
      const run = new Run(installation, { cwd, args: ['start', '--members', '3', '--etcd', join(folder, 'etcd')] });
      try {
        await run.seen(/etcd1 \| .*ready to serve client requests/); // said when a leader is known
        expect(run.lines).toContain(`etcd1 | etcd is ${join(folder, 'etcd')}`);
        const list = (await etcdctl('member', 'list')).trim().split('\n').sort();
        expect(list.map((line) => line.split(', ').slice(1, 3).join(' ')).sort()).toEqual([
          'started etcd1',
          'started etcd2',
          'started etcd3',
        ]);
        ids.push(list.map((line) => line.split(',')[0]).join());
        if (round === 1) await etcdctl('put', 'kept', 'yes');
        else expect(await etcdctl('get', 'kept')).toBe('kept\nyes\n');
        expect((await run.endBy('SIGINT', 'SIGINT')).code).toBe(0);
      } finally {
        run.child.kill('SIGKILL');
      }
      expect(run.survivors()).toEqual([]);
    }
    expect(ids[1]).toBe(ids[0]);
  });
});

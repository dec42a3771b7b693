import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrCreateCluster } from '../../src/supervisor/cluster-state.ts';

describe('the state of generated clusters', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clusterctl-state-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const fabric = { route: 'fabric', scheme: 'https' } as const;
  const direct = { route: 'direct', scheme: 'http' } as const;
  const names = ['etcd1', 'etcd2'];

  it('keeps ports, token and the links of peers as they were at first', async () => {
    const made = await loadOrCreateCluster(folder, 'etcd', names, [], fabric);
    expect(made.ok && made.value.peers).toEqual(fabric);
    expect(await loadOrCreateCluster(folder, 'etcd', names, [], direct)).toEqual(made);
  });

  it.runIf(process.platform === 'linux')(
    'takes no port of a cluster that runs, though its members may be down',
    async () => {
      const other = mkdtempSync(join(tmpdir(), 'clusterctl-state-'));
      const portsIn = async (where: string) => {
        const made = await loadOrCreateCluster(where, 'etcd', names, [], direct);
        return made.ok ? made.value.members.flatMap(({ clientPort, peerPort }) => [clientPort, peerPort]) : [];
      };
      const [one, two] = await Promise.all([portsIn(folder), portsIn(other)]);
      rmSync(other, { recursive: true, force: true });
      expect(new Set([...one, ...two]).size).toBe(8);
    },
  );

  it('knows the clusters of before there was a fabric: their peers reach each other directly', async () => {
    const members = names.map((name, at) => ({ name, clientPort: 12_379 + 10 * at, peerPort: 12_380 + 10 * at }));
    writeFileSync(join(folder, 'clusters.json'), JSON.stringify({ etcd: { token: 't', members } }));
    const kept = await loadOrCreateCluster(folder, 'etcd', names, [], fabric);
    expect(kept).toEqual({ ok: true, value: { token: 't', members, peers: direct } });
    expect(JSON.parse(readFileSync(join(folder, 'clusters.json'), 'utf8')).etcd).not.toHaveProperty('peers');
  });

  it('does not guess what damaged links were', async () => {
    const damaged = { etcd: { token: 't', members: [], peers: { route: 'fabrics', scheme: 'http' } } };
    writeFileSync(join(folder, 'clusters.json'), JSON.stringify(damaged));
    const kept = await loadOrCreateCluster(folder, 'etcd', names, [], direct);
    expect(kept.ok ? '' : kept.error).toContain('is damaged');
  });
});

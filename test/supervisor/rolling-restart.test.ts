import { describe, expect, it } from 'vitest';
import { rollingRestart } from '../../src/supervisor/rolling-restart.ts';

/** Two members and a process that is none; `failing` says what of their steps fails. */
async function roll(failing: Readonly<Record<string, string>>) {
  const steps: string[] = [];
  const step = async (name: string) => {
    steps.push(name);
    return failing[name] ?? null;
  };
  let looks = 0;
  const health = () => step(`health ${++looks}`);
  const processes = ['etcd1', 'etcd2', 'web'].map((name) => ({
    name,
    health: name.startsWith('etcd') ? health : null,
    restart: async () => void (await step(`restart ${name}`)),
    ready: () => step(`ready ${name}`),
  }));
  const result = await rollingRestart(processes);
  return { steps, result };
}

describe('a rolling restart', () => {
  it('restarts the next one when the one before is ready and the cluster is whole', async () => {
    const { steps, result } = await roll({});
    expect(result.ok).toBe(true);
    expect(steps).toEqual([
      'health 1',
      'restart etcd1',
      'ready etcd1',
      'health 2',
      'restart etcd2',
      'ready etcd2',
      'restart web',
      'ready web',
      'health 3',
      'health 4',
    ]);
  });

  it('touches no other member once one is not what it was', async () => {
    const unready = await roll({ 'ready etcd1': 'it has ended' });
    expect(unready.steps).toEqual(['health 1', 'restart etcd1', 'ready etcd1']);
    expect(unready.result).toMatchObject({
      error: 'etcd1 is not ready after its restart: it has ended; not restarted: etcd2, web',
    });
    const unhealthy = await roll({ 'health 2': 'etcd1 is not healthy' });
    expect(unhealthy.steps.at(-1)).toBe('health 2');
    expect(unhealthy.result).toMatchObject({ error: 'not restarted: etcd2, web: etcd1 is not healthy' });
    expect((await roll({ 'health 1': 'etcd2 does not run' })).steps).toEqual(['health 1']);
    expect((await roll({ 'health 3': 'etcd1 is not healthy' })).result).toMatchObject({
      error: 'all are restarted, but etcd1 is not healthy',
    });
  });
});

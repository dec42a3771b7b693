/**
 * What a restart finds after power failed, or the disk did, while a member takes snapshots, purges, receives and installs databases of its
 * leader: everything that was acknowledged, in a state that the log can be applied to. Every operation in turn: test/long.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { live, makeWorld, type Trouble, type World } from './snapshot-crash-workload.ts';

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});

/** What was wrong, at each of the operations that something was wrong after. */
async function faults(type: Trouble['type'], seed: number, stride: number): Promise<string[]> {
  const { operations, fault } = await live(world, seed, null);
  const found = fault === '' ? [] : [`without trouble: ${fault}`];
  for (let operation = seed % stride; operation < operations; operation += stride) {
    const life = await live(world, seed, { type, operation });
    if (life.fault !== '') found.push(`${type} at operation ${operation}: ${life.fault}`);
  }
  return found;
}

describe('a follower that takes and installs snapshots', () => {
  it('keeps what it acknowledged when power fails', { timeout: 30_000 }, async () => {
    expect(await faults('crash', 1, 13)).toEqual([]);
  });

  it('keeps what it acknowledged when the disk fails', { timeout: 30_000 }, async () => {
    expect(await faults('error', 2, 13)).toEqual([]);
  });

  it('would be caught if it did not sync', { timeout: 30_000 }, async () => {
    let caught = 0;
    for (let operation = 40; operation < 180; operation += 20) {
      const life = await live(world, 1, { type: 'crash', operation }, { ignoresSync: true });
      if (life.fault !== '') caught++;
    }
    expect(caught).toBeGreaterThan(3);
  });
});

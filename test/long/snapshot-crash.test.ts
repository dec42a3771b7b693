/** The test of the same name among the unit tests takes samples of what is here: trouble at every operation in turn. */
import { beforeAll, describe, expect, it } from 'vitest';
import { live, makeWorld, type World } from '../server/member/snapshot-crash-workload.ts';

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});

describe('a follower that takes and installs snapshots', () => {
  it.each([
    { type: 'crash', seed: 11 },
    { type: 'crash', seed: 12 },
    { type: 'error', seed: 13 },
  ] as const)(
    'keeps what it acknowledged, wherever there is a $type (seed $seed)',
    { timeout: 200_000 },
    async ({ type, seed }) => {
      const { operations } = await live(world, seed, null);
      const found: string[] = [];
      for (let operation = 0; operation < operations; operation++) {
        const life = await live(world, seed, { type, operation });
        if (life.fault !== '') found.push(`operation ${operation}: ${life.fault}`);
      }
      expect(found).toEqual([]);
    },
  );

  it('keeps it through a second loss of power soon after the first', { timeout: 200_000 }, async () => {
    const { operations } = await live(world, 14, null);
    const found: string[] = [];
    for (let operation = 0; operation < operations; operation++) {
      const again = (operation * 7) % 23;
      const life = await live(world, 14, { type: 'crash', operation }, { again });
      if (life.fault !== '') found.push(`operation ${operation}, then ${again}: ${life.fault}`);
    }
    expect(found).toEqual([]);
  });
});

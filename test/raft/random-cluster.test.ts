import { describe, expect, test } from 'vitest';
import { RandomCluster } from './harness/random-cluster.ts';

const seeds = Array.from({ length: 150 }, (_, position) => position + 1);

describe('a cluster under lost, repeated and reordered messages, crashes, and changes of membership', () => {
  test('never elects two leaders in a term, forgets a committed entry, applies different ones, or serves a stale read', () => {
    let elections = 0;
    let committed = 0;
    for (const seed of seeds) {
      const cluster = new RandomCluster(seed);
      expect(() => cluster.run(2500), `seed ${seed}`).not.toThrow();
      elections += cluster.progress.elections;
      committed += cluster.progress.committed;
    }
    // Enough has happened for the checks to mean something.
    expect(elections).toBeGreaterThan(2 * seeds.length);
    expect(committed).toBeGreaterThan(20 * seeds.length);
  });

  test('agrees on new entries again once the faults are over', () => {
    for (const seed of seeds.slice(0, 60)) {
      const cluster = new RandomCluster(seed);
      cluster.run(800);
      expect(cluster.recovers(), `seed ${seed}`).toBe(true);
    }
  });
});

/** The WAL's promise to Raft, on a disk that may forget everything that was not synced. */
import { describe, expect, it } from 'vitest';
import { live } from './crash-workload.ts';

/** Positions in the order of their turn; with a stride, to bound the time that a test takes. */
function positions(count: number, stride: number): number[] {
  return Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
}

describe('a WAL whose machine loses power', () => {
  it.each([1, 2, 3, 4])('keeps what it acknowledged, wherever the power fails (seed %i)', async (seed) => {
    const { operations, verdict } = await live(seed, []);
    expect(verdict).toEqual({ type: 'kept' });
    for (const at of positions(operations, 1)) {
      expect((await live(seed, [at])).verdict, `power failed at operation ${at}`).toEqual({ type: 'kept' });
    }
  });

  it('keeps what it acknowledged through a row of crashes, also while it repairs itself', async () => {
    for (let seed = 100; seed < 160; seed++) {
      const crashes = [20 + (seed % 40), seed % 9, seed % 30, seed % 7, 3 + (seed % 50)];
      expect((await live(seed, crashes)).verdict, `seed ${seed}`).toEqual({ type: 'kept' });
    }
  });

  it('would be caught if it did not sync: on a disk that ignores syncs the same check finds lost saves', async () => {
    let broken = 0;
    for (const at of positions(60, 3)) {
      if ((await live(1, [at], { ignoresSync: true })).verdict.type === 'broken') broken++;
    }
    expect(broken).toBeGreaterThan(5);
  });
});

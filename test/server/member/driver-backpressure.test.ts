import { expect, it } from 'vitest';
import { DriverBench, lead } from '../../support/driver-bench.ts';

it('nothing is applied while the database is too far behind, and then all of it in order', () => {
  const bench = new DriverBench(1n, [1n]);
  lead(bench);
  const before = bench.applied.length;
  bench.mayApply = false;
  for (const text of ['a', 'b']) {
    bench.driver.propose(Buffer.from(text));
    bench.turn();
    bench.disk();
  }
  bench.driver.resumeApplying();
  expect(bench.applied).toHaveLength(before);
  bench.mayApply = true;
  bench.driver.resumeApplying();
  bench.turn();
  expect(bench.applied.slice(before).map((entry) => String(entry.data))).toEqual(['a', 'b']);
});

import { expect, it } from 'vitest';
import { emptyConfState, messageType, newMessage } from '../../../src/proto/raftpb.ts';
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

it('what was held back is not applied to the database of a snapshot', () => {
  const bench = new DriverBench(1n, [1n, 2n, 3n]);
  bench.turn();
  const before = bench.applied.length;
  bench.mayApply = false;
  const entries = [4, 5].map((index) => ({ type: 0 as const, term: 2, index, data: Buffer.from(`${index}`) }));
  bench.driver.step(newMessage(messageType.app, 2n, 1n, { term: 2, index: 3, logTerm: 1, entries, commit: 5 }));
  bench.turn();
  bench.disk();
  bench.turn();
  expect(bench.applied).toHaveLength(before);
  const metadata = { index: 20, term: 2, confState: { ...emptyConfState, voters: [1n, 2n] } };
  bench.driver.step(newMessage(messageType.snap, 2n, 1n, { term: 2, snapshot: { data: null, metadata } }));
  expect(bench.installs).toHaveLength(1);
  bench.mayApply = true;
  bench.driver.resumeApplying();
  bench.turn();
  expect(bench.applied).toHaveLength(before);
});

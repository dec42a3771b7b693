import { describe, expect, it } from 'vitest';
import type { CompactionPolicy } from '../../../src/server/config/compaction.ts';
import { AutoCompaction } from '../../../src/server/member/auto-compaction.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function run(policy: CompactionPolicy) {
  const clock = new ManualClock();
  const bench = { clock, revision: 1, leads: true, answer: null as string | null, compacted: [] as number[] };
  const compaction = new AutoCompaction(policy, {
    clock,
    logger: silentLogger,
    isLeader: () => bench.leads,
    revision: () => bench.revision,
    compact: async (revision) => {
      bench.compacted.push(revision);
      return bench.answer;
    },
  });
  /** A revision more every minute. */
  const minutes = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await clock.advance(minuteMs);
      bench.revision++;
    }
  };
  return Object.assign(bench, { minutes, stop: () => compaction.stop() });
}

describe('periodic compaction', () => {
  it('keeps the history of the retention, and compacts as often as that', async () => {
    const bench = run({ mode: 'periodic', retentionMs: 10 * minuteMs });
    await bench.minutes(9);
    expect(bench.compacted).toEqual([]);
    await bench.minutes(1);
    expect(bench.compacted).toEqual([1]);
    await bench.minutes(10);
    expect(bench.compacted).toEqual([1, 9]);
  });

  it('compacts every hour, whatever is kept beyond that', async () => {
    const bench = run({ mode: 'periodic', retentionMs: 3 * hourMs });
    await bench.minutes(179);
    expect(bench.compacted).toEqual([]);
    await bench.minutes(1);
    expect(bench.compacted).toEqual([1]);
    await bench.minutes(60);
    expect(bench.compacted).toHaveLength(2);
    expect(bench.revision - (bench.compacted[1] ?? 0)).toBeGreaterThanOrEqual(180);
  });

  it('is tried again after a tenth of the interval, and left to whoever leads', async () => {
    const bench = run({ mode: 'periodic', retentionMs: 10 * minuteMs });
    bench.answer = 'etcdserver: request timed out';
    await bench.minutes(12);
    expect(bench.compacted).toHaveLength(3);
    bench.leads = false;
    await bench.minutes(30);
    expect(bench.compacted).toHaveLength(3);
    bench.stop();
  });

  it('does not compact twice to the same revision', async () => {
    const bench = run({ mode: 'periodic', retentionMs: 10 * minuteMs });
    await bench.clock.advance(hourMs);
    expect(bench.compacted).toEqual([1]);
  });
});

describe('compaction by revision', () => {
  it('keeps so many revisions, and looks every five minutes', async () => {
    const bench = run({ mode: 'revision', retentionRevisions: 7 });
    await bench.minutes(10);
    expect(bench.compacted).toEqual([3]);
    await bench.minutes(5);
    expect(bench.compacted).toEqual([3, 8]);
    bench.stop();
    await bench.minutes(20);
    expect(bench.compacted).toEqual([3, 8]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, emptyConfState, type Snapshot } from '../../src/proto/raftpb.ts';
import { UnstableLog } from '../../src/raft/log-unstable.ts';
import { entries, entry, recordingLogger } from './harness/entries.ts';

function snapshotAt(index: number, term: number): Snapshot {
  return { data: null, metadata: { confState: emptyConfState, index, term } };
}

const noLimit = Number.POSITIVE_INFINITY;

function contents(log: UnstableLog): Entry[] {
  return log.slice(log.offset, log.offset + log.length, noLimit);
}

/** A tail of entries 5, 6 and 7 of term 1, of which the first two are being written. */
function tail(): { log: UnstableLog; lines: string[] } {
  const logger = recordingLogger();
  const log = new UnstableLog(5, logger);
  log.append(entries(5, 7, 1));
  log.acceptInProgress();
  log.append(entries(7, 8, 1));
  return { log, lines: logger.lines };
}

describe('the unstable tail of the log', () => {
  test('hands out each entry once', () => {
    const { log } = tail();
    expect(log.nextEntries()).toEqual([entry(7, 1)]);
    log.acceptInProgress();
    expect(log.hasNext).toBe(false);
    expect(log.nextEntries()).toEqual([]);
  });

  test('replaced from the middle, is handed out again from there', () => {
    const { log, lines } = tail();
    log.append(entries(6, 9, 2));
    expect(contents(log)).toEqual([entry(5, 1), ...entries(6, 9, 2)]);
    expect(log.nextEntries()).toEqual(entries(6, 9, 2));
    expect(lines).toEqual(['truncate the unstable entries before index 6']);
  });

  test('replaced from before its beginning, starts there', () => {
    const { log, lines } = tail();
    log.append(entries(3, 5, 2));
    expect([log.offset, contents(log)]).toEqual([3, entries(3, 5, 2)]);
    expect(log.offsetInProgress).toBe(3);
    expect(lines).toEqual(['replace the unstable entries from index 3']);
  });

  test('shrinks when entries are on disk', () => {
    const { log } = tail();
    log.stableTo({ term: 1, index: 6 });
    expect([log.offset, log.offsetInProgress, contents(log)]).toEqual([7, 7, [entry(7, 1)]]);
    log.stableTo({ term: 1, index: 7 });
    expect([log.offset, log.offsetInProgress, log.length]).toEqual([8, 8, 0]);
  });

  test.each([
    [
      'was replaced meanwhile',
      { term: 2, index: 6 },
      'entry at (index,term)=(6,2) mismatched with entry at (6,1) in unstable log; ignoring',
    ],
    ['is stable already', { term: 1, index: 4 }, 'entry at index 4 missing from unstable log; ignoring'],
    ['was truncated meanwhile', { term: 1, index: 8 }, 'entry at index 8 missing from unstable log; ignoring'],
  ])('ignores that an entry is on disk which %s', (_, id, line) => {
    const { log, lines } = tail();
    log.stableTo(id);
    expect(log.length).toBe(3);
    expect(lines).toEqual([line]);
  });

  test('gives way to a snapshot, which then decides first and last index', () => {
    const { log, lines } = tail();
    log.restore(snapshotAt(20, 3));
    expect([log.firstIndex(), log.lastIndex(), log.term(20), log.term(19)]).toEqual([21, 20, 3, null]);
    expect(log.nextSnapshot()?.metadata.index).toBe(20);
    log.acceptInProgress();
    expect(log.nextSnapshot()).toBeNull();
    log.append(entries(21, 23, 3));
    log.stableTo({ term: 3, index: 20 });
    expect(lines).toEqual(['entry at index 20 matched unstable snapshot; ignoring']);
    log.stableSnapshotTo(19);
    expect(log.snapshot).not.toBeNull();
    log.stableSnapshotTo(20);
    expect([log.snapshot, log.firstIndex(), log.lastIndex()]).toEqual([null, null, 22]);
  });

  test('stays consistent under any sequence of appends, writes and their reports', () => {
    type Step = { readonly type: 'append' | 'accept' | 'stable'; readonly at: number; readonly count: number };
    const step: fc.Arbitrary<Step> = fc.record({
      type: fc.constantFrom('append', 'append', 'accept', 'stable'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      count: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log = new UnstableLog(1, recordingLogger());
        let model: Entry[] = [];
        let stable = 0;
        let term = 0;
        for (const { type, at, count } of steps) {
          const index = stable + 1 + Math.floor(at * (model.length - stable + 1));
          if (type === 'append') {
            const more = entries(Math.min(index, model.length + 1), Math.min(index, model.length + 1) + count, ++term);
            log.append(more);
            model = [...model.slice(0, (more[0]?.index ?? 1) - 1), ...more];
          } else if (type === 'accept') {
            log.acceptInProgress();
          } else {
            const last = model[index - 1];
            if (last === undefined || index >= log.offsetInProgress) continue;
            log.stableTo(last);
            stable = index;
          }
          expect(log.offset).toBe(stable + 1);
          expect(contents(log)).toEqual(model.slice(stable));
          expect(log.offsetInProgress).toBeGreaterThanOrEqual(log.offset);
          expect(log.offsetInProgress).toBeLessThanOrEqual(model.length + 1);
          expect(log.nextEntries()).toEqual(model.slice(log.offsetInProgress - 1));
        }
      }),
    );
  });
});

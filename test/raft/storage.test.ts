import { describe, expect, test } from 'vitest';
import { emptyConfState, type Snapshot } from '../../src/proto/raftpb.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { entries, entry } from './harness/entries.ts';

const noLimit = Number.POSITIVE_INFINITY;

function snapshotAt(index: number, term: number): Snapshot {
  return { data: null, metadata: { confState: { ...emptyConfState, voters: [1n] }, index, term } };
}

/** A log whose entries through 3 are compacted, and which ends at 6. */
function compacted(): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append([...entries(1, 4, 1), ...entries(4, 7, 2)]);
  expect(storage.compact(3).ok).toBe(true);
  return storage;
}

describe('the log in memory', () => {
  test('starts empty, before index 1', () => {
    const storage = new MemoryStorage();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 0]);
    expect(storage.term(0)).toEqual({ ok: true, value: 0 });
    expect(storage.term(1)).toEqual({ ok: false, error: 'unavailable' });
  });

  test('knows the term of the last compacted entry, and nothing before it', () => {
    const storage = compacted();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([4, 6]);
    expect(storage.term(2)).toEqual({ ok: false, error: 'compacted' });
    expect(storage.term(3)).toEqual({ ok: true, value: 1 });
    expect(storage.term(6)).toEqual({ ok: true, value: 2 });
    expect(storage.term(7)).toEqual({ ok: false, error: 'unavailable' });
    expect(storage.entries(3, 5, noLimit)).toEqual({ ok: false, error: 'compacted' });
    expect(storage.entries(4, 6, noLimit)).toEqual({ ok: true, value: entries(4, 6, 2) });
    expect(storage.compact(3)).toEqual({ ok: false, error: 'compacted' });
  });

  test.each([
    ['behind the end', entries(7, 9, 3), [...entries(4, 7, 2), ...entries(7, 9, 3)]],
    ['over the tail, which is replaced', entries(5, 6, 3), [entry(4, 2), entry(5, 3)]],
    ['over all of it', entries(4, 5, 3), [entry(4, 3)]],
    ['over what is compacted, which is passed over', entries(2, 6, 3), entries(4, 6, 3)],
    ['only over what is compacted', entries(1, 4, 3), entries(4, 7, 2)],
  ])('appends %s', (_, appended, expected) => {
    const storage = compacted();
    storage.append(appended);
    const last = storage.lastIndex();
    expect(storage.entries(4, last + 1, noLimit)).toEqual({ ok: true, value: expected });
  });

  test('refuses a gap', () => {
    expect(() => compacted().append(entries(8, 9, 3))).toThrow('missing log entry [last: 6, append at: 8]');
  });

  test('is replaced by a snapshot, but not by an older one', () => {
    const storage = compacted();
    expect(storage.applySnapshot(snapshotAt(10, 4)).ok).toBe(true);
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([11, 10]);
    expect(storage.term(10)).toEqual({ ok: true, value: 4 });
    expect(storage.entries(11, 11, noLimit)).toEqual({ ok: false, error: 'unavailable' });
    expect(storage.applySnapshot(snapshotAt(10, 4))).toEqual({ ok: false, error: 'snapshotOutOfDate' });
    expect(storage.initialState().confState.voters).toEqual([1n]);
  });

  test('makes snapshots without touching the entries', () => {
    const storage = compacted();
    const made = storage.createSnapshot(5, { ...emptyConfState, voters: [7n] }, Buffer.from('state'));
    expect(made.ok && made.value.metadata.term).toBe(2);
    expect(storage.firstIndex()).toBe(4);
    expect(storage.createSnapshot(5, null, null)).toEqual({ ok: false, error: 'snapshotOutOfDate' });
    expect(storage.createSnapshot(7, null, null)).toEqual({ ok: false, error: 'unavailable' });
    const next = storage.createSnapshot(6, null, null);
    expect(next.ok && next.value.metadata.confState.voters).toEqual([7n]);
  });

  test('takes a million entries without moving them', () => {
    const storage = new MemoryStorage();
    for (let from = 1; from <= 1_000_000; from += 5000) {
      storage.append(entries(from, from + 5000, 1));
      if (from > 20_000) storage.compact(from - 20_000);
    }
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([975_002, 1_000_000]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeyValue, encodeDeletedKeyValue, type KeyValue } from '../../../src/proto/mvccpb.ts';
import { KeyIndex, RevisionList } from '../../../src/server/mvcc/key-index.ts';
import type { KvStore } from '../../../src/server/mvcc/store.ts';
import { commit, finishCompactions, type MemoryStore, memoryStore } from '../../support/memory-store.ts';
import { bytesOf, ModelStore, textOf } from './model-store.ts';

type Write =
  | { type: 'put'; key: string; value: string; lease: bigint }
  | { type: 'delete'; key: string; rangeEnd: string }
  | { type: 'read'; key: string; rangeEnd: string; limit: number };

type Command =
  | { type: 'txn'; writes: Write[] }
  | { type: 'range'; key: string; rangeEnd: string; limit: number; back: number; countOnly: boolean }
  | { type: 'compact'; back: number }
  | { type: 'step' }
  | { type: 'finish' }
  | { type: 'commit' }
  | { type: 'reopen' }
  | { type: 'hash'; back: number };

const key = fc.oneof(
  fc.constantFrom('a', 'aa', 'ab', 'b', 'ba', 'c', '\0', 'a\0'),
  fc.nat(60).map((n) => `k${n}`),
);
const rangeEnd = fc.oneof({ weight: 2, arbitrary: fc.constant('') }, fc.constantFrom('\0', 'b', 'k3', 'k9', 'z'), key);
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key,
      value: fc.string({ maxLength: 8, unit: 'binary-ascii' }),
      lease: fc.constantFrom(0n, 0n, 7n, -3n),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key, rangeEnd }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('read' as const), key, rangeEnd, limit: fc.nat(3) }) },
);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('txn' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 4, size: 'small' }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('range' as const),
      key,
      rangeEnd,
      limit: fc.nat(5),
      back: fc.integer({ min: -1, max: 30 }),
      countOnly: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('compact' as const), back: fc.integer({ min: -1, max: 12 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { type: 'step' as const },
      { type: 'finish' as const },
      { type: 'commit' as const },
      { type: 'reopen' as const },
    ),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('hash' as const), back: fc.nat(8) }) },
);
const commands = fc.array(command, { maxLength: 80, size: 'max' });

class Tester {
  /** Nothing that is committed stays in memory, so that both sources of records are read. */
  memory: MemoryStore = memoryStore({ recentBytesMax: 0 });
  readonly model = new ModelStore();
  readonly leases = new Map<string, bigint>();

  constructor() {
    this.store.leases = this.leaseBook;
  }

  get store(): KvStore {
    return this.memory.store;
  }

  private readonly leaseBook = {
    keyLeaseChanged: (key: Uint8Array, lease: bigint): void => {
      if (lease === 0n) this.leases.delete(textOf(key));
      else this.leases.set(textOf(key), lease);
    },
  };

  /** Commits all, and goes on with a store that is restored from that. */
  private reopen(): void {
    commit(this.memory);
    const backend = this.memory.backend.reopen();
    const { store } = memoryStore({ recentBytesMax: 0 });
    backend.onCommitted = () => store.committed();
    store.leases = this.leaseBook;
    this.leases.clear();
    const step = store.beginRestore(backend);
    while (!step());
    this.memory = { store, backend };
  }

  run(command: Command): void {
    const { store, model } = this;
    switch (command.type) {
      case 'txn':
        this.runTxn(command.writes);
        break;
      case 'range': {
        const { limit, back, countOnly } = command;
        const revision = model.revision - back;
        const keys = { key: bytesOf(command.key), rangeEnd: bytesOf(command.rangeEnd) };
        const got = store.range({ ...keys, limit, revision, countOnly });
        expectSameRange(got, model.range(command.key, command.rangeEnd, revision, limit), countOnly);
        break;
      }
      case 'compact': {
        const revision = model.revision - command.back;
        expect(store.compact(revision)).toEqual(model.compact(revision));
        break;
      }
      case 'step':
        store.compactionStep();
        break;
      case 'finish':
        finishCompactions(this.memory);
        break;
      case 'commit':
        commit(this.memory);
        break;
      case 'reopen':
        this.reopen();
        break;
      case 'hash': {
        finishCompactions(this.memory);
        const revision = model.revision - command.back;
        if (revision < 1) break;
        const { compactRevision } = model;
        const stored = model.compactionHashes.get(revision);
        const isCompacted = stored === undefined && revision < compactRevision;
        const expected = stored ?? { hash: model.hash(revision), compactRevision, hashRevision: revision };
        const got = store.hashKv(revision);
        // Only the last ten hashes of compactions are remembered, and none across a restart.
        if (stored !== undefined && (!got.ok || got.value.compactRevision !== stored.compactRevision)) break;
        expect(got).toEqual(isCompacted ? { ok: false, error: 'compacted' } : { ok: true, value: expected });
        break;
      }
    }
  }

  private runTxn(writes: Write[]): void {
    const { store, model } = this;
    const txn = store.beginWrite();
    for (const write of writes) {
      const key = bytesOf(write.key);
      if (write.type === 'put') {
        expect(txn.put(key, bytesOf(write.value), write.lease)).toBe(model.revision + 1);
        model.put(write.key, write.value, write.lease);
        key.fill(0);
      } else if (write.type === 'delete') {
        const { deleted } = txn.deleteRange(key, bytesOf(write.rangeEnd));
        expect(deleted).toBe(model.delete(write.key, write.rangeEnd));
      } else {
        const { limit } = write;
        const got = txn.range({ key, rangeEnd: bytesOf(write.rangeEnd), limit, revision: 0, countOnly: false });
        expectSameRange(got, model.range(write.key, write.rangeEnd, 0, limit), false);
      }
    }
    model.end();
    expect(txn.end()).toBe(model.revision);
    expect(store.revision).toBe(model.revision);
  }

  check(): void {
    const { store, model } = this;
    finishCompactions(this.memory);
    expect(store.compactRevision).toBe(model.compactRevision);
    expect(store.finishedCompactRevision).toBe(model.compactRevision);
    expect(store.hashKv(0)).toMatchObject({ ok: true, value: { hash: model.hash(0) } });
    expect(this.recordsOf(0)).toEqual(
      model.remaining().map(({ main, sub, key, kv }) => ({ main, sub, key, isTombstone: kv === null })),
    );
    const alive = model.range('\0', '\0', 0, 0);
    expect(store.index.liveKeys).toBe(alive.ok ? alive.value.count : -1);
    expect(store.index.size).toBe(new Set(model.remaining().map((entry) => entry.key)).size);
    if (!alive.ok) throw new Error(alive.error);
    const leased = alive.value.kvs.filter(({ lease }) => lease !== 0n);
    expect(this.leases).toEqual(new Map(leased.map(({ key, lease }) => [textOf(key), lease])));
  }

  private recordsOf(from: number): { main: number; sub: number; key: string; isTombstone: boolean }[] {
    const records: { main: number; sub: number; key: string; isTombstone: boolean }[] = [];
    const cursor = this.store.log.cursor(from, 0);
    while (cursor.next()) {
      const { key } = decodeKeyValue(cursor.bytes.subarray(cursor.start, cursor.end));
      records.push({ main: cursor.main, sub: cursor.sub, key: textOf(key), isTombstone: cursor.tombstone });
    }
    return records;
  }
}

function expectSameRange(
  got: ReturnType<KvStore['range']>,
  expected: ReturnType<ModelStore['range']>,
  countOnly: boolean,
): void {
  expect(got.ok ? 'ok' : got.error).toBe(expected.ok ? 'ok' : expected.error);
  if (!got.ok || !expected.ok) return;
  expect(got.value.count).toBe(expected.value.count);
  expect(got.value.kvs.map(decodeKeyValue).map(plain)).toEqual(countOnly ? [] : expected.value.kvs.map(plain));
}

function plain(kv: KeyValue): object {
  return { ...kv, key: textOf(kv.key), value: textOf(kv.value) };
}

describe('the store', () => {
  it('answers as the naive model does, at every revision, between and after compactions', () => {
    fc.assert(
      fc.property(commands, (steps) => {
        const tester = new Tester();
        for (const step of steps) tester.run(step);
        tester.check();
      }),
      { numRuns: 120 },
    );
  });

  it('can be indexed anew from its records', () => {
    fc.assert(
      fc.property(commands, (steps) => {
        const tester = new Tester();
        for (const step of steps) if (step.type !== 'range' && step.type !== 'hash') tester.run(step);
        finishCompactions(tester.memory);
        const { store } = tester;
        const index = indexOf(store);
        expect([index.size, index.liveKeys]).toEqual([store.index.size, store.index.liveKeys]);
        for (let revision = Math.max(1, store.compactRevision); revision <= store.revision; revision++) {
          expect(revisionsIn(index, revision)).toEqual(revisionsIn(store.index, revision));
        }
        // The next put of every key gets the same creation and version.
        for (const key of ['a', 'aa', 'ab', 'b', 'k0', 'k1']) {
          for (const each of [index, store.index]) each.put(bytesOf(key), store.revision + 1, 0, false);
          expect([index.created, index.version]).toEqual([store.index.created, store.index.version]);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('hashes the same whenever compactions are carried out', () => {
    fc.assert(
      fc.property(commands, fc.array(fc.nat(3), { minLength: 80, maxLength: 80 }), (steps, stepsBetween) => {
        const eager = new Tester();
        const lazy = new Tester();
        for (const [i, step] of steps.entries()) {
          if (step.type === 'step' || step.type === 'finish' || step.type === 'hash' || step.type === 'reopen')
            continue;
          eager.run(step);
          finishCompactions(eager.memory);
          lazy.run(step);
          for (let n = stepsBetween[i] ?? 0; n > 0; n--) lazy.store.compactionStep();
        }
        const { revision, compactRevision } = eager.store;
        // Before the last compaction is finished, hashes agree while any key is alive, as in etcd.
        for (let back = 0; revision - back > compactRevision && back < 5; back++) {
          if (eager.store.range({ ...everything, revision: revision - back }).ok === false) continue;
          const alive = eager.store.range({ ...everything, revision: revision - back });
          if (!alive.ok || alive.value.count === 0) continue;
          expect(lazy.store.hashKv(revision - back)).toEqual(eager.store.hashKv(revision - back));
        }
        finishCompactions(lazy.memory);
        expect(lazy.store.hashKv(0)).toEqual(eager.store.hashKv(0));
      }),
      { numRuns: 80 },
    );
  });
});

function indexOf(store: KvStore): KeyIndex {
  const index = new KeyIndex();
  const cursor = store.log.cursor(0, 0);
  while (cursor.next()) {
    const { main, sub } = cursor;
    const kv = decodeKeyValue(cursor.bytes.subarray(cursor.start, cursor.end));
    const row = index.restoreRow(kv.key);
    if (cursor.tombstone) index.restoreTombstone(row, main, sub);
    else index.restorePut(row, main, sub, kv.createRevision, kv.version, kv.lease !== 0n);
  }
  return index;
}

function revisionsIn(index: KeyIndex, revision: number): string[] {
  const found = new RevisionList();
  index.range(bytesOf('\0'), bytesOf('\0'), revision, Number.POSITIVE_INFINITY, found);
  return Array.from({ length: found.length }, (_, i) => `${found.mains[i]}.${found.subs[i]}`);
}

const everything = { key: bytesOf('\0'), rangeEnd: bytesOf('\0'), limit: 0, revision: 0, countOnly: true };

function putAll(store: KvStore, keys: readonly string[], value = 'v'): void {
  for (const key of keys) {
    const txn = store.beginWrite();
    txn.put(bytesOf(key), bytesOf(value), 0n);
    txn.end();
  }
}

describe('a compaction', () => {
  it('refuses what etcd refuses', () => {
    const { store } = memoryStore();
    expect(store.compact(-1)).toEqual({ ok: false, error: 'compacted' });
    expect(store.compact(0).ok).toBe(true);
    expect(store.compact(1).ok).toBe(true);
    expect(store.compact(2)).toEqual({ ok: false, error: 'future' });
  });

  it('refuses reads below it at once, and leaves the revision itself readable', () => {
    const { store } = memoryStore();
    putAll(store, ['a', 'a', 'a']);
    expect(store.compact(3).ok).toBe(true);
    expect(store.range({ ...everything, revision: 2 })).toEqual({ ok: false, error: 'compacted' });
    expect(store.range({ ...everything, revision: 3 })).toMatchObject({ ok: true, value: { count: 1 } });
  });

  it('leaves its hash behind, relative to the compaction before', () => {
    const { store, backend } = memoryStore();
    putAll(store, ['a', 'b', 'a', 'b']);
    const before = store.hashKv(4);
    store.compact(4);
    finishCompactions({ store, backend });
    expect(store.hashKv(4)).toEqual(before);
    expect(store.hashKv(5)).toMatchObject({ ok: true, value: { compactRevision: 4 } });
  });

  it('waits for a hash that was begun before it, and carries on when that is done or cancelled', () => {
    const { store, backend } = memoryStore();
    putAll(store, ['a', 'b', 'a', 'b', 'a']);
    const expected = store.hashKv(0);
    const hash = store.beginHashKv(0);
    if (!hash.ok) throw new Error(hash.error);
    store.compact(5);
    for (let i = 0; i < 100; i++) expect(store.compactionStep()).not.toBe('done');
    expect(store.finishedCompactRevision).toBe(-1);
    expect(hash.value.step()).toEqual(expected.ok ? expected.value : null);
    finishCompactions({ store, backend });
    expect(store.finishedCompactRevision).toBe(5);

    const cancelled = store.beginHashKv(0);
    if (!cancelled.ok) throw new Error(cancelled.error);
    store.compact(6);
    for (let i = 0; i < 100; i++) expect(store.compactionStep()).not.toBe('done');
    expect(store.finishedCompactRevision).toBe(5);
    cancelled.value.cancel();
    finishCompactions({ store, backend });
    expect(store.finishedCompactRevision).toBe(6);
  });

  it('deletes the records of a large store in small batches', () => {
    const { store, backend } = memoryStore();
    const value = 'x'.repeat(200);
    for (let round = 0; round < 3; round++) {
      putAll(
        store,
        Array.from({ length: 20_000 }, (_, i) => `/registry/pods/${i}`),
        value,
      );
    }
    commit({ store, backend });
    store.compact(store.revision);
    let pauses = 0;
    for (let progress = store.compactionStep(); progress !== 'done'; progress = store.compactionStep()) {
      if (progress === 'pause') {
        pauses++;
        commit({ store, backend });
      }
    }
    commit({ store, backend });
    expect(pauses).toBe(59);
    expect(backend.dump('key').length).toBe(20_000);
    expect(store.totals.compactedRevisions).toBe(40_000);

    const txn = store.beginWrite();
    expect(txn.deleteRange(bytesOf('\0'), bytesOf('\0')).deleted).toBe(20_000);
    txn.end();
    putAll(store, ['last']);
    store.compact(store.revision);
    finishCompactions({ store, backend });
    expect(store.index.size).toBe(1);
    expect(backend.dump('key').length).toBe(1);
  });

  it('waits for the backend when that is far behind', () => {
    const { store, backend } = memoryStore();
    for (let round = 0; round < 3; round++) {
      putAll(
        store,
        Array.from({ length: 30_000 }, (_, i) => `${i}`),
      );
    }
    store.compact(store.revision);
    let steps = 0;
    while (store.compactionStep() !== 'done' && steps < 1000) steps++;
    expect(steps).toBe(1000);
    expect(store.log.uncommittedDrops).toBeLessThanOrEqual(51_000);
    finishCompactions({ store, backend });
    expect(store.log.uncommittedDrops).toBe(0);
    expect(store.finishedCompactRevision).toBe(store.revision);
  });

  it('is carried on after a crash at any commit, and ends in the same database', () => {
    const filled = (): MemoryStore => {
      const memory = memoryStore();
      const keys = Array.from({ length: 3000 }, (_, i) => `${i % 700}`);
      putAll(memory.store, keys);
      const txn = memory.store.beginWrite();
      txn.deleteRange(bytesOf('3'), bytesOf('4'));
      txn.end();
      putAll(memory.store, ['a', '35', 'b']);
      memory.store.compact(memory.store.revision - 2);
      commit(memory);
      return memory;
    };
    const whole = filled();
    finishCompactions(whole);
    for (const crashAfter of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      const first = filled();
      for (let n = 0; n < crashAfter; n++) first.store.compactionStep();
      commit(first);
      first.store.compactionStep();
      const second = memoryStore();
      const backend = first.backend.reopen();
      const step = second.store.beginRestore(backend);
      while (!step());
      expect(second.store.compactRevision).toBe(whole.store.compactRevision);
      expect(second.store.revision).toBe(whole.store.revision);
      const hash = second.store.hashKv(0);
      finishCompactions({ store: second.store, backend });
      expect(second.store.hashKv(0)).toEqual(hash);
      expect(hash).toEqual(whole.store.hashKv(0));
      expect(backend.dump('key')).toEqual(whole.backend.dump('key'));
      expect(backend.dump('meta').filter(([key]) => key.endsWith('CompactRev'))).toEqual(
        whole.backend.dump('meta').filter(([key]) => key.endsWith('CompactRev')),
      );
    }
  });
});

describe('changes', () => {
  it('are all that a transaction did, in its order, with what watchers see of a deletion', () => {
    const { store } = memoryStore();
    putAll(store, ['a', 'b']);
    const txn = store.beginWrite();
    txn.put(bytesOf('c'), bytesOf('1'), 0n);
    txn.deleteRange(bytesOf('a'), bytesOf('c'));
    txn.end();
    const changes = txn.changes();
    expect(changes.map(({ type, revision, key }) => [type, revision, textOf(key)])).toEqual([
      ['put', 4, 'c'],
      ['delete', 4, 'a'],
      ['delete', 4, 'b'],
    ]);
    expect(textOf(changes[1]?.kv ?? bytesOf(''))).toBe(textOf(encodeDeletedKeyValue(bytesOf('a'), 4)));
    expect(store.changesAt(4)).toEqual(changes);
  });

  it('of a span stop at the end of a revision once there are enough', () => {
    const { store } = memoryStore();
    putAll(store, ['a', 'b']);
    const txn = store.beginWrite();
    for (const key of ['c', 'd', 'e']) txn.put(bytesOf(key), bytesOf('1'), 0n);
    txn.end();
    putAll(store, ['f']);
    const revisionsOf = (max: number) => store.changesBetween(2, 5, max).map(({ revision }) => revision);
    expect(revisionsOf(0)).toEqual([2, 3, 4, 4, 4, 5]);
    expect(revisionsOf(1)).toEqual([2]);
    expect(revisionsOf(3)).toEqual([2, 3, 4, 4, 4]);
  });

  it('know what was there before, unless it was compacted', () => {
    const { store } = memoryStore();
    putAll(store, ['a'], '1');
    putAll(store, ['a'], '2');
    const previous = store.previous(bytesOf('a'), 3);
    expect(previous === null ? null : textOf(decodeKeyValue(previous).value)).toBe('1');
    expect(store.previous(bytesOf('a'), 2)).toBeNull();
    store.compact(3);
    expect(store.previous(bytesOf('a'), 3)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { RowMemo } from '../../../src/server/mvcc/row-memo.ts';
import { KvStore } from '../../../src/server/mvcc/store.ts';
import type { LeaseBook } from '../../../src/server/mvcc/store-types.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';

const bytesOf = (text: string) => Buffer.from(text);

async function storeOf(writes: (store: KvStore) => void): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  writes(new KvStore(backend));
  backend.mark(1, 1);
  await backend.commit();
  return backend;
}

function put(store: KvStore, key: string, lease = 0n): void {
  const txn = store.beginWrite();
  txn.put(bytesOf(key), bytesOf('v'), lease);
  txn.end();
}

function remove(store: KvStore, key: string): void {
  const txn = store.beginWrite();
  txn.deleteRange(bytesOf(key), new Uint8Array(0));
  txn.end();
}

function restored(backend: MemoryBackend, leases?: LeaseBook): KvStore {
  const store = new KvStore(new MemoryBackend());
  if (leases !== undefined) store.leases = leases;
  const step = store.beginRestore(backend);
  while (!step());
  return store;
}

describe('a store that is restored', () => {
  it('knows keys of every length, however often they were put', async () => {
    const keys = [1, 119, 120, 121, 300, 512, 513, 5000].map((length) => 'k'.repeat(length));
    const backend = await storeOf((store) => {
      for (let round = 0; round < 3; round++) for (const key of keys) put(store, key);
    });
    const store = restored(backend);
    expect(store.index.liveKeys).toBe(keys.length);
    for (const [i, key] of keys.entries()) {
      expect(store.index.find(bytesOf(key), store.revision)).toBe(true);
      expect(store.index.foundMain).toBe(2 + 2 * keys.length + i);
      expect(store.index.find(bytesOf(key), 2 + i)).toBe(true);
      expect(store.index.foundMain).toBe(2 + i);
    }
  });

  it('knows more keys than fit the memo of rows, put in turns', async () => {
    const count = 20_000;
    const backend = await storeOf((store) => {
      for (let i = 0; i < 2 * count; i++) put(store, `key/${i % count}`);
    });
    const store = restored(backend);
    expect(store.index.liveKeys).toBe(count);
    expect(store.index.size).toBe(count);
    for (let i = 0; i < count; i += 37) {
      expect(store.index.find(bytesOf(`key/${i}`), store.revision)).toBe(true);
      expect(store.index.foundMain).toBe(2 + count + i);
    }
  });

  it('tells of leases that keys have got, changed and lost, in order', async () => {
    const backend = await storeOf((store) => {
      put(store, 'a', 7n);
      put(store, 'a', 8n);
      put(store, 'b', 7n);
      put(store, 'c');
      put(store, 'b');
      remove(store, 'a');
      put(store, 'a');
    });
    const held = new Map<string, bigint>();
    const store = restored(backend, { keyLeaseChanged: (key, lease) => held.set(Buffer.from(key).toString(), lease) });
    expect(Object.fromEntries(held)).toEqual({ a: 0n, b: 0n });
    expect(store.revision).toBe(8);
    expect(store.index.liveKeys).toBe(3);
  });
});

describe('RowMemo', () => {
  it('tells keys apart that belong into the same place', () => {
    const memo = new RowMemo();
    const keys = Array.from({ length: 30_000 }, (_, i) => bytesOf(`${i}`));
    const foundTooEarly = keys.filter((key, i) => {
      const found = memo.find(key, 0, key.length);
      memo.add(key, i + 1);
      return found !== 0;
    });
    expect(foundTooEarly).toEqual([]);
    const rows = keys.map((key) => memo.find(key, 0, key.length));
    expect(rows.filter((row, i) => row !== 0 && row !== i + 1)).toEqual([]);
    expect(rows.filter((row) => row !== 0).length).toBeGreaterThan(1000);
  });

  it('gives up where most keys are new', () => {
    const memo = new RowMemo();
    const key = bytesOf('again');
    memo.find(key, 0, key.length);
    memo.add(key, 7);
    expect(memo.find(key, 0, key.length)).toBe(7);
    for (let i = 0; i < 70_000; i++) {
      const other = bytesOf(`new/${i}`);
      memo.find(other, 0, other.length);
      memo.add(other, i + 8);
    }
    memo.find(key, 0, key.length);
    memo.add(key, 7);
    expect(memo.find(key, 0, key.length)).toBe(0);
  });
});

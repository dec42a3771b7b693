import { describe, expect, it } from 'vitest';
import { Lessor } from '../../../src/server/lease/lessor.ts';
import { memoryStore } from '../../support/memory-store.ts';

function keysRevoked(lessor: Lessor, id: bigint): string[] {
  const revoked = lessor.revoke(id);
  return revoked.ok ? revoked.value.map((key) => Buffer.from(key).toString()) : [revoked.error];
}

describe('the lessor', () => {
  it('gives back the keys of a revoked lease in order', () => {
    const { store, backend } = memoryStore();
    const lessor = new Lessor(backend, 2);
    store.leases = lessor;
    lessor.grant(7n, 60);
    for (const key of ['b', 'a', 'c']) {
      const txn = store.beginWrite();
      txn.put(Buffer.from(key), Buffer.from('v'), 7n);
      txn.end();
    }
    expect(keysRevoked(lessor, 7n)).toEqual(['a', 'b', 'c']);
    expect(lessor.exists(7n)).toBe(false);
  });

  it('forgets a key that was deleted or put without the lease', () => {
    const { store, backend } = memoryStore();
    const lessor = new Lessor(backend, 2);
    store.leases = lessor;
    lessor.grant(7n, 60);
    lessor.grant(8n, 60);
    const txn = store.beginWrite();
    for (const key of ['a', 'b', 'c', 'd']) txn.put(Buffer.from(key), Buffer.from('v'), 7n);
    txn.end();
    const second = store.beginWrite();
    second.put(Buffer.from('a'), Buffer.from('v'), 0n);
    second.put(Buffer.from('b'), Buffer.from('v'), 8n);
    second.deleteRange(Buffer.from('c'), Buffer.alloc(0));
    second.end();
    expect(keysRevoked(lessor, 7n)).toEqual(['d']);
    expect(keysRevoked(lessor, 8n)).toEqual(['b']);
  });

  it('keeps what is left of a lease in memory, and in the database only if it is told to', () => {
    const { backend } = memoryStore();
    const lessor = new Lessor(backend, 2);
    lessor.grant(7n, 600);
    const stored = (): string => {
      backend.mark(backend.committedIndex + 1, 1);
      backend.commitNow();
      return Buffer.from(backend.dump('lease')[0]?.[1] ?? '', 'latin1').toString('hex');
    };
    lessor.checkpoint(7n, 300, false);
    expect([lessor.find(7n)?.remainingTtl, stored()]).toEqual([300, '080710d804']);
    lessor.checkpoint(7n, 200, true);
    expect([lessor.find(7n)?.remainingTtl, stored()]).toEqual([200, '080710d80418c801']);
    lessor.checkpoint(99n, 200, true);
    expect(lessor.all()).toHaveLength(1);
  });

  it('gives leases of a database the shortest time that its own configuration allows', () => {
    const { backend } = memoryStore();
    new Lessor(backend, 2).grant(7n, 2);
    backend.mark(1, 1);
    backend.commitNow();
    const other = new Lessor(backend, 8);
    other.restore(backend);
    expect(other.find(7n)).toMatchObject({ ttl: 8 });
  });

  it('tells its watcher of what changes, and of nothing else', () => {
    const told: string[] = [];
    const lessor = new Lessor(memoryStore().backend, 2);
    lessor.watcher = {
      granted: ({ id, ttl }) => told.push(`granted ${id} ${ttl}`),
      revoked: (id) => told.push(`revoked ${id}`),
      checkpointed: ({ id, remainingTtl }) => told.push(`checkpointed ${id} ${remainingTtl}`),
    };
    lessor.grant(7n, 1);
    lessor.grant(7n, 60);
    lessor.checkpoint(7n, 1, false);
    lessor.checkpoint(8n, 1, false);
    lessor.revoke(7n);
    lessor.revoke(7n);
    expect(told).toEqual(['granted 7 2', 'checkpointed 7 1', 'revoked 7']);
  });

  it('refuses what etcd refuses', () => {
    const lessor = new Lessor(memoryStore().backend, 2);
    expect(lessor.grant(0n, 60)).toEqual({ ok: false, error: 'notFound' });
    expect(lessor.grant(1n, 9_000_000_001)).toEqual({ ok: false, error: 'ttlTooLarge' });
    expect(lessor.grant(-5n, 60).ok).toBe(true);
    expect(lessor.grant(-5n, 60)).toEqual({ ok: false, error: 'exists' });
    expect(lessor.revoke(99n)).toEqual({ ok: false, error: 'notFound' });
  });
});

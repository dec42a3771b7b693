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

  it('refuses what etcd refuses', () => {
    const lessor = new Lessor(memoryStore().backend, 2);
    expect(lessor.grant(0n, 60)).toEqual({ ok: false, error: 'notFound' });
    expect(lessor.grant(1n, 9_000_000_001)).toEqual({ ok: false, error: 'ttlTooLarge' });
    expect(lessor.grant(-5n, 60).ok).toBe(true);
    expect(lessor.grant(-5n, 60)).toEqual({ ok: false, error: 'exists' });
    expect(lessor.revoke(99n)).toEqual({ ok: false, error: 'notFound' });
  });
});

/**
 * Which leases exist and which keys hang on them, as the log says. In a cluster with real members their clients grant and revoke
 * leases, and a revocation deletes keys: a member that did not keep these books would part ways with the others. Expiry, renewal and
 * the Lease service are not here yet.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { LeaseBook } from '../mvcc/store-types.ts';

export type LeaseError = 'notFound' | 'exists' | 'ttlTooLarge';

/** Seconds; etcd's MaxLeaseTTL. */
const ttlSecondsMax = 9_000_000_000;

export class Lessor implements LeaseBook {
  private readonly keysOf = new Map<bigint, Set<string>>();
  /** Only keys with a lease are here. Keys are byte strings, one character a byte. */
  private readonly leaseOf = new Map<string, bigint>();

  exists(id: bigint): boolean {
    return this.keysOf.has(id);
  }

  grant(id: bigint, ttlSeconds: number): Result<void, LeaseError> {
    if (id === 0n) return err('notFound');
    if (ttlSeconds > ttlSecondsMax) return err('ttlTooLarge');
    if (this.keysOf.has(id)) return err('exists');
    this.keysOf.set(id, new Set());
    return ok(undefined);
  }

  /** Ends a lease; returns the keys to be deleted, all in one revision, in ascending order of their bytes. */
  revoke(id: bigint): Result<readonly Uint8Array[], LeaseError> {
    const keys = this.keysOf.get(id);
    if (keys === undefined) return err('notFound');
    this.keysOf.delete(id);
    for (const key of keys) this.leaseOf.delete(key);
    return ok([...keys].sort().map((key) => Buffer.from(key, 'latin1')));
  }

  keyLeaseChanged(key: Uint8Array, lease: bigint): void {
    if (lease === 0n && this.leaseOf.size === 0) return;
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    const previous = this.leaseOf.get(name);
    if (previous === lease) return;
    if (previous !== undefined) this.keysOf.get(previous)?.delete(name);
    if (lease === 0n) {
      this.leaseOf.delete(name);
      return;
    }
    this.keysOf.get(lease)?.add(name);
    this.leaseOf.set(name, lease);
  }
}

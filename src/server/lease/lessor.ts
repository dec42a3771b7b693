/**
 * Which leases exist and which keys hang on them, as the log says. In a cluster with real members their clients grant and revoke
 * leases, and a revocation deletes keys: a member that did not keep these books would part ways with the others. Expiry, renewal and
 * the Lease service are not here yet.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { LeaseBook } from '../mvcc/store-types.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { deleteLease, putLease, readLeases } from '../storage/schema/leases.ts';

export type LeaseError = 'notFound' | 'exists' | 'ttlTooLarge';

/** Seconds; etcd's MaxLeaseTTL. */
const ttlSecondsMax = 9_000_000_000;

interface Lease {
  readonly ttl: number;
  readonly keys: Set<string>;
}

export class Lessor implements LeaseBook {
  private readonly ttlSecondsMin: number;
  private backend: Backend;
  private leases = new Map<bigint, Lease>();
  /** Only keys with a lease are here. Keys are byte strings, one character a byte. */
  private leaseOf = new Map<string, bigint>();

  /** No leases, over an empty database. Shorter ones than `ttlSecondsMin` are made as long as that. */
  constructor(backend: Backend, ttlSecondsMin: number) {
    this.backend = backend;
    this.ttlSecondsMin = ttlSecondsMin;
  }

  /** Takes over the leases that a database holds; the store attaches their keys. Throws ProtoError for what no etcd wrote. */
  restore(backend: Backend): void {
    this.backend = backend;
    this.leases = new Map(readLeases(backend).map(({ id, ttl }) => [id, { ttl, keys: new Set() }]));
    this.leaseOf = new Map();
  }

  exists(id: bigint): boolean {
    return this.leases.has(id);
  }

  grant(id: bigint, ttlSeconds: number): Result<void, LeaseError> {
    if (id === 0n) return err('notFound');
    if (ttlSeconds > ttlSecondsMax) return err('ttlTooLarge');
    if (this.leases.has(id)) return err('exists');
    const ttl = Math.max(ttlSeconds, this.ttlSecondsMin);
    this.leases.set(id, { ttl, keys: new Set() });
    putLease(this.backend, { id, ttl, remainingTtl: 0 });
    return ok(undefined);
  }

  /** Ends a lease; returns the keys to be deleted, all in one revision, in ascending order of their bytes. */
  revoke(id: bigint): Result<readonly Uint8Array[], LeaseError> {
    const lease = this.leases.get(id);
    if (lease === undefined) return err('notFound');
    this.leases.delete(id);
    deleteLease(this.backend, id);
    for (const key of lease.keys) this.leaseOf.delete(key);
    return ok([...lease.keys].sort().map((key) => Buffer.from(key, 'latin1')));
  }

  /** Writes down how many seconds a lease has left; the leader's clock says so. One that has ended meanwhile is passed over. */
  checkpoint(id: bigint, remainingTtl: number): void {
    const lease = this.leases.get(id);
    if (lease !== undefined) putLease(this.backend, { id, ttl: lease.ttl, remainingTtl });
  }

  keyLeaseChanged(key: Uint8Array, lease: bigint): void {
    if (lease === 0n && this.leaseOf.size === 0) return;
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    const previous = this.leaseOf.get(name);
    if (previous === lease) return;
    if (previous !== undefined) this.leases.get(previous)?.keys.delete(name);
    if (lease === 0n) {
      this.leaseOf.delete(name);
      return;
    }
    this.leases.get(lease)?.keys.add(name);
    this.leaseOf.set(name, lease);
  }
}

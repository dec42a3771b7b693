/**
 * Which leases exist and which keys hang on them, as the log says: the same on every member. When they end is the business of the
 * leader alone (`primary.ts`), which has it written into the log.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { LeaseBook } from '../mvcc/store-types.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { deleteLease, putLease, readLeases } from '../storage/schema/leases.ts';

export type LeaseError = 'notFound' | 'exists' | 'ttlTooLarge';

/** Seconds; etcd's MaxLeaseTTL. */
const ttlSecondsMax = 9_000_000_000;

/** How long a lease lives, in seconds. */
export interface LeaseTerm {
  readonly id: bigint;
  readonly ttl: number;
  /** What was left at the last checkpoint; 0: nobody made one, or it was renewed since. */
  readonly remainingTtl: number;
}

/** Told of every change while the entry that makes it is applied. */
export interface LeaseWatcher {
  granted(lease: LeaseTerm): void;
  revoked(id: bigint): void;
  checkpointed(lease: LeaseTerm): void;
}

interface Lease extends LeaseTerm {
  remainingTtl: number;
  readonly keys: Set<string>;
}

const unwatched: LeaseWatcher = { granted: () => {}, revoked: () => {}, checkpointed: () => {} };

export class Lessor implements LeaseBook {
  /** Whether checkpoints reach the database even before the cluster is of 3.6 (the gate LeaseCheckpointPersist). */
  readonly persistsCheckpoints: boolean;
  watcher: LeaseWatcher = unwatched;
  private readonly ttlSecondsMin: number;
  private backend: Backend;
  private leases = new Map<bigint, Lease>();
  /** Only keys with a lease are here. Keys are byte strings, one character a byte. */
  private leaseOf = new Map<string, bigint>();

  /** No leases, over an empty database. Shorter ones than `ttlSecondsMin` are made as long as that. */
  constructor(backend: Backend, ttlSecondsMin: number, persistsCheckpoints = false) {
    this.backend = backend;
    this.ttlSecondsMin = ttlSecondsMin;
    this.persistsCheckpoints = persistsCheckpoints;
  }

  /** Takes over the leases that a database holds; the store attaches their keys. Throws ProtoError for what no etcd wrote. */
  restore(backend: Backend): void {
    this.backend = backend;
    this.leases = new Map(
      readLeases(backend).map(({ id, ttl, remainingTtl }) => [
        id,
        { id, ttl: Math.max(ttl, this.ttlSecondsMin), remainingTtl, keys: new Set() },
      ]),
    );
    this.leaseOf = new Map();
  }

  exists(id: bigint): boolean {
    return this.leases.has(id);
  }

  find(id: bigint): LeaseTerm | null {
    return this.leases.get(id) ?? null;
  }

  all(): readonly LeaseTerm[] {
    return [...this.leases.values()];
  }

  /** In ascending order of their bytes; empty if there is no such lease. */
  keysOf(id: bigint): readonly Uint8Array[] {
    return [...(this.leases.get(id)?.keys ?? [])].sort().map((key) => Buffer.from(key, 'latin1'));
  }

  grant(id: bigint, ttlSeconds: number): Result<LeaseTerm, LeaseError> {
    if (id === 0n) return err('notFound');
    if (ttlSeconds > ttlSecondsMax) return err('ttlTooLarge');
    if (this.leases.has(id)) return err('exists');
    const lease = { id, ttl: Math.max(ttlSeconds, this.ttlSecondsMin), remainingTtl: 0, keys: new Set<string>() };
    this.leases.set(id, lease);
    this.save(lease);
    this.watcher.granted(lease);
    return ok(lease);
  }

  /** Ends a lease; returns the keys to be deleted, all in one revision, in ascending order of their bytes. */
  revoke(id: bigint): Result<readonly Uint8Array[], LeaseError> {
    const lease = this.leases.get(id);
    if (lease === undefined) return err('notFound');
    const keys = this.keysOf(id);
    this.leases.delete(id);
    deleteLease(this.backend, id);
    for (const key of lease.keys) this.leaseOf.delete(key);
    this.watcher.revoked(id);
    return ok(keys);
  }

  /**
   * Notes how many seconds a lease has left: the leader's clock says so, and its successor goes on from there. `isPersisted` says whether
   * the database is told too, so that a restart does not forget it. A lease that has ended meanwhile is passed over.
   */
  checkpoint(id: bigint, remainingTtl: number, isPersisted: boolean): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    lease.remainingTtl = remainingTtl;
    if (isPersisted) this.save(lease);
    this.watcher.checkpointed(lease);
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

  private save({ id, ttl, remainingTtl }: LeaseTerm): void {
    putLease(this.backend, { id, ttl, remainingTtl });
  }
}

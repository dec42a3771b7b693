/**
 * What the primary lessor, the one of the leader, knows beside the books: when each lease ends. Nobody else lets leases end, and what it
 * knows is not in the log: another leader begins anew, with more time for each lease and never less (etcd server/lease/lessor.go).
 *
 * Times are milliseconds of the caller's monotonic clock; nothing here looks at one.
 */
import type { LeaseTerm } from './lessor.ts';
import { TimeQueue } from './time-queue.ts';

/** So many leases are revoked in a second at most. */
export const revocationsPerSecond = 1_000;

/** Of what is revoked in a second, leases of a leader before may take so many: the rest is for those that end anew. */
const inheritedPerSecond = (revocationsPerSecond * 3) / 4;

/** How often a lease that lives longer than this has its remaining time written down, where checkpoints are made at all. */
export const checkpointIntervalMs = 5 * 60_000;

export interface PrimarySettings {
  /** An expired lease that still exists so long after it was handed out is handed out again. */
  readonly retryMs: number;
  /** Null: no checkpoints are made. */
  readonly checkpointIntervalMs: number | null;
}

/** Seconds that a lease has left. */
export interface DueCheckpoint {
  readonly id: bigint;
  readonly remainingTtl: number;
}

interface Life {
  /** Seconds. */
  readonly ttl: number;
  expiryMs: number;
}

export class PrimaryLessor {
  private readonly settings: PrimarySettings;
  private readonly lives = new Map<bigint, Life>();
  /** When to look at a lease next: at its end, and from then on now and again until it is gone. */
  private readonly ends = new TimeQueue();
  private readonly checkpoints = new TimeQueue();
  private promoted = false;

  constructor(settings: PrimarySettings) {
    this.settings = settings;
  }

  get isPrimary(): boolean {
    return this.promoted;
  }

  /**
   * Becomes the primary over these leases. Each has what was left of it at its last checkpoint, or all of its time, and `extensionMs`
   * more: its client may have renewed it at the leader before. Many that would end at once are spread over time.
   */
  promote(leases: readonly LeaseTerm[], nowMs: number, extensionMs: number): void {
    this.demote();
    this.promoted = true;
    for (const lease of leases) this.begin(lease, nowMs, nowMs + extensionMs + secondsLeft(lease) * 1_000);
    if (leases.length >= revocationsPerSecond) this.spread();
  }

  /** No lease ends here any more. */
  demote(): void {
    this.promoted = false;
    this.lives.clear();
    this.ends.clear();
    this.checkpoints.clear();
  }

  granted(lease: LeaseTerm, nowMs: number): void {
    if (this.promoted) this.begin(lease, nowMs, nowMs + lease.ttl * 1_000);
  }

  revoked(id: bigint): void {
    this.lives.delete(id);
    this.ends.delete(id);
    this.checkpoints.delete(id);
  }

  /** What is left of the lease was written down: until when that is good enough. */
  checkpointed(lease: LeaseTerm, nowMs: number): void {
    if (this.lives.has(lease.id)) this.planCheckpoint(lease, nowMs);
  }

  /** The lease has all of its time again; only for one that has not expired. */
  renew(id: bigint, nowMs: number): void {
    const life = this.lives.get(id);
    if (life !== undefined) this.endAt(id, life, nowMs + life.ttl * 1_000);
  }

  /** Until the lease ends, negative after that; null if there is no such lease, or this is not the primary. */
  remainingMs(id: bigint, nowMs: number): number | null {
    const life = this.lives.get(id);
    return life === undefined ? null : life.expiryMs - nowMs;
  }

  isExpired(id: bigint, nowMs: number): boolean {
    const life = this.lives.get(id);
    return life !== undefined && life.expiryMs <= nowMs;
  }

  /** Whether `takeExpired` has anything to hand out. */
  hasExpired(nowMs: number): boolean {
    const first = this.ends.first();
    return first !== null && first.atMs <= nowMs;
  }

  /** Leases that have ended, the earliest first. They exist, and nobody can renew them, until they are revoked. */
  takeExpired(nowMs: number, limit: number): readonly bigint[] {
    const taken: bigint[] = [];
    while (taken.length < limit) {
      const first = this.ends.first();
      if (first === null || first.atMs > nowMs) break;
      taken.push(first.id);
      this.ends.set(first.id, nowMs + this.settings.retryMs);
    }
    return taken;
  }

  /** Whether `takeCheckpoints` may have anything to hand out. */
  hasCheckpoints(nowMs: number): boolean {
    const first = this.checkpoints.first();
    return first !== null && first.atMs <= nowMs;
  }

  /** What is to be written down now. A lease comes again when its checkpoint was applied. */
  takeCheckpoints(nowMs: number, limit: number): readonly DueCheckpoint[] {
    const taken: DueCheckpoint[] = [];
    const interval = this.settings.checkpointIntervalMs ?? 0;
    while (taken.length < limit) {
      const first = this.checkpoints.first();
      if (first === null || first.atMs > nowMs) break;
      const { id } = first;
      const life = this.lives.get(id);
      this.checkpoints.delete(id);
      if (life === undefined || life.expiryMs <= nowMs) continue;
      const remainingTtl = Math.ceil((life.expiryMs - nowMs) / 1_000);
      // It was renewed only now: there is nothing to tell yet.
      if (remainingTtl >= life.ttl) this.checkpoints.set(id, nowMs + interval);
      else taken.push({ id, remainingTtl });
    }
    return taken;
  }

  /** All leases, those that end first at the front; empty if this is not the primary. */
  byExpiry(): readonly bigint[] {
    return [...this.lives].sort(([, a], [, b]) => a.expiryMs - b.expiryMs).map(([id]) => id);
  }

  private begin(lease: LeaseTerm, nowMs: number, expiryMs: number): void {
    const life = { ttl: lease.ttl, expiryMs };
    this.lives.set(lease.id, life);
    this.ends.set(lease.id, expiryMs);
    this.planCheckpoint(lease, nowMs);
  }

  private endAt(id: bigint, life: Life, expiryMs: number): void {
    life.expiryMs = expiryMs;
    this.ends.set(id, expiryMs);
  }

  private planCheckpoint(lease: LeaseTerm, nowMs: number): void {
    const { checkpointIntervalMs: interval } = this.settings;
    if (interval === null || secondsLeft(lease) * 1_000 <= interval || this.checkpoints.has(lease.id)) return;
    this.checkpoints.set(lease.id, nowMs + interval);
  }

  /** Where more leases end within a second than should, each that is too many ends as much later as its place among them asks for. */
  private spread(): void {
    let windowMs = Number.NEGATIVE_INFINITY;
    let windowEndMs = Number.NEGATIVE_INFINITY;
    let inWindow = 0;
    for (const [id, life] of [...this.lives].sort(([, a], [, b]) => a.expiryMs - b.expiryMs)) {
      if (life.expiryMs > windowEndMs) {
        windowMs = life.expiryMs;
        windowEndMs = windowMs + 1_000;
        inWindow = 1;
        continue;
      }
      inWindow++;
      if (inWindow <= inheritedPerSecond) continue;
      windowEndMs = windowMs + (inWindow * 1_000) / inheritedPerSecond;
      this.endAt(id, life, windowEndMs);
    }
  }
}

/** At the last checkpoint, or from the beginning. */
function secondsLeft({ ttl, remainingTtl }: LeaseTerm): number {
  return remainingTtl > 0 ? remainingTtl : ttl;
}

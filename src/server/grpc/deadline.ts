/**
 * Deadlines of all calls of a server, in a hashed wheel: adding and removing is a few assignments, and no call needs a timer
 * of its own. Pure: whoever owns it calls `advance` every `tickMs`.
 */

/** A member of the wheel; the fields are the wheel's. */
export interface Expiring {
  /** Monotonic milliseconds. */
  expiresAtMs: number;
  wheelNext: Expiring | null;
  wheelPrevious: Expiring | null;
  /** Its slot, or -1 when it is not in the wheel. */
  wheelSlot: number;
  onExpire(): void;
}

/** Expiry is late by at most this, besides the loop's own delay. */
export const tickMs = 10;

/** One turn of the wheel takes 5.12 s, about the time-out that clients use. */
const slots = 512;

export class DeadlineWheel {
  count = 0;
  private readonly heads: (Expiring | null)[] = new Array<Expiring | null>(slots).fill(null);
  /** The tick up to which everything has expired. */
  private tick: number;

  constructor(nowMs: number) {
    this.tick = Math.floor(nowMs / tickMs);
  }

  add(member: Expiring): void {
    // A deadline in the past goes into the next slot to be visited.
    const due = Math.max(Math.ceil(member.expiresAtMs / tickMs), this.tick + 1);
    const slot = due % slots;
    const head = this.heads[slot] as Expiring | null;
    member.wheelSlot = slot;
    member.wheelPrevious = null;
    member.wheelNext = head;
    if (head !== null) head.wheelPrevious = member;
    this.heads[slot] = member;
    this.count++;
  }

  /** Idempotent. */
  remove(member: Expiring): void {
    if (member.wheelSlot < 0) return;
    if (member.wheelPrevious === null) this.heads[member.wheelSlot] = member.wheelNext;
    else member.wheelPrevious.wheelNext = member.wheelNext;
    if (member.wheelNext !== null) member.wheelNext.wheelPrevious = member.wheelPrevious;
    member.wheelSlot = -1;
    member.wheelNext = null;
    member.wheelPrevious = null;
    this.count--;
  }

  /** Expires all members that are due. */
  advance(nowMs: number): void {
    const from = this.tick;
    const now = Math.floor(nowMs / tickMs);
    if (now <= from) return;
    // First: what expiring members add must land beyond the slots being visited.
    this.tick = now;
    const steps = Math.min(now - from, slots);
    for (let step = 1; step <= steps; step++) this.expireSlot((from + step) % slots, nowMs);
  }

  private expireSlot(slot: number, nowMs: number): void {
    const due: Expiring[] = [];
    for (let member = this.heads[slot] as Expiring | null; member !== null; member = member.wheelNext) {
      if (member.expiresAtMs <= nowMs) due.push(member);
    }
    for (const member of due) {
      if (member.wheelSlot < 0) continue; // ended by another one's expiry
      this.remove(member);
      member.onExpire();
    }
  }
}

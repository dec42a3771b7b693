/**
 * Deadlines of all calls of a server, in a hashed wheel: adding and removing is a few assignments, and no call needs a timer
 * of its own. Pure: whoever owns it calls `advance` every `tickMs`.
 */

/** Who is told when its deadline has passed. */
export interface Expiring {
  onExpire(): void;
}

/** One deadline in the wheel. */
export class Deadline {
  readonly owner: Expiring;
  /** Monotonic milliseconds. */
  readonly expiresAtMs: number;
  next: Deadline | null = null;
  previous: Deadline | null = null;
  /** Its slot, or -1 when it is not in the wheel. */
  slot = -1;

  constructor(owner: Expiring, expiresAtMs: number) {
    this.owner = owner;
    this.expiresAtMs = expiresAtMs;
  }
}

/** Expiry is late by at most this, besides the loop's own delay. */
export const tickMs = 10;

/** One turn of the wheel takes 5.12 s, about the time-out that clients use. */
const slots = 512;

export class DeadlineWheel {
  count = 0;
  private readonly heads: (Deadline | null)[] = new Array<Deadline | null>(slots).fill(null);
  /** The tick up to which everything has expired. */
  private tick: number;

  constructor(nowMs: number) {
    this.tick = Math.floor(nowMs / tickMs);
  }

  add(member: Deadline): void {
    // A deadline in the past goes into the next slot to be visited.
    const due = Math.max(Math.ceil(member.expiresAtMs / tickMs), this.tick + 1);
    const slot = due % slots;
    const head = this.heads[slot] as Deadline | null;
    member.slot = slot;
    member.previous = null;
    member.next = head;
    if (head !== null) head.previous = member;
    this.heads[slot] = member;
    this.count++;
  }

  /** Idempotent. */
  remove(member: Deadline): void {
    if (member.slot < 0) return;
    if (member.previous === null) this.heads[member.slot] = member.next;
    else member.previous.next = member.next;
    if (member.next !== null) member.next.previous = member.previous;
    member.slot = -1;
    member.next = null;
    member.previous = null;
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
    const due: Deadline[] = [];
    for (let member = this.heads[slot] as Deadline | null; member !== null; member = member.next) {
      if (member.expiresAtMs <= nowMs) due.push(member);
    }
    for (const member of due) {
      if (member.slot < 0) continue; // ended by another one's expiry
      this.remove(member);
      member.owner.onExpire();
    }
  }
}

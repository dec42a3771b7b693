/** Leases by the time at which something is due, the earliest first: a binary heap in which each lease stands at most once. */

export interface DueLease {
  readonly id: bigint;
  /** On the caller's monotonic clock. */
  readonly atMs: number;
}

interface Entry {
  readonly id: bigint;
  atMs: number;
  place: number;
}

export class TimeQueue {
  private readonly heap: Entry[] = [];
  private readonly entries = new Map<bigint, Entry>();

  get size(): number {
    return this.heap.length;
  }

  first(): DueLease | null {
    return this.heap[0] ?? null;
  }

  has(id: bigint): boolean {
    return this.entries.has(id);
  }

  /** Adds the lease, or moves it to another time. */
  set(id: bigint, atMs: number): void {
    const known = this.entries.get(id);
    if (known !== undefined) {
      known.atMs = atMs;
      this.restore(known);
      return;
    }
    const entry = { id, atMs, place: this.heap.length };
    this.heap.push(entry);
    this.entries.set(id, entry);
    this.restore(entry);
  }

  /** No error if it is not there. */
  delete(id: bigint): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    const last = this.heap.pop();
    if (last === undefined || last === entry) return;
    this.put(last, entry.place);
    this.restore(last);
  }

  clear(): void {
    this.heap.length = 0;
    this.entries.clear();
  }

  /** Moves an entry up or down until no parent is later than its children. */
  private restore(entry: Entry): void {
    while (entry.place > 0) {
      const parent = this.heap[(entry.place - 1) >> 1];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      this.swap(parent, entry);
    }
    for (;;) {
      const left = this.heap[2 * entry.place + 1];
      const right = this.heap[2 * entry.place + 2];
      if (left === undefined) break;
      const earlier = right !== undefined && right.atMs < left.atMs ? right : left;
      if (earlier.atMs >= entry.atMs) break;
      this.swap(entry, earlier);
    }
  }

  private swap(a: Entry, b: Entry): void {
    const place = a.place;
    this.put(a, b.place);
    this.put(b, place);
  }

  private put(entry: Entry, place: number): void {
    entry.place = place;
    this.heap[place] = entry;
  }
}

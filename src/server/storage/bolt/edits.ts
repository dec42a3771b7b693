/**
 * What a write transaction is to change in one bucket, noted in order and applied in one pass over the tree, which may have to wait
 * for pages. Hot: one call per put, and puts in ascending order, as the member's are, cost a comparison and three pushes
 * (bench/bolt.ts).
 */
import { compareBytes } from './bytes.ts';
import { BoltUsageError } from './errors.ts';

export class Edits {
  keys: Uint8Array[] = [];
  /** Null deletes the key. */
  values: (Uint8Array | null)[] = [];
  /** `bucketFlag` if the item is a bucket, else 0. */
  flags: number[] = [];
  private sorted = true;

  get count(): number {
    return this.keys.length;
  }

  add(key: Uint8Array, value: Uint8Array | null, flag: number): void {
    const last = this.keys.length - 1;
    const before = this.keys[last];
    if (before !== undefined && this.sorted) {
      const order = compareBytes(before, key);
      if (order === 0 && this.flags[last] === flag) {
        this.values[last] = value;
        return;
      }
      this.sorted = order < 0;
    }
    this.keys.push(key);
    this.values.push(value);
    this.flags.push(flag);
  }

  /**
   * Brings the keys into ascending order; of several edits of a key the last one stays. Throws if one takes a bucket for a value, or
   * the other way round.
   */
  sort(): void {
    if (this.sorted) return;
    const { keys, values, flags } = this;
    const edits = keys.map((key, at) => ({ key, value: values[at] ?? null, flag: flags[at] ?? 0, at }));
    edits.sort((a, b) => compareBytes(a.key, b.key) || a.at - b.at);
    this.clear();
    for (const { key, value, flag } of edits) {
      this.add(key, value, flag);
      if (!this.sorted) throw new BoltUsageError(mistaken(key));
    }
  }

  /** Index in [from, to] of the first edit whose key is not before `key`. Only of sorted edits. */
  lowerBound(key: Uint8Array, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.keys[middle] ?? noBytes, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private clear(): void {
    this.keys = [];
    this.values = [];
    this.flags = [];
    this.sorted = true;
  }
}

const noBytes = new Uint8Array(0);

/** What is wrong with an edit that takes a bucket for a value, or the other way round. */
export function mistaken(key: Uint8Array): string {
  return `key ${Buffer.from(key).toString('hex')} is both a value and a bucket`;
}

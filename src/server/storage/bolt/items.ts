/** What pages on disk and nodes in memory have in common: sorted items, to be searched and read. */
import type { Node } from './node.ts';

/** A subtree: a page on disk, by its id, or a node that a write transaction has changed. */
export type Child = number | Node;

export interface Items {
  readonly isLeaf: boolean;
  readonly count: number;
  key(index: number): Uint8Array;
  /** Of a leaf. */
  value(index: number): Uint8Array;
  /** Whether the value there is a bucket; false in a branch. */
  isBucket(index: number): boolean;
  /** Of a branch. */
  child(index: number): Child;
  /** Negative, zero or positive, as the key there comes before, at or after `key`. */
  compareKey(index: number, key: Uint8Array): number;
}

/** Index of the first item whose key is not before `key`; `count` if there is none. */
export function lowerBound(items: Items, key: Uint8Array): number {
  let from = 0;
  let to = items.count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (items.compareKey(middle, key) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Index of the child of a branch whose range holds `key`: the last that does not begin after it, or the first. */
export function childIndexFor(branch: Items, key: Uint8Array): number {
  const at = lowerBound(branch, key);
  if (at < branch.count && branch.compareKey(at, key) === 0) return at;
  return Math.max(0, at - 1);
}

/** Index of `key` in a leaf, or -1. */
export function indexOf(leaf: Items, key: Uint8Array): number {
  const at = lowerBound(leaf, key);
  return at < leaf.count && leaf.compareKey(at, key) === 0 ? at : -1;
}

/** Reading a tree: one key, and all keys in a range. Pages on disk and changed nodes in memory may be mixed in it. */
import { compareBytes } from './bytes.ts';
import { type Child, childIndexFor, type Items, indexOf, lowerBound } from './items.ts';
import type { Page } from './page.ts';
import type { Pager } from './pager.ts';

export interface Tree {
  readonly pager: Pager;
  root(): Items | Promise<Items>;
  load(child: Child): Items | Promise<Items>;
}

/** An item as it is stored. The bytes are views that must not be changed; copy what is to be kept for long. */
export interface Item {
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

export async function findItem(tree: Tree, key: Uint8Array): Promise<Item | null> {
  let items = await tree.root();
  while (!items.isLeaf) {
    const child = tree.load(items.child(childIndexFor(items, key)));
    items = child instanceof Promise ? await child : child;
  }
  const index = indexOf(items, key);
  return index < 0 ? null : { value: items.value(index), isBucket: items.isBucket(index) };
}

/** Keys from `from` on, below `to`; null: no bound. */
export interface KeyRange {
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
}

/** Gets the items in order; false ends the scan. The bytes are views as in `Item`. */
export type Visit = (key: Uint8Array, value: Uint8Array, isBucket: boolean) => boolean;

/** Visits a range in ascending order. A long scan reads ahead, past the cache. */
export async function scanTree(tree: Tree, range: KeyRange, visit: Visit): Promise<void> {
  await new Scan(tree, range, visit).run(await tree.root());
}

/** The most that a scan reads at once; it holds so much for each level of the tree. */
const windowBytesMax = 1024 * 1024;
const shortScanPages = 16;

class Scan {
  private readonly tree: Tree;
  private readonly range: KeyRange;
  private readonly visit: Visit;
  /** Pages to be read at once; doubled as the scan goes on, so that a short one reads no more than it needs. */
  private window = 1;

  constructor(tree: Tree, range: KeyRange, visit: Visit) {
    this.tree = tree;
    this.range = range;
    this.visit = visit;
  }

  /** False once the visitor has had enough. */
  async run(branch: Items): Promise<boolean> {
    if (branch.isLeaf) return this.scanLeaf(branch);
    const { from, to } = this.range;
    const start = from === null ? 0 : childIndexFor(branch, from);
    const end = to === null ? branch.count : Math.max(start + 1, lowerBound(branch, to));
    for (let index = start; index < end; ) {
      const children = await this.children(branch, index, end);
      for (const child of children) {
        if (!(child.isLeaf ? this.scanLeaf(child) : await this.run(child))) return false;
      }
      index += children.length;
    }
    return true;
  }

  private scanLeaf(leaf: Items): boolean {
    const { from, to } = this.range;
    for (let index = from === null ? 0 : lowerBound(leaf, from); index < leaf.count; index++) {
      const key = leaf.key(index);
      if (to !== null && compareBytes(key, to) >= 0) return false;
      if (!this.visit(key, leaf.value(index), leaf.isBucket(index))) return false;
    }
    return true;
  }

  /** At least the child at `index`, and what can be read with it. */
  private async children(branch: Items, index: number, end: number): Promise<Items[]> {
    const { pager } = this.tree;
    const ids: number[] = [];
    for (let i = index; i < end && ids.length < this.window; i++) {
      const child = branch.child(i);
      if (typeof child !== 'number') break;
      // A long scan would be held up by looking for single pages that are cached.
      if (this.window <= shortScanPages && pager.cached(child) !== null) break;
      ids.push(child);
    }
    if (ids.length <= 1) {
      this.window = ids.length === 0 ? this.window : this.nextWindow();
      return [await this.tree.load(branch.child(index))];
    }
    const pages: Page[] = await pager.readRun(ids, 0, this.window * pager.pageSize);
    this.window = this.nextWindow();
    return pages;
  }

  private nextWindow(): number {
    return Math.min(this.window * 2, Math.max(1, Math.floor(windowBytesMax / this.tree.pager.pageSize)));
  }
}

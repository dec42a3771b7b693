/** A place in a bucket that moves from item to item in either direction. */
import { childIndexFor, type Items, lowerBound } from './items.ts';
import type { Tree } from './tree.ts';

interface Level {
  readonly items: Items;
  index: number;
}

const noBytes = new Uint8Array(0);

/**
 * Every move resolves to whether the cursor stands on an item after it. A cursor that ran off an end stays there until it is placed
 * anew. The bucket must not be changed while a cursor is in use.
 */
export class Cursor {
  private readonly tree: Tree;
  /** From the root to the leaf. */
  private levels: Level[] = [];

  constructor(tree: Tree) {
    this.tree = tree;
  }

  /** Views that must not be changed. Empty if the cursor stands on no item. */
  get key(): Uint8Array {
    const leaf = this.leaf();
    return leaf === null ? noBytes : leaf.items.key(leaf.index);
  }

  get value(): Uint8Array {
    const leaf = this.leaf();
    return leaf === null ? noBytes : leaf.items.value(leaf.index);
  }

  /** Whether the value is a bucket's. */
  get isBucket(): boolean {
    const leaf = this.leaf();
    return leaf?.items.isBucket(leaf.index) ?? false;
  }

  async first(): Promise<boolean> {
    this.levels = [];
    await this.descend(await this.tree.root(), () => 0);
    return this.forwardToItem();
  }

  async last(): Promise<boolean> {
    this.levels = [];
    await this.descend(await this.tree.root(), lastIndex);
    return this.backToItem();
  }

  /** To the first item whose key is not before `key`. */
  async seek(key: Uint8Array): Promise<boolean> {
    this.levels = [];
    await this.descend(await this.tree.root(), (items) =>
      items.isLeaf ? lowerBound(items, key) : childIndexFor(items, key),
    );
    return this.forwardToItem();
  }

  async next(): Promise<boolean> {
    const leaf = this.levels.at(-1);
    if (leaf === undefined) return false;
    leaf.index++;
    return this.forwardToItem();
  }

  async prev(): Promise<boolean> {
    const leaf = this.levels.at(-1);
    if (leaf === undefined) return false;
    leaf.index--;
    return this.backToItem();
  }

  private leaf(): Level | null {
    const leaf = this.levels.at(-1);
    return leaf?.items.isLeaf === true && leaf.index >= 0 && leaf.index < leaf.items.count ? leaf : null;
  }

  private async descend(from: Items, indexIn: (items: Items) => number): Promise<void> {
    let items = from;
    for (;;) {
      const index = indexIn(items);
      this.levels.push({ items, index });
      if (items.isLeaf) return;
      const child = this.tree.load(items.child(index));
      items = child instanceof Promise ? await child : child;
    }
  }

  /** From the end of a leaf, or an empty one, to the next that has an item. */
  private async forwardToItem(): Promise<boolean> {
    while (this.leaf() === null) {
      this.levels.pop();
      const parent = this.levels.at(-1);
      if (parent === undefined) return false;
      parent.index++;
      if (parent.index < parent.items.count) {
        await this.descend(await this.tree.load(parent.items.child(parent.index)), () => 0);
      }
    }
    return true;
  }

  private async backToItem(): Promise<boolean> {
    while (this.leaf() === null) {
      this.levels.pop();
      const parent = this.levels.at(-1);
      if (parent === undefined) return false;
      parent.index--;
      if (parent.index >= 0) {
        await this.descend(await this.tree.load(parent.items.child(parent.index)), lastIndex);
      }
    }
    return true;
  }
}

function lastIndex(items: Items): number {
  return items.count - 1;
}

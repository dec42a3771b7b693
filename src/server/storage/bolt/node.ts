/**
 * A page as a write transaction changes it: its items in arrays. A node may grow far beyond a page; it is split when it is written.
 * Keys and values are views of the page that it came from, or the caller's own. Hot: `merge` and `encodeNode` see every put.
 */
import { invariant } from '../../../base/assert.ts';
import { compareBytes, writeU16, writeU32, writeU64 } from './bytes.ts';
import { type Edits, mistaken } from './edits.ts';
import { BoltUsageError } from './errors.ts';
import type { Child, Items } from './items.ts';
import { elementBytes, type Page, pageFlags, pageHeaderBytes } from './page.ts';

/** Consecutive pages. */
export interface Span {
  readonly page: number;
  readonly pages: number;
}

const noBytes = new Uint8Array(0);

export class Node implements Items {
  readonly isLeaf: boolean;
  /** The pages that this node replaces, or null if it is new. */
  readonly origin: Span | null;
  /** Items were removed: it may be too small to stay. */
  shrunk = false;
  private keys: Uint8Array[] = [];
  /** Of a leaf. */
  private values: Uint8Array[] = [];
  private flags: number[] = [];
  /** Of a branch. */
  private children: Child[] = [];

  private constructor(isLeaf: boolean, origin: Span | null) {
    this.isLeaf = isLeaf;
    this.origin = origin;
  }

  static emptyLeaf(origin: Span | null = null): Node {
    return new Node(true, origin);
  }

  static branchOver(children: readonly { readonly key: Uint8Array; readonly child: Child }[]): Node {
    const node = new Node(false, null);
    node.keys = children.map(({ key }) => key);
    node.children = children.map(({ child }) => child);
    return node;
  }

  /** A page of a bucket's own in the file, or one inline in its parent's leaf (id 0), which takes no space to be freed. */
  static fromPage(page: Page): Node {
    const node = new Node(page.isLeaf, page.id === 0 ? null : { page: page.id, pages: page.span });
    for (let i = 0; i < page.count; i++) {
      node.keys.push(page.key(i));
      if (page.isLeaf) {
        node.values.push(page.value(i));
        node.flags.push(page.isBucket(i) ? 1 : 0);
      } else node.children.push(page.child(i));
    }
    return node;
  }

  get count(): number {
    return this.keys.length;
  }

  key(index: number): Uint8Array {
    return this.keys[index] ?? noBytes;
  }

  value(index: number): Uint8Array {
    return this.values[index] ?? noBytes;
  }

  isBucket(index: number): boolean {
    return this.flags[index] === 1;
  }

  child(index: number): Child {
    const child = this.children[index];
    invariant(child !== undefined, 'a branch has a child for each key');
    return child;
  }

  compareKey(index: number, key: Uint8Array): number {
    return compareBytes(this.key(index), key);
  }

  setChild(index: number, child: Child): void {
    this.children[index] = child;
  }

  removeChild(index: number): void {
    this.keys.splice(index, 1);
    this.children.splice(index, 1);
    this.shrunk = true;
  }

  /** Takes over the items of its right neighbour. */
  append(right: Node): void {
    invariant(this.isLeaf === right.isLeaf, 'neighbours are of one kind');
    this.keys = this.keys.concat(right.keys);
    this.values = this.values.concat(right.values);
    this.flags = this.flags.concat(right.flags);
    this.children = this.children.concat(right.children);
  }

  /** A branch whose children are being written: the pages that come of each take its place. */
  replaceChildren(write: (child: Node, add: (key: Uint8Array, page: number) => void) => void): void {
    const keys: Uint8Array[] = [];
    const children: Child[] = [];
    const add = (key: Uint8Array, child: Child) => {
      keys.push(key);
      children.push(child);
    };
    for (let i = 0; i < this.count; i++) {
      const child = this.child(i);
      if (typeof child === 'number') add(this.key(i), child);
      else write(child, add);
    }
    this.keys = keys;
    this.children = children;
  }

  /**
   * Applies the edits from..to, sorted, to a leaf. Returns whether that changed anything. Throws if one takes a bucket for a value, or
   * the other way round.
   */
  merge(edits: Edits, from: number, to: number): boolean {
    const first = edits.keys[from];
    const last = this.keys.length - 1;
    if (first === undefined) return false;
    return last < 0 || this.compareKey(last, first) < 0
      ? this.appendEdits(edits, from, to)
      : this.weave(edits, from, to);
  }

  private appendEdits(edits: Edits, from: number, to: number): boolean {
    const { count } = this;
    for (let i = from; i < to; i++) {
      const value = edits.values[i] ?? null;
      if (value !== null) this.push(edits.keys[i] ?? noBytes, value, edits.flags[i] ?? 0);
    }
    return this.count > count;
  }

  private weave(edits: Edits, from: number, to: number): boolean {
    const { keys, values, flags } = this;
    this.keys = [];
    this.values = [];
    this.flags = [];
    let at = 0;
    let changed = false;
    for (let i = from; i < to; i++) {
      const key = edits.keys[i] ?? noBytes;
      const flag = edits.flags[i] ?? 0;
      let order = -1;
      for (; at < keys.length; at++) {
        order = compareBytes(keys[at] ?? noBytes, key);
        if (order >= 0) break;
        this.push(keys[at] ?? noBytes, values[at] ?? noBytes, flags[at] ?? 0);
      }
      const exists = at < keys.length && order === 0;
      if (exists && flags[at] !== flag) throw new BoltUsageError(mistaken(key));
      if (exists) at++;
      const value = edits.values[i] ?? null;
      if (value !== null) this.push(key, value, flag);
      else if (exists) this.shrunk = true;
      changed ||= exists || value !== null;
    }
    for (; at < keys.length; at++) this.push(keys[at] ?? noBytes, values[at] ?? noBytes, flags[at] ?? 0);
    return changed;
  }

  private push(key: Uint8Array, value: Uint8Array, flag: number): void {
    this.keys.push(key);
    this.values.push(value);
    this.flags.push(flag);
  }

  /** Bytes that the item takes up in a page. */
  itemBytes(index: number): number {
    return elementBytes + this.key(index).length + (this.isLeaf ? this.value(index).length : 0);
  }

  /** Bytes that the items from..to take up as a page, without padding. */
  bytes(from = 0, to = this.count): number {
    let sum = pageHeaderBytes;
    for (let i = from; i < to; i++) sum += this.itemBytes(i);
    return sum;
  }

  /** Writes the items from..to as the page `id` that fills all of `into`, `span` pages long. All children are pages by now. */
  encode(from: number, to: number, into: Uint8Array, id: number, span: number): void {
    writeU64(into, 0, id);
    writeU16(into, 8, this.isLeaf ? pageFlags.leaf : pageFlags.branch);
    writeU16(into, 10, to - from);
    writeU32(into, 12, span - 1);
    let element = pageHeaderBytes;
    let data = element + elementBytes * (to - from);
    for (let i = from; i < to; i++) {
      const key = this.key(i);
      if (this.isLeaf) {
        const value = this.value(i);
        writeU32(into, element, this.flags[i] ?? 0);
        writeU32(into, element + 4, data - element);
        writeU32(into, element + 8, key.length);
        writeU32(into, element + 12, value.length);
        into.set(key, data);
        into.set(value, data + key.length);
        data += key.length + value.length;
      } else {
        const child = this.child(i);
        invariant(typeof child === 'number', 'children are written before their parent');
        writeU32(into, element, data - element);
        writeU32(into, element + 4, key.length);
        writeU64(into, element + 8, child);
        into.set(key, data);
        data += key.length;
      }
      element += elementBytes;
    }
    into.fill(0, data);
  }
}

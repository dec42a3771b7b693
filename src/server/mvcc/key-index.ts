/**
 * The index of the store: which revisions every key has had since the last compaction. Ranges of keys are looked up here, at any
 * revision; the records themselves are in the record log.
 *
 * Hot path: see page-tree.ts and key-entries.ts, of which this is the composition.
 */
import { invariant } from '../../base/assert.ts';
import { KeyEntries } from './key-entries.ts';
import { PageTree, summaryUnknown } from './page-tree.ts';

/** Revisions found by a range, in key order. Reused between reads. */
export class RevisionList {
  length = 0;
  mains = new Float64Array(listLengthMin);
  subs = new Uint32Array(listLengthMin);

  /** Empties the list, and lets go of the memory of an unusually long one. */
  reset(): void {
    this.length = 0;
    if (this.mains.length > listLengthKept) this.#resize(listLengthMin);
  }

  push(main: number, sub: number): void {
    if (this.length === this.mains.length) this.#resize(this.length * 2);
    this.mains[this.length] = main;
    this.subs[this.length] = sub;
    this.length++;
  }

  #resize(length: number): void {
    const mains = new Float64Array(length);
    const subs = new Uint32Array(length);
    mains.set(this.mains.subarray(0, this.length));
    subs.set(this.subs.subarray(0, this.length));
    this.mains = mains;
    this.subs = subs;
  }
}

const listLengthMin = 128;
const listLengthKept = 1 << 16;

/** Where a walk over all keys stands: the key to carry on from; null before the first. */
export interface IndexCursor {
  key: Uint8Array | null;
}

/** Compares keys as etcd does: by bytes, a prefix first. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const order = (a[i] as number) - (b[i] as number);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Range ends as the API writes them: empty is the single key, one zero byte is all keys from the start on. */
export function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

export class KeyIndex {
  /** Of the last `find` that returned true: the revision. */
  get foundMain(): number {
    return this.#entries.foundMain;
  }

  get foundSub(): number {
    return this.#entries.foundSub;
  }

  /** Of the last `put`: see KeyEntries. */
  get created(): number {
    return this.#entries.created;
  }

  get version(): number {
    return this.#entries.version;
  }

  get hadLease(): boolean {
    return this.#entries.hadLease;
  }

  #liveKeys = 0;
  /** The bounds that `#seek` found. */
  #leaf = -1;
  #slot = 0;
  #endLeaf = -1;
  #endSlot = 0;
  readonly #tree = new PageTree();
  readonly #entries = new KeyEntries();

  /** Keys that exist now. */
  get liveKeys(): number {
    return this.#liveKeys;
  }

  /** Keys that exist at some revision that can still be read, or whose tombstone waits for its compaction. */
  get size(): number {
    return this.#tree.size;
  }

  get memoryBytes(): number {
    return this.#tree.bytes + this.#entries.bytes;
  }

  put(key: Uint8Array, main: number, sub: number, leased: boolean): void {
    const row = this.#rowFor(key);
    const isNew = !this.#entries.isAlive(row);
    this.#entries.put(row, main, sub, leased);
    if (isNew) this.#liveKeys++;
    this.#summarizeChange(main, isNew ? 1 : 0);
  }

  /**
   * Deletes every key of a range that exists now. `onDelete` gets each key (a view that is valid during the call) and whether it
   * had a lease, and returns the revision's sub.
   */
  deleteRange(
    key: Uint8Array,
    rangeEnd: Uint8Array,
    main: number,
    onDelete: (key: Uint8Array, leased: boolean) => number,
  ): number {
    let deleted = 0;
    for (let more = this.#seek(key, rangeEnd); more; more = this.#nextLeaf()) {
      const end = this.#slotEnd();
      let deletedHere = 0;
      for (let slot = this.#slot; slot < end; slot++) {
        const row = this.#tree.valueAt(this.#leaf, slot);
        if (!this.#entries.isAlive(row)) continue;
        const leased = this.#entries.isLeased(row);
        this.#entries.bury(row, main, onDelete(this.#tree.keyAt(this.#leaf, slot), leased));
        deletedHere++;
      }
      deleted += deletedHere;
      this.#liveKeys -= deletedHere;
      if (deletedHere > 0) this.#adjustSummary(this.#leaf, main, -deletedHere);
    }
    return deleted;
  }

  /**
   * The number under which `restorePut` and `restoreTombstone` take over a key's records while the store is loaded, the same for each of
   * them. Nothing else may be done with the index until all is restored.
   */
  restoreRow(key: Uint8Array): number {
    return this.#rowFor(key);
  }

  /** Takes over a stored put, records in ascending order of their revisions. Leaves have no summary yet that it could change. */
  restorePut(row: number, main: number, sub: number, created: number, version: number, leased: boolean): void {
    if (!this.#entries.isAlive(row)) this.#liveKeys++;
    this.#entries.restorePut(row, main, sub, created, version, leased);
  }

  /** Takes over a stored tombstone. */
  restoreTombstone(row: number, main: number, sub: number): void {
    if (this.#entries.isAlive(row)) this.#liveKeys--;
    this.#entries.restoreTombstone(row, main, sub);
  }

  /** Finds the revision of one key that reads at `atMain` see; false if the key was not there. */
  find(key: Uint8Array, atMain: number): boolean {
    const tree = this.#tree;
    return tree.locate(key) && this.#entries.resolve(tree.valueAt(tree.leaf, tree.slot), atMain);
  }

  /**
   * Counts the keys that a range has at revision `atMain`, and adds the revisions of the first `limit` of them to `found`.
   * Leaves whose keys have not changed since `atMain` are counted without looking at them.
   */
  range(key: Uint8Array, rangeEnd: Uint8Array, atMain: number, limit: number, found: RevisionList): number {
    let count = 0;
    for (let more = this.#seek(key, rangeEnd); more; more = this.#nextLeaf()) {
      const isWhole = this.#slot === 0 && this.#leaf !== this.#endLeaf;
      if (count >= limit && isWhole && this.#newest(this.#leaf) <= atMain) {
        count += this.#tree.live(this.#leaf);
        continue;
      }
      const end = this.#slotEnd();
      for (let slot = this.#slot; slot < end; slot++) {
        if (!this.#entries.resolve(this.#tree.valueAt(this.#leaf, slot), atMain)) continue;
        if (count < limit) found.push(this.#entries.foundMain, this.#entries.foundSub);
        count++;
      }
    }
    return count;
  }

  /**
   * Compacts the keys of some leaves, from the cursor on, at least `keys` of them if there are so many; calls `keep` with every
   * revision not after `atMain` that stays. Returns whether the walk is over. Keys may be put and deleted between two calls.
   */
  compactStep(cursor: IndexCursor, atMain: number, keys: number, keep: (main: number, sub: number) => void): boolean {
    return this.#walk(cursor, keys, (leaf) => {
      const dead: Uint8Array[] = [];
      for (let slot = 0; slot < this.#tree.count(leaf); slot++) {
        const row = this.#tree.valueAt(leaf, slot);
        if (!this.#entries.isSingle(row) && this.#entries.compact(row, atMain)) {
          this.#entries.free(row);
          dead.push(this.#tree.keyAt(leaf, slot).slice());
        } else if (this.#entries.locate(row, atMain)) keep(this.#entries.foundMain, this.#entries.foundSub);
      }
      return dead;
    });
  }

  /** Calls `visit` with the revision of every key that exists at `atMain`, for some leaves from the cursor on; see `compactStep`. */
  visitStep(cursor: IndexCursor, atMain: number, keys: number, visit: (main: number, sub: number) => void): boolean {
    return this.#walk(cursor, keys, (leaf) => {
      for (let slot = 0; slot < this.#tree.count(leaf); slot++) {
        if (this.#entries.resolve(this.#tree.valueAt(leaf, slot), atMain)) {
          visit(this.#entries.foundMain, this.#entries.foundSub);
        }
      }
      return [];
    });
  }

  /** Goes through leaves from the cursor on; removes the keys that `visitLeaf` returns. */
  #walk(cursor: IndexCursor, keys: number, visitLeaf: (leaf: number) => Uint8Array[]): boolean {
    const tree = this.#tree;
    let leaf = tree.firstLeaf();
    if (cursor.key !== null) {
      tree.locate(cursor.key);
      leaf = tree.leaf;
    }
    const dead: Uint8Array[] = [];
    let seen = 0;
    let next: number = leaf;
    while (next !== -1 && seen < keys) {
      leaf = next;
      seen += tree.count(leaf);
      for (const key of visitLeaf(leaf)) dead.push(key);
      next = tree.next(leaf);
    }
    cursor.key = next === -1 ? null : tree.keyAt(next, 0).slice();
    for (const key of dead) {
      invariant(tree.locate(key), 'a key that compaction removes is in the tree');
      tree.removeLocated();
    }
    return next === -1;
  }

  /** The row of a key, new if need be; the tree stands at the key afterwards. */
  #rowFor(key: Uint8Array): number {
    const tree = this.#tree;
    if (tree.locate(key)) return tree.valueAt(tree.leaf, tree.slot);
    const row = this.#entries.allocate();
    tree.insertLocated(key, row);
    return row;
  }

  #summarizeChange(main: number, liveChange: number): void {
    this.#adjustSummary(this.#tree.leaf, main, liveChange);
  }

  #adjustSummary(leaf: number, main: number, liveChange: number): void {
    if (this.#tree.newest(leaf) === summaryUnknown) return;
    this.#tree.setSummary(leaf, this.#tree.live(leaf) + liveChange, main);
  }

  /** The newest revision among the keys of a leaf; makes its summary anew if need be. */
  #newest(leaf: number): number {
    const known = this.#tree.newest(leaf);
    if (known !== summaryUnknown) return known;
    let live = 0;
    let newest = 0;
    for (let slot = 0; slot < this.#tree.count(leaf); slot++) {
      const row = this.#tree.valueAt(leaf, slot);
      if (this.#entries.isAlive(row)) live++;
      newest = Math.max(newest, this.#entries.newestMain(row));
    }
    this.#tree.setSummary(leaf, live, newest);
    return newest;
  }

  /** Finds the slots of a range: the first leaf's from `#slot` on, up to `#endSlot` of `#endLeaf` (-1: to the last key). */
  #seek(key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const tree = this.#tree;
    if (rangeEnd.length === 0) {
      if (!tree.locate(key)) return false;
      this.#leaf = tree.leaf;
      this.#slot = tree.slot;
      this.#endLeaf = tree.leaf;
      this.#endSlot = tree.slot + 1;
      return true;
    }
    this.#endLeaf = -1;
    if (!isOpenEnd(rangeEnd)) {
      if (compareKeys(rangeEnd, key) <= 0) return false;
      tree.locate(rangeEnd);
      this.#endLeaf = tree.leaf;
      this.#endSlot = tree.slot;
    }
    tree.locate(key);
    this.#leaf = tree.leaf;
    this.#slot = tree.slot;
    return true;
  }

  #nextLeaf(): boolean {
    if (this.#leaf === this.#endLeaf) return false;
    this.#leaf = this.#tree.next(this.#leaf);
    this.#slot = 0;
    return this.#leaf !== -1;
  }

  #slotEnd(): number {
    return this.#leaf === this.#endLeaf ? this.#endSlot : this.#tree.count(this.#leaf);
  }
}

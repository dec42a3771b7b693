/**
 * An ordered map from byte keys to small numbers: a B+tree whose nodes are slotted pages inside a few large buffers.
 *
 * Hot path: every read and write of a key starts here, so this class is mutable and allocates nothing but pages. A million keys
 * are some dozen JavaScript objects, so that garbage collection does not see them. All of a node lies in its page, and a search
 * compares the four bytes after the prefix that the page's keys share, side by side in a small array, before it looks at whole
 * keys: that is few cache misses per level. Benchmark: bench/mvcc.ts.
 */
import { invariant } from '../../base/assert.ts';

const pageBytesLog2 = 11;
const pageBytes = 1 << pageBytesLog2;
const slotsPerPage = 64;
const pagesPerSegmentLog2 = 10;
const pagesPerSegment = 1 << pagesPerSegmentLog2;
const pageMask = pagesPerSegment - 1;

/**
 * Layout of a page, in units of the view named. A key stands in the heap, at its slot's offset: a 16-bit length and the bytes, or
 * `longKeyMark` and the 32-bit index of a key that is kept outside.
 */
const countField16 = 0;
/** End of the part of the page that was ever written; holes below it are reclaimed by `compactPage`. */
const topField16 = 1;
/** Bytes of the keys that are still there. */
const usedField16 = 2;
/** Length of what all keys of the page that count start with. */
const prefixField16 = 3;
/** The first slot whose key counts: 0 in leaves; 1 in inner pages, whose slot 0 stands for everything below slot 1. */
const firstField16 = 4;
/** The four bytes of each key that follow the prefix, as a big-endian number; zeros after the key's end. */
const heads32 = 4;
const values32 = heads32 + slotsPerPage;
const offsets16 = (values32 + slotsPerPage) * 2;
const heapStart = (offsets16 + slotsPerPage) * 2;
const heapBytes = pageBytes - heapStart;
const page16 = pageBytes / 2;
const page32 = pageBytes / 4;

/** Longer keys live outside their page: after a split either half has room for one more key. */
const inlineKeyBytesMax = 300;
const longKeyMark = 0xffff;
const longKeyStoredBytes = 6;
const prefixLengthMax = 0xffff;
/** A tree of pages that are at least half full has 2^32 keys at this height. */
const heightMax = 16;
/** Leaves below a quarter are merged with a neighbour if the result stays below three quarters. */
const underfullSlots = slotsPerPage / 4;
const underfullBytes = heapBytes / 4;
const mergedSlotsMax = (slotsPerPage * 3) / 4;
const mergedBytesMax = (heapBytes * 3) / 4;

/** The value of `newest` when the summary of a leaf has to be made anew. */
export const summaryUnknown = Number.POSITIVE_INFINITY;

class Segment {
  /** Views of one buffer. */
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  readonly words32: Uint32Array;
  /** What walks over many leaves need is apart from the pages, close together. */
  readonly next = new Int32Array(pagesPerSegment);
  readonly previous = new Int32Array(pagesPerSegment);
  readonly live = new Uint16Array(pagesPerSegment);
  readonly newest = new Float64Array(pagesPerSegment);

  constructor() {
    const buffer = new ArrayBuffer(pageBytes * pagesPerSegment);
    this.bytes = new Uint8Array(buffer);
    this.words16 = new Uint16Array(buffer);
    this.words32 = new Uint32Array(buffer);
  }
}

const noKey = new Uint8Array(0);
const noPage = -1;
/** Kinds of pages, as in `firstField16`. */
const leafPage = 0;
const innerPage = 1;

export class PageTree {
  /** After `locate`: the leaf where the key is, or belongs. */
  leaf = 0;
  /** After `locate`: the first slot of the leaf whose key is not less; equals the leaf's count if there is none. */
  slot = 0;
  #segments: Segment[] = [];
  #pageCount = 0;
  #freePages: number[] = [];
  #longKeys: Uint8Array[] = [];
  #freeLongKeys: number[] = [];
  #root: number;
  #height = 1;
  #size = 0;
  #exact = false;
  /** How many leading bytes the searched key is known to share with the nearest smaller and greater separators seen so far. */
  #sharedBelow = 0;
  #sharedAbove = 0;
  #lastLeaf = noPage;
  #lastSlot = -1;
  readonly #pathPages = new Int32Array(heightMax);
  readonly #pathSlots = new Int32Array(heightMax);
  readonly #scratch = new Uint8Array(pageBytes);

  constructor() {
    this.#root = this.#allocate(leafPage);
  }

  /** Number of keys. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of memory that pages occupy. */
  get bytes(): number {
    return (this.#pageCount - this.#freePages.length) * pageBytes;
  }

  /** Finds the place of a key: sets `leaf` and `slot`, and returns whether the key is there. */
  locate(key: Uint8Array): boolean {
    this.#sharedBelow = 0;
    this.#sharedAbove = 0;
    let page = this.#root;
    const leafLevel = this.#height - 1;
    for (let level = 0; level < leafLevel; level++) {
      const slot = this.#search(page, key);
      this.#pathPages[level] = page;
      this.#pathSlots[level] = slot;
      page = this.valueAt(page, slot);
    }
    const slot = this.#search(page, key);
    this.leaf = page;
    this.slot = this.#exact ? slot : slot + 1;
    return this.#exact;
  }

  /** Adds a key that the last call, `locate(key)`, did not find. Afterwards `leaf` and `slot` are the key's. */
  insertLocated(key: Uint8Array, value: number): void {
    const leaf = this.leaf;
    const slot = this.slot;
    const sequential =
      slot === this.count(leaf) &&
      (this.next(leaf) === noPage || (leaf === this.#lastLeaf && slot === this.#lastSlot + 1));
    this.#insert(this.#height - 1, leaf, slot, key, value, sequential);
    this.#lastLeaf = this.leaf;
    this.#lastSlot = this.slot;
    this.#size++;
  }

  /** Removes the key that the last call, `locate(key)`, found. Leaves may be merged: positions found before are void. */
  removeLocated(): void {
    const level = this.#height - 1;
    const leaf = this.leaf;
    this.#removeSlot(leaf, this.slot);
    this.#size--;
    this.#lastLeaf = noPage;
    if (this.count(leaf) === 0) this.#dropPage(level, leaf);
    else if (this.count(leaf) < underfullSlots && this.#usedBytes(leaf) < underfullBytes)
      this.#mergeWithNeighbour(level);
    while (this.#height > 1 && this.count(this.#root) === 1) {
      const child = this.valueAt(this.#root, 0);
      this.#free(this.#root);
      this.#root = child;
      this.#height--;
    }
  }

  /** Number of keys in a leaf. */
  count(page: number): number {
    return this.#segmentOf(page).words16[(page & pageMask) * page16 + countField16] as number;
  }

  /** The leaf after this one, or -1. */
  next(page: number): number {
    return this.#segmentOf(page).next[page & pageMask] as number;
  }

  valueAt(page: number, slot: number): number {
    return this.#segmentOf(page).words32[(page & pageMask) * page32 + values32 + slot] as number;
  }

  /** The key of a slot, as a view that is valid until the tree changes. */
  keyAt(page: number, slot: number): Uint8Array {
    const segment = this.#segmentOf(page);
    const at = keyOffset(segment, page & pageMask, slot);
    const length = lengthAt(segment.bytes, at);
    if (length === longKeyMark) return this.#longKeys[longKeyIndexAt(segment.bytes, at)] as Uint8Array;
    return segment.bytes.subarray(at + 2, at + 2 + length);
  }

  /** The first leaf in key order. */
  firstLeaf(): number {
    let page = this.#root;
    for (let level = 1; level < this.#height; level++) page = this.valueAt(page, 0);
    return page;
  }

  /** The owner's summary of a leaf: how many of its keys are alive now. */
  live(page: number): number {
    return this.#segmentOf(page).live[page & pageMask] as number;
  }

  /** The owner's summary of a leaf: its newest revision; `summaryUnknown` after the leaf was split or merged. */
  newest(page: number): number {
    return this.#segmentOf(page).newest[page & pageMask] as number;
  }

  setSummary(page: number, live: number, newest: number): void {
    const segment = this.#segmentOf(page);
    segment.live[page & pageMask] = live;
    segment.newest[page & pageMask] = newest;
  }

  /** The last slot whose key is not greater than `key`; of a leaf possibly -1. Sets `#exact` if it is equal. */
  #search(page: number, key: Uint8Array): number {
    const segment = this.#segmentOf(page);
    const local = page & pageMask;
    const count = segment.words16[local * page16 + countField16] as number;
    const low = (segment.words16[local * page16 + firstField16] as number) - 1;
    this.#exact = false;
    if (count - low <= 1) return low;
    const prefix = segment.words16[local * page16 + prefixField16] as number;
    const shared = this.#sharedBelow < this.#sharedAbove ? this.#sharedBelow : this.#sharedAbove;
    if (shared < prefix) {
      const side = this.#compareWithPrefix(segment, local, count - 1, key, shared, prefix);
      if (side < 0) return low;
      if (side > 0) return count - 1;
    }
    const head = headOf(key, prefix);
    const heads = segment.words32;
    const base = local * page32 + heads32;
    let below = low;
    let above = count;
    while (above - below > 1) {
      const middle = (below + above) >>> 1;
      const other = heads[base + middle] as number;
      if (other > head) above = middle;
      else if (other < head) below = middle;
      else {
        const order = this.#compareKey(segment, local, middle, key, prefix);
        if (order > 0) above = middle;
        else {
          below = middle;
          if (order === 0) {
            this.#exact = true;
            break;
          }
        }
      }
    }
    if (below > low) this.#sharedBelow = prefix > shared ? prefix : shared;
    if (above < count) this.#sharedAbove = prefix > shared ? prefix : shared;
    return below;
  }

  /**
   * Compares the key with what all keys of the page start with, from byte `from` on: below 0 if it comes before all of them, above 0
   * if after, 0 if it starts like them.
   */
  #compareWithPrefix(
    segment: Segment,
    local: number,
    slot: number,
    key: Uint8Array,
    from: number,
    prefix: number,
  ): number {
    let bytes: Uint8Array = segment.bytes;
    let start = keyOffset(segment, local, slot);
    if (lengthAt(bytes, start) === longKeyMark) {
      bytes = this.#longKeys[longKeyIndexAt(bytes, start)] as Uint8Array;
      start = 0;
    } else {
      start += 2;
    }
    const end = prefix < key.length ? prefix : key.length;
    let at = from;
    while (at < end && bytes[start + at] === key[at]) at++;
    if (at === prefix) return 0;
    const order = at === key.length ? -1 : (key[at] as number) - (bytes[start + at] as number);
    if (order < 0) this.#sharedAbove = at;
    else this.#sharedBelow = at;
    return order;
  }

  /** Compares the key of a slot with one that shares the first `from` bytes. */
  #compareKey(segment: Segment, local: number, slot: number, key: Uint8Array, from: number): number {
    let bytes: Uint8Array = segment.bytes;
    let start = keyOffset(segment, local, slot);
    let length = lengthAt(bytes, start);
    if (length === longKeyMark) {
      bytes = this.#longKeys[longKeyIndexAt(bytes, start)] as Uint8Array;
      start = 0;
      length = bytes.length;
    } else {
      start += 2;
    }
    const shorter = length < key.length ? length : key.length;
    let at = from;
    while (at < shorter && bytes[start + at] === key[at]) at++;
    return at < shorter ? (bytes[start + at] as number) - (key[at] as number) : length - key.length;
  }

  #insert(level: number, page: number, slot: number, key: Uint8Array, value: number, sequential: boolean): void {
    if (this.#hasRoom(page, key)) this.#place(page, slot, key, value);
    else this.#split(level, page, slot, key, value, sequential);
  }

  /**
   * Splits a full page and inserts. Keys that arrive in order leave full pages behind; otherwise both halves get about the same
   * number of bytes.
   */
  #split(level: number, page: number, slot: number, key: Uint8Array, value: number, sequential: boolean): void {
    const isLeaf = level === this.#height - 1;
    const right = this.#allocate(isLeaf ? leafPage : innerPage);
    const cut = sequential && slot === this.count(page) ? slot : this.#middle(page);
    let separator: Uint8Array = noKey;
    if (!isLeaf) separator = cut === this.count(page) ? key : this.keyAt(page, cut).slice();
    this.#moveSlots(page, cut, right);
    if (isLeaf) this.#link(page, right);
    this.#refreshHeads(page);
    this.#refreshHeads(right);
    const goesRight = slot > cut || this.count(right) === 0;
    const target = goesRight ? right : page;
    const targetSlot = goesRight ? slot - cut : slot;
    invariant(this.#hasRoom(target, key), 'a key fits into half a page');
    this.#place(target, targetSlot, key, value);
    if (isLeaf) {
      separator = this.#shortestSeparator(page, right);
      this.leaf = target;
      this.slot = targetSlot;
    }
    this.#insertIntoParent(level, page, separator, right, sequential);
  }

  #insertIntoParent(level: number, left: number, separator: Uint8Array, right: number, sequential: boolean): void {
    if (level > 0) {
      const parent = this.#pathPages[level - 1] as number;
      this.#insert(level - 1, parent, (this.#pathSlots[level - 1] as number) + 1, separator, right, sequential);
      return;
    }
    invariant(this.#height < heightMax, 'the tree of keys is balanced');
    this.#root = this.#allocate(innerPage);
    this.#height++;
    this.#place(this.#root, 0, noKey, left);
    this.#place(this.#root, 1, separator, right);
  }

  /** The shortest key that is greater than all of `left` and not greater than any of `right`. */
  #shortestSeparator(left: number, right: number): Uint8Array {
    const above = this.keyAt(right, 0);
    return above.slice(0, sharedLength(this.keyAt(left, this.count(left) - 1), above, above.length) + 1);
  }

  #middle(page: number): number {
    const half = this.#usedBytes(page) / 2;
    const last = this.count(page) - 1;
    const segment = this.#segmentOf(page);
    let bytes = 0;
    for (let slot = 0; slot < last; slot++) {
      bytes += storedBytesAt(segment.bytes, keyOffset(segment, page & pageMask, slot));
      if (bytes >= half) return slot + 1;
    }
    return last;
  }

  /** Moves the slots from `cut` on to the end of another page. The caller refreshes the heads of that one. */
  #moveSlots(from: number, cut: number, to: number): void {
    const source = this.#segmentOf(from);
    const sourceLocal = from & pageMask;
    const target = this.#segmentOf(to);
    const local = to & pageMask;
    const count = this.count(from);
    let targetCount = this.count(to);
    let top = target.words16[local * page16 + topField16] as number;
    let moved = 0;
    for (let slot = cut; slot < count; slot++) {
      const at = keyOffset(source, sourceLocal, slot);
      const size = storedBytesAt(source.bytes, at);
      target.bytes.set(source.bytes.subarray(at, at + size), local * pageBytes + top);
      target.words16[local * page16 + offsets16 + targetCount] = top;
      target.words32[local * page32 + values32 + targetCount] = this.valueAt(from, slot);
      targetCount++;
      top += size;
      moved += size;
    }
    target.words16[local * page16 + countField16] = targetCount;
    target.words16[local * page16 + topField16] = top;
    target.words16[local * page16 + usedField16] = this.#usedBytes(to) + moved;
    target.newest[local] = summaryUnknown;
    source.words16[sourceLocal * page16 + countField16] = cut;
    source.words16[sourceLocal * page16 + usedField16] = this.#usedBytes(from) - moved;
    source.newest[sourceLocal] = summaryUnknown;
  }

  /** Finds the prefix of a page anew, as long as it can be, and the heads that follow from it. */
  #refreshHeads(page: number): void {
    const first = this.#first(page);
    const last = this.count(page) - 1;
    if (last < first) return;
    const prefix = sharedLength(this.keyAt(page, first), this.keyAt(page, last), prefixLengthMax);
    this.#setPrefix(page, prefix);
  }

  #setPrefix(page: number, prefix: number): void {
    const segment = this.#segmentOf(page);
    const local = page & pageMask;
    segment.words16[local * page16 + prefixField16] = prefix;
    for (let slot = 0; slot < this.count(page); slot++) {
      segment.words32[local * page32 + heads32 + slot] = headOf(this.keyAt(page, slot), prefix);
    }
  }

  /** Whether one more key fits, after closing the holes if that is what it takes. */
  #hasRoom(page: number, key: Uint8Array): boolean {
    const segment = this.#segmentOf(page);
    const base = (page & pageMask) * page16;
    if ((segment.words16[base + countField16] as number) >= slotsPerPage) return false;
    const free = pageBytes - storedBytes(key);
    if ((segment.words16[base + topField16] as number) <= free) return true;
    if (heapStart + (segment.words16[base + usedField16] as number) > free) return false;
    this.#compactPage(page);
    return true;
  }

  /** Closes the holes that removed keys have left. */
  #compactPage(page: number): void {
    const segment = this.#segmentOf(page);
    const local = page & pageMask;
    const scratch = this.#scratch;
    let top = heapStart;
    for (let slot = 0; slot < this.count(page); slot++) {
      const at = keyOffset(segment, local, slot);
      const size = storedBytesAt(segment.bytes, at);
      scratch.set(segment.bytes.subarray(at, at + size), top);
      segment.words16[local * page16 + offsets16 + slot] = top;
      top += size;
    }
    segment.bytes.set(scratch.subarray(heapStart, top), local * pageBytes + heapStart);
    segment.words16[local * page16 + topField16] = top;
    invariant(this.#usedBytes(page) === top - heapStart, 'a page knows the bytes of its keys');
  }

  /** Writes a key that fits into a page, at a slot; later slots move up. */
  #place(page: number, slot: number, key: Uint8Array, value: number): void {
    if (slot >= this.#first(page)) this.#fitPrefix(page, key);
    const segment = this.#segmentOf(page);
    const local = page & pageMask;
    const { words16, words32 } = segment;
    const base16 = local * page16;
    const base32 = local * page32;
    const count = words16[base16 + countField16] as number;
    const offsets = base16 + offsets16;
    const heads = base32 + heads32;
    const values = base32 + values32;
    for (let i = count; i > slot; i--) {
      words16[offsets + i] = words16[offsets + i - 1] as number;
      words32[heads + i] = words32[heads + i - 1] as number;
      words32[values + i] = words32[values + i - 1] as number;
    }
    const top = words16[base16 + topField16] as number;
    const size = storedBytes(key);
    words16[offsets + slot] = top;
    words32[heads + slot] = headOf(key, words16[base16 + prefixField16] as number);
    words32[values + slot] = value;
    words16[base16 + countField16] = count + 1;
    words16[base16 + topField16] = top + size;
    words16[base16 + usedField16] = (words16[base16 + usedField16] as number) + size;
    this.#writeKey(segment.bytes, local * pageBytes + top, key);
  }

  /** Shortens the prefix of a page to what a new key shares with it. */
  #fitPrefix(page: number, key: Uint8Array): void {
    const segment = this.#segmentOf(page);
    const last = this.count(page) - 1;
    if (last < this.#first(page)) {
      segment.words16[(page & pageMask) * page16 + prefixField16] = Math.min(key.length, prefixLengthMax);
      return;
    }
    const prefix = segment.words16[(page & pageMask) * page16 + prefixField16] as number;
    if (prefix === 0) return;
    const shared = sharedLength(this.keyAt(page, last), key, prefix);
    if (shared < prefix) this.#setPrefix(page, shared);
  }

  #writeKey(bytes: Uint8Array, at: number, key: Uint8Array): void {
    const length = key.length;
    if (length > inlineKeyBytesMax) {
      const index = this.#freeLongKeys.pop() ?? this.#longKeys.length;
      this.#longKeys[index] = key.slice();
      bytes[at] = longKeyMark & 0xff;
      bytes[at + 1] = longKeyMark >>> 8;
      for (let i = 0; i < 4; i++) bytes[at + 2 + i] = index >>> (8 * i);
      return;
    }
    bytes[at] = length & 0xff;
    bytes[at + 1] = length >>> 8;
    if (length > 64) bytes.set(key, at + 2);
    else for (let i = 0; i < length; i++) bytes[at + 2 + i] = key[i] as number;
  }

  #removeSlot(page: number, slot: number): void {
    const segment = this.#segmentOf(page);
    const local = page & pageMask;
    const { words16, words32 } = segment;
    const count = this.count(page);
    const at = keyOffset(segment, local, slot);
    words16[local * page16 + usedField16] = this.#usedBytes(page) - storedBytesAt(segment.bytes, at);
    if (lengthAt(segment.bytes, at) === longKeyMark) {
      const index = longKeyIndexAt(segment.bytes, at);
      this.#longKeys[index] = noKey;
      this.#freeLongKeys.push(index);
    }
    const offsets = local * page16 + offsets16;
    const heads = local * page32 + heads32;
    const values = local * page32 + values32;
    words16.copyWithin(offsets + slot, offsets + slot + 1, offsets + count);
    words32.copyWithin(heads + slot, heads + slot + 1, heads + count);
    words32.copyWithin(values + slot, values + slot + 1, values + count);
    words16[local * page16 + countField16] = count - 1;
    if (count === 1) words16[local * page16 + topField16] = heapStart;
  }

  /** Takes an empty page out of its parent, and the parent out of its own if that was its last child. */
  #dropPage(level: number, page: number): void {
    if (level === 0) {
      // The root: an empty tree is one empty leaf.
      if (this.#height > 1) {
        this.#free(page);
        this.#root = this.#allocate(leafPage);
        this.#height = 1;
      }
      return;
    }
    if (level === this.#height - 1) this.#unlink(page);
    this.#free(page);
    const parent = this.#pathPages[level - 1] as number;
    this.#removeSlot(parent, this.#pathSlots[level - 1] as number);
    if (this.count(parent) === 0) this.#dropPage(level - 1, parent);
  }

  #mergeWithNeighbour(level: number): void {
    if (level === 0) return;
    const parent = this.#pathPages[level - 1] as number;
    const slot = this.#pathSlots[level - 1] as number;
    if (slot + 1 < this.count(parent) && this.#merge(parent, slot)) return;
    if (slot > 0) this.#merge(parent, slot - 1);
  }

  /** Moves the keys of the leaf in slot + 1 of the parent into the one in slot, if they fit well. */
  #merge(parent: number, slot: number): boolean {
    const left = this.valueAt(parent, slot);
    const right = this.valueAt(parent, slot + 1);
    if (this.count(left) + this.count(right) > mergedSlotsMax) return false;
    if (this.#usedBytes(left) + this.#usedBytes(right) > mergedBytesMax) return false;
    this.#compactPage(left);
    this.#moveSlots(right, 0, left);
    this.#refreshHeads(left);
    this.#unlink(right);
    this.#free(right);
    this.#removeSlot(parent, slot + 1);
    return true;
  }

  #link(left: number, right: number): void {
    const after = this.next(left);
    this.#setNext(left, right);
    this.#setPrevious(right, left);
    this.#setNext(right, after);
    if (after !== noPage) this.#setPrevious(after, right);
  }

  #unlink(page: number): void {
    const before = this.#segmentOf(page).previous[page & pageMask] as number;
    const after = this.next(page);
    if (before !== noPage) this.#setNext(before, after);
    if (after !== noPage) this.#setPrevious(after, before);
  }

  #setNext(page: number, next: number): void {
    this.#segmentOf(page).next[page & pageMask] = next;
  }

  #setPrevious(page: number, previous: number): void {
    this.#segmentOf(page).previous[page & pageMask] = previous;
  }

  #allocate(first: typeof leafPage | typeof innerPage): number {
    const page = this.#freePages.pop() ?? this.#pageCount++;
    if (page >>> pagesPerSegmentLog2 === this.#segments.length) this.#segments.push(new Segment());
    const segment = this.#segmentOf(page);
    const base = (page & pageMask) * page16;
    segment.words16[base + countField16] = 0;
    segment.words16[base + topField16] = heapStart;
    segment.words16[base + usedField16] = 0;
    segment.words16[base + prefixField16] = 0;
    segment.words16[base + firstField16] = first;
    this.#setNext(page, noPage);
    this.#setPrevious(page, noPage);
    this.setSummary(page, 0, summaryUnknown);
    return page;
  }

  #free(page: number): void {
    this.#freePages.push(page);
  }

  #first(page: number): number {
    return this.#segmentOf(page).words16[(page & pageMask) * page16 + firstField16] as number;
  }

  #usedBytes(page: number): number {
    return this.#segmentOf(page).words16[(page & pageMask) * page16 + usedField16] as number;
  }

  #segmentOf(page: number): Segment {
    return this.#segments[page >>> pagesPerSegmentLog2] as Segment;
  }
}

/** Where in its segment the key of a slot stands. */
function keyOffset(segment: Segment, local: number, slot: number): number {
  return local * pageBytes + (segment.words16[local * page16 + offsets16 + slot] as number);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

function longKeyIndexAt(bytes: Uint8Array, at: number): number {
  return (lengthAt(bytes, at + 2) | (lengthAt(bytes, at + 4) << 16)) >>> 0;
}

function storedBytes(key: Uint8Array): number {
  return key.length > inlineKeyBytesMax ? longKeyStoredBytes : 2 + key.length;
}

function storedBytesAt(bytes: Uint8Array, at: number): number {
  const length = lengthAt(bytes, at);
  return length === longKeyMark ? longKeyStoredBytes : 2 + length;
}

/** How many leading bytes two keys have in common, at most `max`. */
function sharedLength(a: Uint8Array, b: Uint8Array, max: number): number {
  const end = Math.min(a.length, b.length, max);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}

/** Four bytes of a key from a position on, as a number that sorts like them. */
function headOf(key: Uint8Array, from: number): number {
  if (from + 4 <= key.length) {
    return (
      (((key[from] as number) << 24) |
        ((key[from + 1] as number) << 16) |
        ((key[from + 2] as number) << 8) |
        (key[from + 3] as number)) >>>
      0
    );
  }
  let head = 0;
  for (let i = from; i < from + 4; i++) head = head * 256 + (i < key.length ? (key[i] as number) : 0);
  return head;
}

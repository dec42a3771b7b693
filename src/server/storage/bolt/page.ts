/**
 * Pages as they are on disk: a header of 16 bytes {u64 id, u16 flags, u16 count, u32 overflow}, `count` elements of 16 bytes each,
 * then their keys and values, back to back in the order of the elements. Positions count from the element's own start.
 *
 *   leaf element    u32 flags (1: the value is a bucket), u32 position, u32 key size, u32 value size
 *   branch element  u32 position, u32 key size, u64 child page; the key is the child's first
 *
 * Hot: a page is not taken apart, but searched where it lies.
 */
import { err, ok, type Result } from '../../../base/result.ts';
import { readU16, readU32, readU64 } from './bytes.ts';
import type { Child, Items } from './items.ts';

export const pageHeaderBytes = 16;
export const elementBytes = 16;
export const pageFlags = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
/** Flag of a leaf element whose value is a bucket. */
export const bucketFlag = 1;

const noBytes = new Uint8Array(0);

/** A sound leaf or branch page; immutable. Keys and values are views of its bytes. */
export class Page implements Items {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly isLeaf: boolean;
  readonly count: number;
  /** Pages that it occupies, more than one if something in it is large. */
  readonly span: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.id = readU64(bytes, 0);
    this.isLeaf = readU16(bytes, 8) === pageFlags.leaf;
    this.count = readU16(bytes, 10);
    this.span = readU32(bytes, 12) + 1;
  }

  key(index: number): Uint8Array {
    const start = this.keyStart(index);
    return this.bytes.subarray(start, start + this.keySize(index));
  }

  value(index: number): Uint8Array {
    if (!this.isLeaf) return noBytes;
    const start = this.keyStart(index) + this.keySize(index);
    return this.bytes.subarray(start, start + this.valueSize(index));
  }

  isBucket(index: number): boolean {
    return this.isLeaf && readU32(this.bytes, elementAt(index)) === bucketFlag;
  }

  child(index: number): Child {
    return this.childPage(index);
  }

  childPage(index: number): number {
    return readU64(this.bytes, elementAt(index) + 8);
  }

  /** Compares the key there with another one. */
  compareKey(index: number, key: Uint8Array): number {
    const { bytes } = this;
    const start = this.keyStart(index);
    const size = this.keySize(index);
    const length = Math.min(size, key.length);
    for (let i = 0; i < length; i++) {
      const difference = (bytes[start + i] ?? 0) - (key[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return size - key.length;
  }

  /** Whether the key there is above the one before it. */
  ascends(index: number): boolean {
    const { bytes } = this;
    const before = this.keyStart(index - 1);
    const start = this.keyStart(index);
    const sizeBefore = this.keySize(index - 1);
    const size = this.keySize(index);
    const length = Math.min(sizeBefore, size);
    for (let i = 0; i < length; i++) {
      const difference = (bytes[start + i] ?? 0) - (bytes[before + i] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return size > sizeBefore;
  }

  /** Bytes up to the end of the last item; what follows is padding. */
  get dataBytes(): number {
    if (this.count === 0) return elementAt(0);
    const last = this.count - 1;
    return this.keyStart(last) + this.keySize(last) + this.value(last).length;
  }

  /** Where in `bytes` the key there starts; of a leaf, the value follows it. */
  keyStart(index: number): number {
    const at = elementAt(index);
    return at + readU32(this.bytes, this.isLeaf ? at + 4 : at);
  }

  keySize(index: number): number {
    return readU32(this.bytes, elementAt(index) + (this.isLeaf ? 8 : 4));
  }

  /** Of a leaf. */
  valueSize(index: number): number {
    return readU32(this.bytes, elementAt(index) + 12);
  }
}

function elementAt(index: number): number {
  return pageHeaderBytes + elementBytes * index;
}

/** How many bytes a page occupies according to its header: `pageSize` unless it overflows. */
export function pageBytes(header: Uint8Array, pageSize: number): number {
  return (readU32(header, 12) + 1) * pageSize;
}

/**
 * Checks all that can be known from a page alone: that it is the page `id`, a leaf or a branch, that its elements lie within
 * it without gap or overlap, that its keys ascend. A flipped bit anywhere but in a key's or value's own bytes does not pass.
 * `bytes` is all of the page; children and overflow must be below `highWater`. The error says what was found.
 */
export function parsePage(bytes: Uint8Array, id: number, highWater: number): Result<Page, string> {
  const header = headerFault(bytes, id, highWater);
  if (header !== null) return err(header);
  const page = new Page(bytes);
  const fault = page.isLeaf ? leafFault(page) : branchFault(page, highWater);
  if (fault !== null) return err(fault);
  for (let i = 1; i < page.count; i++) {
    if (!page.ascends(i)) return err(`key ${i} is not above key ${i - 1}`);
  }
  return ok(page);
}

function headerFault(bytes: Uint8Array, id: number, highWater: number): string | null {
  const flags = readU16(bytes, 8);
  const found = readU64(bytes, 0);
  if (found !== id) return `it says that it is page ${found}`;
  if (flags !== pageFlags.leaf && flags !== pageFlags.branch) return `neither a leaf nor a branch: flags ${flags}`;
  if (id + readU32(bytes, 12) >= highWater && id !== 0) return `it reaches beyond the high-water mark ${highWater}`;
  const count = readU16(bytes, 10);
  return elementAt(count) > bytes.length ? `${count} elements do not fit into ${bytes.length} bytes` : null;
}

function leafFault({ bytes, count }: Page): string | null {
  let expected = elementAt(count);
  for (let i = 0; i < count; i++) {
    const at = elementAt(i);
    const flags = readU32(bytes, at);
    const start = at + readU32(bytes, at + 4);
    const keySize = readU32(bytes, at + 8);
    if (flags > bucketFlag) return `element ${i} has flags ${flags}`;
    if (keySize === 0) return `key ${i} is empty`;
    if (start !== expected) return `element ${i} lies at byte ${start} instead of ${expected}`;
    expected = start + keySize + readU32(bytes, at + 12);
    if (expected > bytes.length) return `element ${i} ends at byte ${expected} of ${bytes.length}`;
  }
  return null;
}

function branchFault({ bytes, count }: Page, highWater: number): string | null {
  if (count === 0) return 'a branch without children';
  let expected = elementAt(count);
  for (let i = 0; i < count; i++) {
    const at = elementAt(i);
    const start = at + readU32(bytes, at);
    const keySize = readU32(bytes, at + 4);
    const child = readU64(bytes, at + 8);
    if (keySize === 0) return `key ${i} is empty`;
    if (start !== expected) return `element ${i} lies at byte ${start} instead of ${expected}`;
    expected = start + keySize;
    if (expected > bytes.length) return `element ${i} ends at byte ${expected} of ${bytes.length}`;
    if (child < firstDataPage || child >= highWater) return `child ${i} is page ${child} of ${highWater}`;
  }
  return null;
}

/** Pages 0 and 1 are the metas. */
export const firstDataPage = 2;

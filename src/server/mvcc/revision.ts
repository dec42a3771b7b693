/** Revisions as they are written: keys of the `key` bucket, in the order of their bytes. */

/** A change's place in history: `main` counts transactions, `sub` the changes within one. */
export interface Revision {
  readonly main: number;
  readonly sub: number;
}

/** Bytes of a put's bucket key: main, '_', sub; both 64 bits big-endian. */
export const bucketKeyBytes = 17;
/** A tombstone's has a 't' at the end. */
export const tombstoneKeyBytes = 18;

const separator = 0x5f;
const tombstoneMark = 0x74;
const two32 = 2 ** 32;

/** Writes a bucket key into `target`; returns its length. */
export function writeBucketKey(target: Uint8Array, main: number, sub: number, tombstone: boolean, at = 0): number {
  writeUint64(target, at, main);
  target[at + 8] = separator;
  writeUint64(target, at + 9, sub);
  if (!tombstone) return bucketKeyBytes;
  target[at + 17] = tombstoneMark;
  return tombstoneKeyBytes;
}

/** Parts of a bucket key. */
export function mainOf(key: Uint8Array, start = 0): number {
  return readUint64(key, start);
}

export function subOf(key: Uint8Array, start = 0): number {
  return readUint64(key, start + 9);
}

export function isTombstoneKey(key: Uint8Array, start = 0, end = key.length): boolean {
  return end - start === tombstoneKeyBytes && key[start + bucketKeyBytes] === tombstoneMark;
}

/** Below 0 if a comes first, 0 if they are the same. */
export function compareRevisions(aMain: number, aSub: number, bMain: number, bSub: number): number {
  return aMain === bMain ? aSub - bSub : aMain - bMain;
}

function writeUint64(target: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / two32);
  const low = value >>> 0;
  target[at] = high >>> 24;
  target[at + 1] = high >>> 16;
  target[at + 2] = high >>> 8;
  target[at + 3] = high;
  target[at + 4] = low >>> 24;
  target[at + 5] = low >>> 16;
  target[at + 6] = low >>> 8;
  target[at + 7] = low;
}

function readUint64(source: Uint8Array, at: number): number {
  return readUint32(source, at) * two32 + readUint32(source, at + 4);
}

function readUint32(source: Uint8Array, at: number): number {
  const high = ((source[at] as number) << 8) | (source[at + 1] as number);
  const low = ((source[at + 2] as number) << 8) | (source[at + 3] as number);
  return high * 0x10000 + low;
}

/**
 * Puts and deletes as bytes, on their way from the member to the thread that commits them: u8 bucket (its place in `bucketNames`, with
 * a flag for a delete), u16 length of the key, u32 length of the value, both little-endian, then the key and the value.
 *
 * Hot: both sides see every put (bench/backend.ts).
 */
import { invariant } from '../../../base/assert.ts';
import { readU16, readU32, writeU16, writeU32 } from '../bolt/bytes.ts';

export const opHeaderBytes = 7;
const deleteFlag = 0x80;
/** bbolt takes no longer ones; it fits the field. */
const keyBytesMax = 32_768;

/** Writes the header of a put at `at`; the key and the value follow it. */
export function writePutHeader(
  into: Uint8Array,
  at: number,
  bucket: number,
  keyBytes: number,
  valueBytes: number,
): void {
  if (keyBytes < 1 || keyBytes > keyBytesMax) invariant(false, `a key of ${keyBytes} bytes is no key`);
  into[at] = bucket;
  writeU16(into, at + 1, keyBytes);
  writeU32(into, at + 3, valueBytes);
}

/** Writes the header of a delete at `at`; the key follows it. */
export function writeDeleteHeader(into: Uint8Array, at: number, bucket: number, keyBytes: number): void {
  writePutHeader(into, at, bucket | deleteFlag, keyBytes, 0);
}

/** Gets the ops of a batch in order; a null value deletes. Key and value are views. */
export type OpVisitor = (bucket: number, key: Uint8Array, value: Uint8Array | null) => void;

export function visitOps(bytes: Uint8Array, visit: OpVisitor): void {
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] ?? 0;
    const keyAt = at + opHeaderBytes;
    const valueAt = keyAt + readU16(bytes, at + 1);
    const end = valueAt + readU32(bytes, at + 3);
    const key = bytes.subarray(keyAt, valueAt);
    if ((kind & deleteFlag) === 0) visit(kind, key, bytes.subarray(valueAt, end));
    else visit(kind & ~deleteFlag, key, null);
    at = end;
  }
}

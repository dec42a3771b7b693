/**
 * How Go's generated decoders treat what they do not expect. Clients see the texts, and etcd tells a v3 entry of the log from a
 * v2 one by whether decoding fails, so unknown fields, groups and wrong wire types are handled exactly alike.
 */
import { ProtoError, type Reader, wireType } from './codec.ts';

/** The next tag of message `message`; field numbers are positive 29-bit integers. */
export function nextTag(reader: Reader, message: string): number {
  const first = reader.bytes[reader.pos] as number;
  if (first < 0x80 && first > 7) {
    reader.pos++;
    return first;
  }
  const second = reader.pos + 1 < reader.end ? (reader.bytes[reader.pos + 1] as number) : 0x80;
  if (first >= 0x80 && second < 0x80 && second > 0) {
    // Fields 16 to 2047; those of the log's header and of the later services are here.
    const tag = (first & 0x7f) | (second << 7);
    if ((tag & 7) !== 4) {
      reader.pos += 2;
      return tag;
    }
  }
  return longTag(reader, message);
}

function longTag(reader: Reader, message: string): number {
  const tag = Number(BigInt.asUintN(35, reader.uint64()));
  const wire = tag % 8;
  const field = Math.floor(tag / 8) | 0;
  if (wire === 4) throw new ProtoError(`proto: ${message}: wiretype end group for non-group`);
  if (field <= 0) throw new ProtoError(`proto: ${message}: illegal tag ${field} (wire type ${wire})`);
  return field * 8 + wire;
}

/**
 * Handles a tag that a decoder has no case for: a known field (named in `fields` by number) with another wire type is refused, an
 * unknown field is stepped over.
 */
export function unexpectedField(
  reader: Reader,
  tag: number,
  message: string,
  fields: { readonly [number: number]: string },
): void {
  const wire = tag % 8;
  if (wire === 4) throw new ProtoError(`proto: ${message}: wiretype end group for non-group`);
  const known = fields[Math.floor(tag / 8)];
  if (known !== undefined) throw new ProtoError(`proto: wrong wireType = ${wire} for field ${known}`);
  if (wire === 3) skipGroup(reader);
  else reader.skip(wire);
}

function skipGroup(reader: Reader): void {
  let depth = 1;
  while (depth > 0) {
    const wire = Number(reader.uint64() & 7n);
    if (wire === 3) depth++;
    else if (wire === 4) depth--;
    else if (wire > wireType.fixed32) throw new ProtoError(`proto: illegal wireType ${wire}`);
    else reader.skip(wire);
  }
}

const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * An int64 as a number, clamped to ±(2^53 - 1). For values that are only compared with revisions or used as limits: both stay far
 * below, so a clamped value compares as the original does.
 */
export function clampedInt64(reader: Reader): number {
  const first = reader.pos < reader.end ? (reader.bytes[reader.pos] as number) : 0x80;
  if (first < 0x80) {
    reader.pos++;
    return first;
  }
  const value = reader.int64();
  if (value > safeMax) return Number.MAX_SAFE_INTEGER;
  if (value < -safeMax) return -Number.MAX_SAFE_INTEGER;
  return Number(value);
}

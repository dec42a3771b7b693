/**
 * Protocol Buffers wire format: the reader and the writer that every message codec in this folder is made of.
 *
 * Hot path: every request, entry and peer message goes through here, so both classes are mutable and allocate only what
 * they return. Integers: `number` where the protocol's range is within 2^53 by nature (terms, indexes, revisions, sizes),
 * checked; `bigint` for ids, which use all 64 bits.
 */

/** A malformed message. The text is what Go's generated code says, because clients see it. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
}

/** Wire types of the encoding (groups, 3 and 4, are refused as Go's generated code refuses them in proto3). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const two32 = 2 ** 32;
const noBytes = new Uint8Array(0);

/** Takes 64-bit values apart and puts them together: arithmetic on bigints costs several allocations. */
const words = new DataView(new ArrayBuffer(8));

function bigIntOf(low: number, high: number): bigint {
  words.setUint32(0, low, true);
  words.setUint32(4, high, true);
  return words.getBigUint64(0, true);
}

function unexpectedEof(): ProtoError {
  return new ProtoError('unexpected EOF');
}

/** Varints of so many bytes, 49 bits, are read without a bigint. */
const shortVarintBytes = 7;

/** Reads one message from `bytes[pos, end)`. Every method throws ProtoError on malformed input. */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  readonly end: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** True while fields remain. */
  more(): boolean {
    return this.pos < this.end;
  }

  /** The next tag: field number << 3 | wire type. */
  tag(): number {
    const first = this.pos < this.end ? (this.bytes[this.pos] as number) : 0x80;
    if (first < 0x80) {
      this.pos++;
      if (first >>> 3 === 0) throw new ProtoError(`proto: illegal tag ${first >>> 3} (wire type ${first & 7})`);
      return first;
    }
    const tag = this.varint53();
    if (tag >= two32 || tag >>> 3 === 0)
      throw new ProtoError(`proto: illegal tag ${Math.floor(tag / 8)} (wire type ${tag & 7})`);
    return tag;
  }

  /** An unsigned varint below 2^53. Throws for larger values: they cannot be a term, an index, a revision or a size. */
  varint53(): number {
    const bytes = this.bytes;
    let pos = this.pos;
    const end = this.end;
    if (pos < end && (bytes[pos] as number) < 0x80) {
      this.pos = pos + 1;
      return bytes[pos] as number;
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (pos >= end) throw unexpectedEof();
      const byte = bytes[pos++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new ProtoError('proto: integer overflow');
        this.pos = pos;
        return value;
      }
      scale *= 128;
    }
    throw new ProtoError('proto: integer overflow');
  }

  /** A signed 64-bit varint (two's complement, as int64) within ±2^53. */
  int53(): number {
    const short = this.shortVarint();
    if (short >= 0) return short;
    const value = this.int64();
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new ProtoError('proto: integer overflow');
    return number;
  }

  /** A varint of few bytes; -1, and nothing is read, if it is longer. */
  private shortVarint(): number {
    const bytes = this.bytes;
    const end = this.pos + shortVarintBytes < this.end ? this.pos + shortVarintBytes : this.end;
    let value = 0;
    let scale = 1;
    for (let pos = this.pos; pos < end; pos++) {
      const byte = bytes[pos] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.pos = pos + 1;
        return value;
      }
      scale *= 128;
    }
    return -1;
  }

  /** A signed 32-bit varint (int32 and enums): the low 32 bits, as Go truncates them. */
  int32(): number {
    const pos = this.pos;
    if (pos < this.end && (this.bytes[pos] as number) < 0x80) {
      this.pos = pos + 1;
      return this.bytes[pos] as number;
    }
    return Number(BigInt.asIntN(32, this.uint64()));
  }

  /** An unsigned 64-bit varint. */
  uint64(): bigint {
    const bytes = this.bytes;
    let pos = this.pos;
    const end = this.end;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      if (pos >= end) throw unexpectedEof();
      const byte = bytes[pos++] as number;
      const seven = byte & 0x7f;
      if (i < 4) low |= seven << (7 * i);
      else if (i === 4) {
        low |= seven << 28;
        high = seven >>> 4;
      } else if (i < 9) high |= seven << (7 * i - 32);
      else high |= seven << 31;
      if (byte < 0x80) {
        if (i === 9 && byte > 1) throw new ProtoError('proto: integer overflow');
        this.pos = pos;
        return bigIntOf(low, high);
      }
    }
    throw new ProtoError('proto: integer overflow');
  }

  /** A signed 64-bit varint. */
  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  /** A boolean: any non-zero varint is true. */
  bool(): boolean {
    const pos = this.pos;
    if (pos < this.end && (this.bytes[pos] as number) < 0x80) {
      this.pos = pos + 1;
      return this.bytes[pos] !== 0;
    }
    return this.uint64() !== 0n;
  }

  /** A little-endian 64-bit word. */
  fixed64(): bigint {
    if (this.pos + 8 > this.end) throw unexpectedEof();
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.pos, 8);
    this.pos += 8;
    return view.getBigUint64(0, true);
  }

  /** The length of a length-delimited field; checked to lie within this reader. */
  length(): number {
    const length = this.varint53();
    if (length > this.end - this.pos) throw unexpectedEof();
    return length;
  }

  /** A bytes field as a view of the input: copy it to keep it longer than the input. */
  bytesView(): Uint8Array {
    const length = this.length();
    if (length === 0) return noBytes;
    const start = this.pos;
    this.pos += length;
    return this.bytes.subarray(start, start + length);
  }

  /** A string field. Invalid UTF-8 becomes U+FFFD. */
  string(): string {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString('utf8');
  }

  /** A reader over a nested message; this reader moves past it. */
  message(): Reader {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return new Reader(this.bytes, start, start + length);
  }

  /** Steps over the field whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        if (this.shortVarint() < 0) this.uint64();
        return;
      case wireType.fixed64:
        this.advance(8);
        return;
      case wireType.bytes:
        this.advance(this.length());
        return;
      case wireType.fixed32:
        this.advance(4);
        return;
      default:
        throw new ProtoError(`proto: illegal wireType ${tag & 7}`);
    }
  }

  private advance(count: number): void {
    if (count > this.end - this.pos) throw unexpectedEof();
    this.pos += count;
  }
}

/** Throws Go's complaint about a known field with a wrong wire type; called by decoders. */
export function wrongWireType(tag: number, field: string): never {
  throw new ProtoError(`proto: wrong wireType = ${tag & 7} for field ${field}`);
}

/** Bytes of an unsigned varint below 2^53. */
export function sizeVarint(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 2 ** 35); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of a 64-bit varint (signed values count as their two's complement). */
export function sizeVarint64(value: bigint): number {
  if (value >= 0n && value <= 0x1fffffffffffffn) return sizeVarint(Number(value));
  words.setBigUint64(0, value, true);
  // Beyond 2^53: the high word has at least 22 bits, or all of them for a negative value.
  const bits = 64 - Math.clz32(words.getUint32(4, true));
  return Math.ceil(bits / 7);
}

/** Bytes of an int64 given as a number within ±2^53 (negative ones take ten). */
export function sizeInt53(value: number): number {
  return value < 0 ? 10 : sizeVarint(value);
}

/** Bytes of a length-delimited field's length prefix and body. */
export function sizeDelimited(bodyLength: number): number {
  return sizeVarint(bodyLength) + bodyLength;
}

/** Writes into a buffer of exactly the size that the caller has computed. Lengths are the caller's duty; Node checks bounds. */
export class Writer {
  readonly bytes: Buffer;
  pos: number;

  constructor(bytes: Buffer, pos = 0) {
    this.bytes = bytes;
    this.pos = pos;
  }

  /** A writer over a fresh buffer of `size` bytes. Not zeroed: the caller writes all of it. */
  static sized(size: number): Writer {
    return new Writer(Buffer.allocUnsafe(size));
  }

  byte(value: number): void {
    this.bytes[this.pos++] = value;
  }

  /** An unsigned varint below 2^53 (a tag, a length, a term, an index). */
  varint(value: number): void {
    const bytes = this.bytes;
    let pos = this.pos;
    let rest = value;
    while (rest >= 0x80000000) {
      bytes[pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      bytes[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[pos++] = rest;
    this.pos = pos;
  }

  /** A 64-bit varint; negative values as two's complement. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= 0x1fffffffffffffn) {
      this.varint(Number(value));
      return;
    }
    words.setBigUint64(0, value, true);
    const low = words.getUint32(0, true);
    let rest = words.getUint32(4, true);
    const bytes = this.bytes;
    let pos = this.pos;
    bytes[pos++] = low | 0x80;
    bytes[pos++] = (low >>> 7) | 0x80;
    bytes[pos++] = (low >>> 14) | 0x80;
    bytes[pos++] = (low >>> 21) | 0x80;
    // The fifth byte has the last four bits of the low word and the first three of the high one.
    bytes[pos++] = (low >>> 28) | ((rest & 7) << 4) | 0x80;
    rest >>>= 3;
    while (rest >= 0x80) {
      bytes[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[pos++] = rest;
    this.pos = pos;
  }

  /** An int64 given as a number within ±2^53. */
  int53(value: number): void {
    if (value >= 0) this.varint(value);
    else this.varint64(BigInt(value));
  }

  bool(value: boolean): void {
    this.bytes[this.pos++] = value ? 1 : 0;
  }

  /** The bytes alone, without a length. */
  raw(value: Uint8Array): void {
    this.bytes.set(value, this.pos);
    this.pos += value.length;
  }

  /** A length and the bytes. */
  delimited(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }
}

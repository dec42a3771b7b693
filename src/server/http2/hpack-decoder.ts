/**
 * Decodes HPACK header blocks (RFC 7541) and remembers the results.
 *
 * Hot path: gRPC clients repeat the same few bytes, all indexes, for every call on a connection. Such a block, decoded once
 * and found again at the same state of the dynamic table, costs a comparison of bytes and allocates nothing; what the layer
 * above has made of the list is remembered with it (`HeaderList.memo`).
 */
import { DynamicTable, entryBytes, staticName, staticTableSize, staticValue } from './hpack-tables.ts';
import { huffmanDecode } from './huffman.ts';

/** A block that cannot be decoded. The tables of both ends now differ: the connection must end with COMPRESSION_ERROR. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** A decoded block: names and values in turn, one character per octet. Shared by all requests with an equal block. */
export class HeaderList {
  readonly fields: string[] = [];
  /** As RFC 9113 §6.5.2 counts: names, values and 32 per field. */
  bytes = 0;
  /** The list was larger than the decoder's limit; `fields` holds only the first part. */
  truncated = false;
  /** The verdict of `isWellFormedRequest`, once it was asked. */
  wellFormed: boolean | null = null;
  /** What the layer above has derived from the fields; lives as long as the list. */
  memo: unknown = null;

  /** The first value of a field, by its lower-case name. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
    return undefined;
  }
}

/** Blocks remembered per connection, and the longest one that is worth it. */
const cachedBlocksMax = 8;
const cachedBlockBytesMax = 512;

interface CachedBlock {
  readonly block: Uint8Array;
  readonly version: number;
  readonly list: HeaderList;
}

/** Integers in a block stay below this: larger ones can only be an attack or a mistake. */
const integerMax = 2 ** 28;

const noBytes = Buffer.alloc(0);

export class HpackDecoder {
  private readonly table: DynamicTable;
  private readonly listBytesMax: number;
  private readonly cache: CachedBlock[] = [];
  private cacheTurn = 0;
  private bytes: Buffer = noBytes;
  private pos = 0;
  private end = 0;

  /** `tableBytesMax`: what SETTINGS_HEADER_TABLE_SIZE promised to the peer. `listBytesMax`: larger lists come out truncated. */
  constructor(tableBytesMax: number, listBytesMax: number) {
    this.table = new DynamicTable(tableBytesMax);
    this.listBytesMax = listBytesMax;
  }

  /** Decodes one complete block, bytes[start, end). Throws HpackError. The list may be one that was returned before. */
  decode(bytes: Buffer, start: number, end: number): HeaderList {
    const version = this.table.version;
    for (const cached of this.cache) {
      if (cached.version === version && sameBytes(cached.block, bytes, start, end)) return cached.list;
    }
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
    const list = new HeaderList();
    this.decodeInto(list);
    this.bytes = noBytes;
    if (this.table.version === version && end - start <= cachedBlockBytesMax) {
      this.cache[this.cacheTurn] = { block: Buffer.from(bytes.subarray(start, end)), version, list };
      this.cacheTurn = (this.cacheTurn + 1) % cachedBlocksMax;
    }
    return list;
  }

  private decodeInto(list: HeaderList): void {
    const { table } = this;
    let resizable = true;
    while (this.pos < this.end) {
      const first = this.bytes[this.pos] as number;
      if (first >= 0x80) {
        const index = this.integer(0x7f);
        this.append(list, this.nameAt(index), this.valueAt(index));
      } else if (first >= 0x40) {
        const index = this.integer(0x3f);
        const name = index === 0 ? this.string() : this.nameAt(index);
        const value = this.string();
        table.add(name, value);
        this.append(list, name, value);
      } else if (first >= 0x20) {
        const capacity = this.integer(0x1f);
        if (!resizable) throw new HpackError('a table size update after the first field');
        if (capacity > table.limit)
          throw new HpackError(`a table size of ${capacity}, above the ${table.limit} allowed`);
        table.resize(capacity);
        continue;
      } else {
        const index = this.integer(0x0f);
        const name = index === 0 ? this.string() : this.nameAt(index);
        this.append(list, name, this.string());
      }
      resizable = false;
    }
  }

  /** Past the limit only the table is kept up: a small block may name a large entry thousands of times. */
  private append(list: HeaderList, name: string, value: string): void {
    list.bytes += entryBytes(name, value);
    if (list.bytes > this.listBytesMax) list.truncated = true;
    else list.fields.push(name, value);
  }

  private nameAt(index: number): string {
    if (index > staticTableSize) {
      if (index - staticTableSize > this.table.count) throw new HpackError(`no entry at index ${index}`);
      return this.table.name(index - staticTableSize - 1);
    }
    if (index === 0) throw new HpackError('no entry at index 0');
    return staticName(index);
  }

  /** The value at an index that `nameAt` has accepted. */
  private valueAt(index: number): string {
    return index > staticTableSize ? this.table.value(index - staticTableSize - 1) : staticValue(index);
  }

  /** An integer whose first byte has a prefix of the bits in `mask` (RFC 7541 §5.1). */
  private integer(mask: number): number {
    const { bytes, end } = this;
    let value = (bytes[this.pos++] as number) & mask;
    if (value < mask) return value;
    for (let scale = 1; ; scale *= 128) {
      if (this.pos >= end) throw new HpackError('a truncated integer');
      const byte = bytes[this.pos++] as number;
      value += (byte & 0x7f) * scale;
      if (value > integerMax || scale > integerMax) throw new HpackError('an integer that is too large');
      if (byte < 0x80) return value;
    }
  }

  private string(): string {
    if (this.pos >= this.end) throw new HpackError('a truncated string');
    const huffman = (this.bytes[this.pos] as number) >= 0x80;
    const length = this.integer(0x7f);
    const start = this.pos;
    if (length > this.end - start) throw new HpackError('a truncated string');
    this.pos = start + length;
    if (!huffman) return this.bytes.toString('latin1', start, start + length);
    const text = huffmanDecode(this.bytes, start, start + length);
    if (text === null) throw new HpackError('a wrong Huffman coding');
    return text;
  }
}

function sameBytes(block: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (block.length !== length) return false;
  for (let i = 0; i < length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}

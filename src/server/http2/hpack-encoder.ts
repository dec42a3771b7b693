/**
 * Encodes HPACK header blocks (RFC 7541).
 *
 * Only the repeated lists (response headers, successful trailers) enter the dynamic table, so that it settles after the
 * first response and each of them becomes a block of one or two bytes that is encoded once per connection.
 */
import {
  DynamicTable,
  defaultTableBytes,
  entryBytes,
  staticName,
  staticTableSize,
  staticValue,
} from './hpack-tables.ts';
import { huffmanEncode, huffmanSize } from './huffman.ts';

/** A list to send. */
export interface HeaderTemplate {
  /** Names and values in turn, one character per octet, names in lower case. */
  readonly fields: readonly string[];
  /** Every connection sends this very object again and again: its fields enter the table and its block is remembered. */
  readonly repeats: boolean;
}

/** Larger tables than the default gain nothing here, whatever the peer allows. */
const tableBytesMax = defaultTableBytes;

interface EncodedBlock {
  readonly version: number;
  readonly block: Uint8Array;
}

export class HpackEncoder {
  private readonly table = new DynamicTable(tableBytesMax);
  private readonly repeated = new Map<HeaderTemplate, EncodedBlock>();
  /** Sizes to announce at the start of the next block: the least since the last block, and the final one (RFC 7541 §4.2). */
  private leastPending = -1;
  private lastPending = -1;

  /** Follows the peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableSize(bytes: number): void {
    const capacity = Math.min(bytes, tableBytesMax);
    if (capacity === this.table.capacity) return;
    this.leastPending = this.leastPending < 0 ? capacity : Math.min(this.leastPending, capacity);
    this.lastPending = capacity;
    this.table.resize(capacity);
  }

  /** Encodes a list. Blocks must reach the peer in the order of the calls. The bytes are not to be changed. */
  encode(template: HeaderTemplate): Uint8Array {
    if (!template.repeats) return this.encodeBlock(template.fields, false);
    const known = this.repeated.get(template);
    if (known !== undefined && known.version === this.table.version && this.lastPending < 0) return known.block;
    const { version } = this.table;
    const announces = this.lastPending >= 0;
    const block = this.encodeBlock(template.fields, true);
    if (this.table.version === version && !announces) this.repeated.set(template, { version, block });
    return block;
  }

  private encodeBlock(fields: readonly string[], index: boolean): Uint8Array {
    const out = Buffer.allocUnsafe(blockBytesMax(fields));
    let pos = this.writeTableSizes(out);
    for (let i = 0; i < fields.length; i += 2) {
      pos = this.writeField(out, pos, fields[i] as string, fields[i + 1] as string, index);
    }
    return out.subarray(0, pos);
  }

  private writeTableSizes(out: Uint8Array): number {
    if (this.lastPending < 0) return 0;
    let pos = 0;
    if (this.leastPending < this.lastPending) pos = writeInteger(out, pos, 0x20, 0x1f, this.leastPending);
    pos = writeInteger(out, pos, 0x20, 0x1f, this.lastPending);
    this.leastPending = -1;
    this.lastPending = -1;
    return pos;
  }

  private writeField(out: Uint8Array, pos: number, name: string, value: string, index: boolean): number {
    const dynamic = this.table.find(name, value);
    if (dynamic >= 0) return writeInteger(out, pos, 0x80, 0x7f, dynamic + 1 + staticTableSize);
    const { exact, byName } = findStatic(name, value);
    if (exact > 0) return writeInteger(out, pos, 0x80, 0x7f, exact);
    const adds = index && entryBytes(name, value) <= this.table.capacity;
    let at = adds ? writeInteger(out, pos, 0x40, 0x3f, byName) : writeInteger(out, pos, 0x00, 0x0f, byName);
    if (byName === 0) at = writeString(out, at, name);
    at = writeString(out, at, value);
    if (adds) this.table.add(name, value);
    return at;
  }
}

function findStatic(name: string, value: string): { readonly exact: number; readonly byName: number } {
  let byName = 0;
  for (let i = 1; i <= staticTableSize; i++) {
    if (staticName(i) !== name) continue;
    if (staticValue(i) === value) return { exact: i, byName: i };
    if (byName === 0) byName = i;
  }
  return { exact: 0, byName };
}

/** Room for two size updates and, per field, an index and two string lengths of up to five bytes each. */
function blockBytesMax(fields: readonly string[]): number {
  let bytes = 12;
  for (const text of fields) bytes += text.length + 10;
  return bytes;
}

function writeInteger(out: Uint8Array, pos: number, pattern: number, mask: number, value: number): number {
  let at = pos;
  if (value < mask) {
    out[at++] = pattern | value;
    return at;
  }
  out[at++] = pattern | mask;
  let rest = value - mask;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

function writeString(out: Uint8Array, pos: number, text: string): number {
  const coded = huffmanSize(text);
  if (coded < text.length) return huffmanEncode(text, out, writeInteger(out, pos, 0x80, 0x7f, coded));
  let at = writeInteger(out, pos, 0x00, 0x7f, text.length);
  for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i) & 0xff;
  return at;
}

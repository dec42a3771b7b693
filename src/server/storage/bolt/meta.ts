/**
 * The meta pages, 0 and 1: where the newest tree of buckets begins. A commit writes the one that the last commit left alone, so that
 * the other stays good until the write has succeeded.
 */
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.ts';
import { pageFlags, pageHeaderBytes } from './page.ts';

export interface Meta {
  /** Bytes per page, for all of the file. */
  readonly pageSize: number;
  /** Page of the root of the tree whose leaves hold the top-level buckets. */
  readonly root: number;
  readonly rootSequence: bigint;
  /** Page of the written list of free pages, or null if there is none. */
  readonly freelist: number | null;
  /** All pages in use are below this one. */
  readonly highWater: number;
  /** Counts commits. */
  readonly txid: number;
}

const magic = 0xed0cdaed;
const version = 2;
const noFreelist = 0xffffffffffffffffn;
/** Offset of the checksum within the meta, which is of all bytes before it. */
const checkedBytes = 56;
/** What there is to read of a meta page. */
export const metaPageBytes = pageHeaderBytes + checkedBytes + 8;

/** A whole meta page, to be written as page txid % 2. */
export function encodeMetaPage(meta: Meta, page: number = meta.txid % 2): Buffer {
  const bytes = Buffer.alloc(meta.pageSize);
  writeU64(bytes, 0, page);
  writeU16(bytes, 8, pageFlags.meta);
  const body = bytes.subarray(pageHeaderBytes);
  writeU32(body, 0, magic);
  writeU32(body, 4, version);
  writeU32(body, 8, meta.pageSize);
  writeU64(body, 16, meta.root);
  body.writeBigUInt64LE(meta.rootSequence, 24);
  body.writeBigUInt64LE(meta.freelist === null ? noFreelist : BigInt(meta.freelist), 32);
  writeU64(body, 40, meta.highWater);
  writeU64(body, 48, meta.txid);
  body.writeBigUInt64LE(fnv64a(body.subarray(0, checkedBytes)), checkedBytes);
  return bytes;
}

/** The checksum that the meta page has, which the page of no other meta has. */
export function checksumOfMeta(meta: Meta): bigint {
  return encodeMetaPage(meta).readBigUInt64LE(pageHeaderBytes + checkedBytes);
}

/** The version of the format that a meta page names, if it is not the one that is known here; null for all else. */
export function foreignVersion(bytes: Buffer): number | null {
  const body = bytes.subarray(pageHeaderBytes);
  if (bytes.length < metaPageBytes || readU32(body, 0) !== magic) return null;
  const found = readU32(body, 4);
  // Otherwise it is not the version that is wrong, but the page.
  const isSound = body.readBigUInt64LE(checkedBytes) === fnv64a(body.subarray(0, checkedBytes));
  return isSound && found !== version ? found : null;
}

/** The meta in the first `metaPageBytes` of a page, or null if these are not a sound meta page. */
export function decodeMetaPage(bytes: Buffer): Meta | null {
  if (bytes.length < metaPageBytes || (readU16(bytes, 8) & pageFlags.meta) === 0) return null;
  const body = bytes.subarray(pageHeaderBytes);
  if (readU32(body, 0) !== magic || readU32(body, 4) !== version) return null;
  if (body.readBigUInt64LE(checkedBytes) !== fnv64a(body.subarray(0, checkedBytes))) return null;
  const freelist = body.readBigUInt64LE(32);
  return {
    pageSize: readU32(body, 8),
    root: readU64(body, 16),
    rootSequence: body.readBigUInt64LE(24),
    freelist: freelist === noFreelist ? null : readU64(body, 32),
    highWater: readU64(body, 40),
    txid: readU64(body, 48),
  };
}

/** The 64-bit Fowler-Noll-Vo hash, variant 1a. */
function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/**
 * The log of page checksums that lies beside a database file, as 32-bit words in the byte order of the machine:
 *
 *   header   "bolt", "sums", format, page size, CRC-32 of the database file's identity
 *   record   words of the body, CRC-32, body
 *
 * A body begins with its kind. `table` and `commit`: u64 txid and u64 checksum of a meta page, then the sums of all pages from 0 on, or
 * pairs {page, sum} of those that the commit wrote. `done`: the meta of the record before it was durable when this was written. The
 * CRC of a record continues that of the one before, so that what an earlier life has left behind never passes for a continuation.
 */
import { crc32 } from 'node:zlib';
import type { PageSums } from './page-sums.ts';

const signature = [0x746c6f62, 0x736d7573, 1] as const;
const headerWords = signature.length + 2;
const kinds = { table: 1, commit: 2, done: 3 } as const;
/** Of a record before its body: length and CRC. */
const frameWords = 2;
const markWords = 5;

/** Which state of the database: the transaction that its newest meta page tells of, and that page's own checksum. */
export interface CommitMark {
  readonly txid: number;
  readonly checksum: bigint;
}

export function sameMark(a: CommitMark, b: CommitMark): boolean {
  return a.txid === b.txid && a.checksum === b.checksum;
}

/** Bytes to be appended, and what the next record's CRC continues. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly chain: number;
}

/** `identity` is that of the database file (DiskFile.identity). */
export function encodeHeader(pageSize: number, identity: string): Piece {
  const bytes = bytesOf(Uint32Array.of(...signature, pageSize, crc32(identity)));
  return { bytes, chain: crc32(bytes) };
}

export function encodeTable(chain: number, mark: CommitMark, sums: PageSums, pages: number): Piece {
  const words = recordOf(kinds.table, mark, pages);
  for (let page = 0; page < pages; page++) words[frameWords + markWords + page] = sums.get(page);
  return sealed(chain, words);
}

/** `pages` are those that the commit has written, in any order. */
export function encodeCommit(chain: number, mark: CommitMark, sums: PageSums, pages: readonly number[]): Piece {
  const words = recordOf(kinds.commit, mark, pages.length * 2);
  let at = frameWords + markWords;
  for (const page of pages) {
    words[at++] = page;
    words[at++] = sums.get(page);
  }
  return sealed(chain, words);
}

export function encodeDone(chain: number): Piece {
  const words = new Uint32Array(frameWords + 1);
  words[frameWords] = kinds.done;
  return sealed(chain, words);
}

/** A commit whose end is not known: the meta page may never have been written. */
export interface OpenCommit {
  readonly mark: CommitMark;
  readonly pages: readonly number[];
  /** At the same places as the pages. */
  readonly sums: readonly number[];
  /** The end of its record. */
  readonly bytes: number;
  readonly chain: number;
}

export interface Replayed {
  /** The newest state that is known to have been durable; `sums` are those of its pages. */
  readonly mark: CommitMark;
  /** The end of what tells of it. */
  readonly bytes: number;
  readonly chain: number;
  /** The last one before the end of the log. */
  readonly open: OpenCommit | null;
  /** It was begun for the file of that identity, not for a copy of it, or another one. */
  readonly isOfFile: boolean;
}

/** Fills `sums` from a log's bytes, as far as they are sound. Null if they are no log for such pages, or tell of no durable state. */
export function replay(bytes: Buffer, pageSize: number, identity: string, sums: PageSums): Replayed | null {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
  const header = words.subarray(0, headerWords);
  if ([...signature, pageSize].some((word, i) => header[i] !== word)) return null;
  const isOfFile = header.at(-1) === crc32(identity);
  let chain = crc32(bytesOf(header));
  let durable: Replayed | null = null;
  let open: OpenRecord | null = null;
  for (let at = headerWords; ; ) {
    const record = recordAt(words, at, chain);
    if (record === null) break;
    const { body } = record;
    at = record.end;
    chain = record.chain;
    if (body[0] !== kinds.done) {
      // Whoever writes a commit knows that the one before was done.
      if (open !== null) return null;
      open = { body, bytes: at * 4, chain };
      continue;
    }
    if (open === null || !apply(open.body, sums)) return null;
    durable = { mark: markOf(open.body), bytes: at * 4, chain, open: null, isOfFile };
    open = null;
  }
  return durable === null ? null : { ...durable, open: open === null ? null : openCommit(open) };
}

interface OpenRecord {
  readonly body: Uint32Array;
  readonly bytes: number;
  readonly chain: number;
}

function recordAt(
  words: Uint32Array,
  at: number,
  chain: number,
): { readonly body: Uint32Array; readonly end: number; readonly chain: number } | null {
  const length = words[at] ?? 0;
  const end = at + frameWords + length;
  if (length === 0 || end > words.length) return null;
  const body = words.subarray(at + frameWords, end);
  const crc = continued(chain, words.subarray(at, at + 1), body);
  return crc === words[at + 1] ? { body, end, chain: crc } : null;
}

/** False for a record of an unknown kind. */
function apply(body: Uint32Array, sums: PageSums): boolean {
  switch (body[0]) {
    case kinds.table: {
      const pages = body.length - markWords;
      sums.reserve(pages);
      for (let page = 0; page < pages; page++) sums.set(page, body[markWords + page] ?? 0);
      return true;
    }
    case kinds.commit: {
      const { pages, sums: noted } = pairsOf(body);
      sums.reserve(pages.reduce((max, page) => Math.max(max, page + 1), 0));
      for (const [i, page] of pages.entries()) sums.set(page, noted[i] ?? 0);
      return true;
    }
    default:
      return false;
  }
}

function openCommit({ body, bytes, chain }: OpenRecord): OpenCommit | null {
  return body[0] === kinds.commit ? { mark: markOf(body), ...pairsOf(body), bytes, chain } : null;
}

function pairsOf(body: Uint32Array): { readonly pages: number[]; readonly sums: number[] } {
  const pages: number[] = [];
  const sums: number[] = [];
  for (let at = markWords; at + 1 < body.length; at += 2) {
    pages.push(body[at] ?? 0);
    sums.push(body[at + 1] ?? 0);
  }
  return { pages, sums };
}

/** A record with room for `words` words after its mark. */
function recordOf(kind: number, { txid, checksum }: CommitMark, words: number): Uint32Array {
  const record = new Uint32Array(frameWords + markWords + words);
  record.set(
    [
      kind,
      txid % 2 ** 32,
      Math.floor(txid / 2 ** 32),
      Number(BigInt.asUintN(32, checksum)),
      Number(BigInt.asUintN(32, checksum >> 32n)),
    ],
    frameWords,
  );
  return record;
}

function markOf(body: Uint32Array): CommitMark {
  const [, txidLow = 0, txidHigh = 0, low = 0, high = 0] = body;
  return { txid: txidHigh * 2 ** 32 + txidLow, checksum: (BigInt(high) << 32n) | BigInt(low) };
}

function sealed(chain: number, record: Uint32Array): Piece {
  record[0] = record.length - frameWords;
  const crc = continued(chain, record.subarray(0, 1), record.subarray(frameWords));
  record[1] = crc;
  return { bytes: bytesOf(record), chain: crc };
}

function continued(chain: number, length: Uint32Array, body: Uint32Array): number {
  return crc32(bytesOf(body), crc32(bytesOf(length), chain));
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * The store as its documentation defines it, and as slow as that: history is a list that nothing is ever removed from, and every
 * answer is computed from all of it.
 */
import { crc32c } from '../../../src/base/crc32c.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import { encodeKeyValue, type KeyValue } from '../../../src/proto/mvccpb.ts';

export type ModelKeyValue = KeyValue & { readonly text: string };

interface Entry {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  /** Null for a tombstone. */
  readonly kv: KeyValue | null;
}

const noBytes = new Uint8Array(0);

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export class ModelStore {
  revision = 1;
  compactRevision = -1;
  /** What every compaction leaves behind: a hash of history up to it, relative to the compaction before. */
  readonly compactionHashes = new Map<number, { hash: number; compactRevision: number; hashRevision: number }>();
  private readonly history: Entry[] = [];
  private changes = 0;

  /** Within a transaction; `end` makes its changes visible. */
  put(key: string, value: string, lease: bigint): void {
    const main = this.revision + 1;
    const before = this.at(key, main);
    const created = before?.createRevision ?? main;
    const version = (before?.version ?? 0) + 1;
    const kv = { key: bytesOf(key), value: bytesOf(value), createRevision: created, modRevision: main, version, lease };
    this.history.push({ main, sub: this.changes++, key, kv });
  }

  delete(key: string, rangeEnd: string): number {
    const main = this.revision + 1;
    const keys = this.keysAt(main).filter((other) => isInRange(other, key, rangeEnd));
    for (const other of keys) this.history.push({ main, sub: this.changes++, key: other, kv: null });
    return keys.length;
  }

  /** The revision that reads inside the transaction see. */
  get current(): number {
    return this.changes > 0 ? this.revision + 1 : this.revision;
  }

  end(): void {
    this.revision = this.current;
    this.changes = 0;
  }

  range(
    key: string,
    rangeEnd: string,
    atRevision: number,
    limit: number,
  ): Result<{ kvs: KeyValue[]; count: number }, 'compacted' | 'future'> {
    if (atRevision > this.current) return err('future');
    const revision = atRevision <= 0 ? this.current : atRevision;
    if (revision < this.compactRevision) return err('compacted');
    const kvs = this.keysAt(revision)
      .filter((other) => isInRange(other, key, rangeEnd))
      .map((other) => this.at(other, revision) as KeyValue);
    return ok({ kvs: limit > 0 ? kvs.slice(0, limit) : kvs, count: kvs.length });
  }

  compact(revision: number): Result<void, 'compacted' | 'future'> {
    if (revision <= this.compactRevision) return err('compacted');
    if (revision > this.revision) return err('future');
    this.compactionHashes.set(revision, {
      hash: this.hash(revision, true),
      compactRevision: this.compactRevision,
      hashRevision: revision,
    });
    this.compactRevision = revision;
    return ok(undefined);
  }

  /** The entries that are left once all compactions are finished. */
  remaining(): Entry[] {
    return this.history.filter((entry) => {
      if (entry.main > this.compactRevision) return true;
      if (this.lastAt(entry.key, this.compactRevision) !== entry) return false;
      return entry.kv !== null || entry.main === this.compactRevision;
    });
  }

  /** HashKV after all compactions are finished. */
  hash(atRevision: number, leavesOutUnseen = false): number {
    const revision = atRevision === 0 ? this.revision : atRevision;
    const leavesOut = leavesOutUnseen || this.keysAt(revision).length > 0;
    let crc = crc32c(0, bytesOf('key'));
    for (const entry of this.remaining()) {
      if (entry.main > revision) continue;
      const isSeen = entry.kv !== null && this.lastAt(entry.key, revision) === entry;
      if (entry.main <= this.compactRevision && leavesOut && !isSeen) continue;
      if (entry.main === this.compactRevision && entry.kv === null) continue;
      crc = crc32c(crc, bucketKey(entry));
      crc = crc32c(crc, recordOf(entry));
    }
    return crc;
  }

  private keysAt(revision: number): string[] {
    const keys = new Set(this.history.map(({ key }) => key));
    return [...keys].filter((key) => this.at(key, revision) !== null).sort();
  }

  private at(key: string, revision: number): KeyValue | null {
    return this.lastAt(key, revision)?.kv ?? null;
  }

  private lastAt(key: string, revision: number): Entry | undefined {
    return this.history.findLast((entry) => entry.key === key && entry.main <= revision);
  }
}

function isInRange(key: string, begin: string, end: string): boolean {
  if (end === '') return key === begin;
  return key >= begin && (end === '\0' || key < end);
}

function recordOf({ key, kv }: Entry): Uint8Array {
  if (kv !== null) return encodeKeyValue(kv);
  return encodeKeyValue({
    key: bytesOf(key),
    value: noBytes,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    lease: 0n,
  });
}

function bucketKey({ main, sub, kv }: Entry): Uint8Array {
  const bytes = Buffer.alloc(kv === null ? 18 : 17, 't');
  bytes.writeBigUInt64BE(BigInt(main), 0);
  bytes.write('_', 8, 'latin1');
  bytes.writeBigUInt64BE(BigInt(sub), 9);
  return bytes;
}

/**
 * walpb (proto2, gogo): what the WAL's records hold. The record envelope itself is written and read in place by
 * server/storage/wal, because it is the hot path; here are its numbers and the snapshot record.
 */
import { type Reader, sizeDelimited, sizeVarint, Writer, wrongWireType } from './codec.ts';
import { type ConfState, decodeConfState, sizeConfState, writeConfState } from './raftpb.ts';

/** Types of a WAL record (etcd server/storage/wal/wal.go). */
export const recordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** The WAL's note that a snapshot up to `index` exists; reading starts from one. */
export interface WalSnapshot {
  readonly index: number;
  readonly term: number;
  /** Null at index 0 and in files of etcd before 3.5. */
  readonly confState: ConfState | null;
}

export function encodeWalSnapshot(snapshot: WalSnapshot): Buffer {
  const { confState } = snapshot;
  const confStateBytes = confState === null ? 0 : 1 + sizeDelimited(sizeConfState(confState));
  const writer = Writer.sized(2 + sizeVarint(snapshot.index) + sizeVarint(snapshot.term) + confStateBytes);
  writer.byte(0x08);
  writer.varint(snapshot.index);
  writer.byte(0x10);
  writer.varint(snapshot.term);
  if (confState !== null) {
    writer.byte(0x1a);
    writer.varint(sizeConfState(confState));
    writeConfState(writer, confState);
  }
  return writer.bytes;
}

/** Decodes a snapshot record. Throws ProtoError on malformed bytes. */
export function decodeWalSnapshot(reader: Reader): WalSnapshot {
  let index = 0;
  let term = 0;
  let confState: ConfState | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        index = reader.varint53();
        break;
      case 0x10:
        term = reader.varint53();
        break;
      case 0x1a:
        confState = decodeConfState(reader.message());
        break;
      default:
        if (tag >>> 3 <= 3) wrongWireType(tag, ['Index', 'Term', 'ConfState'][(tag >>> 3) - 1] ?? '');
        reader.skip(tag);
    }
  }
  return { index, term, confState };
}

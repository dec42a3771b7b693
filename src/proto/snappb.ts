/** snappb (proto2, gogo): the envelope of a .snap file. Both fields: crc always written, data only when not null. */
import { type Reader, sizeDelimited, sizeVarint, Writer, wrongWireType } from './codec.ts';

export interface SnapshotFile {
  /** CRC-32C of `data`, from 0. */
  readonly crc: number;
  /** An encoded raftpb.Snapshot. */
  readonly data: Uint8Array | null;
}

export function encodeSnapshotFile(file: SnapshotFile): Buffer {
  const data = file.data === null ? 0 : 1 + sizeDelimited(file.data.length);
  const writer = Writer.sized(1 + sizeVarint(file.crc) + data);
  writer.byte(0x08);
  writer.varint(file.crc);
  if (file.data !== null) {
    writer.byte(0x12);
    writer.delimited(file.data);
  }
  return writer.bytes;
}

/** Decodes the envelope; `data` is a view of the input. Throws ProtoError on malformed bytes; checks no checksum. */
export function decodeSnapshotFile(reader: Reader): SnapshotFile {
  let crc = 0;
  let data: Uint8Array | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === 0x08) crc = reader.varint53() % 2 ** 32;
    else if (tag === 0x12) data = reader.bytesView();
    else if (tag >>> 3 === 1) wrongWireType(tag, 'Crc');
    else if (tag >>> 3 === 2) wrongWireType(tag, 'Data');
    else reader.skip(tag);
  }
  return { crc, data };
}

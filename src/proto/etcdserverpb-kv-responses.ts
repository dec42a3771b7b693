/**
 * Encoders of the KV service's responses. Hot path: a response is sized and written once, key-values are spliced as the store keeps
 * them, and the ids of its header are encoded once per member (`HeaderOrigin`), because 64-bit ids are slow to write in JavaScript.
 */
import { ProtoError, sizeDelimited, sizeInt53, sizeVarint, sizeVarint64, Writer } from './codec.ts';
import type {
  CompactionResponse,
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseHeader,
  ResponseOp,
  TxnResponse,
} from './etcdserverpb-kv.ts';

/** The largest message that etcd's server sends (grpc.MaxSendMsgSize of 2 GiB less one). */
export const messageBytesMax = 2 ** 31 - 1;

/** A writer for a response; throws ProtoError with gRPC's text for one that is too large to be sent. */
function writerOf(size: number): Writer {
  if (size > messageBytesMax)
    throw new ProtoError(`trying to send message larger than max (${size} vs. ${messageBytesMax})`);
  return Writer.sized(size);
}

/** What a member puts into the header of each response: its ids, encoded, and the term of the moment. */
export interface HeaderOrigin {
  /** Fields cluster_id and member_id, as `encodeHeaderIds` makes them. */
  readonly ids: Uint8Array;
  readonly raftTerm: number;
}

/** Fields 1 and 2 of a ResponseHeader. */
export function encodeHeaderIds(clusterId: bigint, memberId: bigint): Uint8Array {
  const writer = Writer.sized(
    (clusterId === 0n ? 0 : 1 + sizeVarint64(clusterId)) + (memberId === 0n ? 0 : 1 + sizeVarint64(memberId)),
  );
  if (clusterId !== 0n) {
    writer.byte(0x08);
    writer.varint64(clusterId);
  }
  if (memberId !== 0n) {
    writer.byte(0x10);
    writer.varint64(memberId);
  }
  return writer.bytes;
}

const noIds = new Uint8Array(0);

function idsOf(header: ResponseHeader, origin: HeaderOrigin | null): Uint8Array {
  if (origin !== null) return origin.ids;
  // Headers inside a transaction carry no ids: the common case costs nothing.
  if (header.clusterId === 0n && header.memberId === 0n) return noIds;
  return encodeHeaderIds(header.clusterId, header.memberId);
}

function sizeHeaderBody(ids: Uint8Array, revision: number, raftTerm: number): number {
  return ids.length + (revision === 0 ? 0 : 1 + sizeInt53(revision)) + (raftTerm === 0 ? 0 : 1 + sizeVarint(raftTerm));
}

function sizeHeader(header: ResponseHeader | null, origin: HeaderOrigin | null): number {
  if (header === null) return 0;
  const raftTerm = origin === null ? header.raftTerm : origin.raftTerm;
  return 1 + sizeDelimited(sizeHeaderBody(idsOf(header, origin), header.revision, raftTerm));
}

function writeHeader(writer: Writer, header: ResponseHeader | null, origin: HeaderOrigin | null): void {
  if (header === null) return;
  const ids = idsOf(header, origin);
  const raftTerm = origin === null ? header.raftTerm : origin.raftTerm;
  writer.byte(0x0a);
  writer.varint(sizeHeaderBody(ids, header.revision, raftTerm));
  writer.raw(ids);
  if (header.revision !== 0) {
    writer.byte(0x18);
    writer.int53(header.revision);
  }
  if (raftTerm !== 0) {
    writer.byte(0x20);
    writer.varint(raftTerm);
  }
}

function sizeKeyValues(kvs: readonly Uint8Array[]): number {
  let size = 0;
  for (const kv of kvs) size += 1 + sizeDelimited(kv.length);
  return size;
}

function sizeRangeResponse(response: RangeResponse, origin: HeaderOrigin | null): number {
  return (
    sizeHeader(response.header, origin) +
    sizeKeyValues(response.kvs) +
    (response.more ? 2 : 0) +
    (response.count === 0 ? 0 : 1 + sizeInt53(response.count))
  );
}

function writeRangeResponse(writer: Writer, response: RangeResponse, origin: HeaderOrigin | null): void {
  writeHeader(writer, response.header, origin);
  for (const kv of response.kvs) {
    writer.byte(0x12);
    writer.delimited(kv);
  }
  if (response.more) {
    writer.byte(0x18);
    writer.byte(1);
  }
  if (response.count !== 0) {
    writer.byte(0x20);
    writer.int53(response.count);
  }
}

/** Encodes a response; with an origin its ids and term replace those of the response's header. Throws ProtoError if too large. */
export function encodeRangeResponse(response: RangeResponse, origin: HeaderOrigin | null = null): Buffer {
  const writer = writerOf(sizeRangeResponse(response, origin));
  writeRangeResponse(writer, response, origin);
  return writer.bytes;
}

function sizePutResponse(response: PutResponse, origin: HeaderOrigin | null): number {
  return (
    sizeHeader(response.header, origin) + (response.prevKv === null ? 0 : 1 + sizeDelimited(response.prevKv.length))
  );
}

function writePutResponse(writer: Writer, response: PutResponse, origin: HeaderOrigin | null): void {
  writeHeader(writer, response.header, origin);
  if (response.prevKv !== null) {
    writer.byte(0x12);
    writer.delimited(response.prevKv);
  }
}

export function encodePutResponse(response: PutResponse, origin: HeaderOrigin | null = null): Buffer {
  const writer = writerOf(sizePutResponse(response, origin));
  writePutResponse(writer, response, origin);
  return writer.bytes;
}

function sizeDeleteRangeResponse(response: DeleteRangeResponse, origin: HeaderOrigin | null): number {
  return (
    sizeHeader(response.header, origin) +
    (response.deleted === 0 ? 0 : 1 + sizeInt53(response.deleted)) +
    sizeKeyValues(response.prevKvs)
  );
}

function writeDeleteRangeResponse(writer: Writer, response: DeleteRangeResponse, origin: HeaderOrigin | null): void {
  writeHeader(writer, response.header, origin);
  if (response.deleted !== 0) {
    writer.byte(0x10);
    writer.int53(response.deleted);
  }
  for (const kv of response.prevKvs) {
    writer.byte(0x1a);
    writer.delimited(kv);
  }
}

export function encodeDeleteRangeResponse(response: DeleteRangeResponse, origin: HeaderOrigin | null = null): Buffer {
  const writer = writerOf(sizeDeleteRangeResponse(response, origin));
  writeDeleteRangeResponse(writer, response, origin);
  return writer.bytes;
}

function sizeResponseOpBody(op: ResponseOp): number {
  switch (op.type) {
    case 'range':
      return sizeRangeResponse(op.response, null);
    case 'put':
      return sizePutResponse(op.response, null);
    case 'deleteRange':
      return sizeDeleteRangeResponse(op.response, null);
    case 'txn':
      return sizeTxnResponse(op.response, null);
  }
}

const responseOpTags = { range: 0x0a, put: 0x12, deleteRange: 0x1a, txn: 0x22 } as const;

function writeResponseOp(writer: Writer, op: ResponseOp, bodySize: number): void {
  writer.byte(responseOpTags[op.type]);
  writer.varint(bodySize);
  switch (op.type) {
    case 'range':
      writeRangeResponse(writer, op.response, null);
      return;
    case 'put':
      writePutResponse(writer, op.response, null);
      return;
    case 'deleteRange':
      writeDeleteRangeResponse(writer, op.response, null);
      return;
    case 'txn':
      writeTxnResponse(writer, op.response, null);
      return;
  }
}

function sizeTxnResponse(response: TxnResponse, origin: HeaderOrigin | null): number {
  let size = sizeHeader(response.header, origin) + (response.succeeded ? 2 : 0);
  for (const op of response.responses) size += 1 + sizeDelimited(1 + sizeDelimited(sizeResponseOpBody(op)));
  return size;
}

function writeTxnResponse(writer: Writer, response: TxnResponse, origin: HeaderOrigin | null): void {
  writeHeader(writer, response.header, origin);
  if (response.succeeded) {
    writer.byte(0x10);
    writer.byte(1);
  }
  for (const op of response.responses) {
    const bodySize = sizeResponseOpBody(op);
    writer.byte(0x1a);
    writer.varint(1 + sizeDelimited(bodySize));
    writeResponseOp(writer, op, bodySize);
  }
}

export function encodeTxnResponse(response: TxnResponse, origin: HeaderOrigin | null = null): Buffer {
  const writer = writerOf(sizeTxnResponse(response, origin));
  writeTxnResponse(writer, response, origin);
  return writer.bytes;
}

export function encodeCompactionResponse(response: CompactionResponse, origin: HeaderOrigin | null = null): Buffer {
  const writer = writerOf(sizeHeader(response.header, origin));
  writeHeader(writer, response.header, origin);
  return writer.bytes;
}

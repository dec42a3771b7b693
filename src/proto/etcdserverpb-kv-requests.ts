/** Encoders of the KV service's requests: for clients, tests and the member's own proposals. */
import { sizeDelimited, sizeInt53, sizeVarint64, Writer } from './codec.ts';
import type {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from './etcdserverpb-kv.ts';

function sizeBytes(value: Uint8Array): number {
  return value.length === 0 ? 0 : 1 + sizeDelimited(value.length);
}

function sizeNumber(value: number): number {
  return value === 0 ? 0 : 1 + sizeInt53(value);
}

function writeBytes(writer: Writer, tag: number, value: Uint8Array): void {
  if (value.length === 0) return;
  writer.byte(tag);
  writer.delimited(value);
}

function writeNumber(writer: Writer, tag: number, value: number): void {
  if (value === 0) return;
  writer.byte(tag);
  writer.int53(value);
}

function writeFlag(writer: Writer, tag: number, value: boolean): void {
  if (!value) return;
  writer.byte(tag);
  writer.byte(1);
}

function sizeRangeRequest(request: RangeRequest): number {
  return (
    sizeBytes(request.key) +
    sizeBytes(request.rangeEnd) +
    sizeNumber(request.limit) +
    sizeNumber(request.revision) +
    sizeNumber(request.sortOrder) +
    sizeNumber(request.sortTarget) +
    (request.serializable ? 2 : 0) +
    (request.keysOnly ? 2 : 0) +
    (request.countOnly ? 2 : 0) +
    sizeNumber(request.minModRevision) +
    sizeNumber(request.maxModRevision) +
    sizeNumber(request.minCreateRevision) +
    sizeNumber(request.maxCreateRevision)
  );
}

function writeRangeRequest(writer: Writer, request: RangeRequest): void {
  writeBytes(writer, 0x0a, request.key);
  writeBytes(writer, 0x12, request.rangeEnd);
  writeNumber(writer, 0x18, request.limit);
  writeNumber(writer, 0x20, request.revision);
  writeNumber(writer, 0x28, request.sortOrder);
  writeNumber(writer, 0x30, request.sortTarget);
  writeFlag(writer, 0x38, request.serializable);
  writeFlag(writer, 0x40, request.keysOnly);
  writeFlag(writer, 0x48, request.countOnly);
  writeNumber(writer, 0x50, request.minModRevision);
  writeNumber(writer, 0x58, request.maxModRevision);
  writeNumber(writer, 0x60, request.minCreateRevision);
  writeNumber(writer, 0x68, request.maxCreateRevision);
}

export function encodeRangeRequest(request: RangeRequest): Buffer {
  const writer = Writer.sized(sizeRangeRequest(request));
  writeRangeRequest(writer, request);
  return writer.bytes;
}

function sizePutRequest(request: PutRequest): number {
  return (
    sizeBytes(request.key) +
    sizeBytes(request.value) +
    (request.lease === 0n ? 0 : 1 + sizeVarint64(request.lease)) +
    (request.prevKv ? 2 : 0) +
    (request.ignoreValue ? 2 : 0) +
    (request.ignoreLease ? 2 : 0)
  );
}

function writePutRequest(writer: Writer, request: PutRequest): void {
  writeBytes(writer, 0x0a, request.key);
  writeBytes(writer, 0x12, request.value);
  if (request.lease !== 0n) {
    writer.byte(0x18);
    writer.varint64(request.lease);
  }
  writeFlag(writer, 0x20, request.prevKv);
  writeFlag(writer, 0x28, request.ignoreValue);
  writeFlag(writer, 0x30, request.ignoreLease);
}

export function encodePutRequest(request: PutRequest): Buffer {
  const writer = Writer.sized(sizePutRequest(request));
  writePutRequest(writer, request);
  return writer.bytes;
}

function sizeDeleteRangeRequest(request: DeleteRangeRequest): number {
  return sizeBytes(request.key) + sizeBytes(request.rangeEnd) + (request.prevKv ? 2 : 0);
}

function writeDeleteRangeRequest(writer: Writer, request: DeleteRangeRequest): void {
  writeBytes(writer, 0x0a, request.key);
  writeBytes(writer, 0x12, request.rangeEnd);
  writeFlag(writer, 0x18, request.prevKv);
}

export function encodeDeleteRangeRequest(request: DeleteRangeRequest): Buffer {
  const writer = Writer.sized(sizeDeleteRangeRequest(request));
  writeDeleteRangeRequest(writer, request);
  return writer.bytes;
}

function sizeCompare(compare: Compare): number {
  const { operand, rangeEnd } = compare;
  const fixed = sizeNumber(compare.result) + sizeNumber(compare.target) + sizeBytes(compare.key);
  const end = rangeEnd.length === 0 ? 0 : 2 + sizeDelimited(rangeEnd.length);
  switch (operand.type) {
    case 'none':
      return fixed + end;
    case 'value':
      return fixed + end + 1 + sizeDelimited(operand.value.length);
    case 'lease':
      return fixed + end + 1 + sizeVarint64(operand.value);
    default:
      return fixed + end + 1 + sizeInt53(operand.value);
  }
}

const operandTags = { version: 0x20, createRevision: 0x28, modRevision: 0x30 } as const;

/** A member of a oneof is written even when it is zero or empty. */
function writeCompare(writer: Writer, compare: Compare): void {
  const { operand, rangeEnd } = compare;
  writeNumber(writer, 0x08, compare.result);
  writeNumber(writer, 0x10, compare.target);
  writeBytes(writer, 0x1a, compare.key);
  switch (operand.type) {
    case 'none':
      break;
    case 'value':
      writer.byte(0x3a);
      writer.delimited(operand.value);
      break;
    case 'lease':
      writer.byte(0x40);
      writer.varint64(operand.value);
      break;
    default:
      writer.byte(operandTags[operand.type]);
      writer.int53(operand.value);
  }
  if (rangeEnd.length > 0) {
    writer.varint(0x202);
    writer.delimited(rangeEnd);
  }
}

function sizeRequestOp(op: RequestOp): number {
  return op.type === 'none' ? 0 : 1 + sizeDelimited(sizeRequestOpBody(op));
}

function sizeRequestOpBody(op: Exclude<RequestOp, { type: 'none' }>): number {
  switch (op.type) {
    case 'range':
      return sizeRangeRequest(op.request);
    case 'put':
      return sizePutRequest(op.request);
    case 'deleteRange':
      return sizeDeleteRangeRequest(op.request);
    case 'txn':
      return sizeTxnRequest(op.request);
  }
}

const requestOpTags = { range: 0x0a, put: 0x12, deleteRange: 0x1a, txn: 0x22 } as const;

function writeRequestOp(writer: Writer, op: RequestOp): void {
  if (op.type === 'none') return;
  writer.byte(requestOpTags[op.type]);
  writer.varint(sizeRequestOpBody(op));
  switch (op.type) {
    case 'range':
      writeRangeRequest(writer, op.request);
      return;
    case 'put':
      writePutRequest(writer, op.request);
      return;
    case 'deleteRange':
      writeDeleteRangeRequest(writer, op.request);
      return;
    case 'txn':
      writeTxnRequest(writer, op.request);
      return;
  }
}

function sizeTxnRequest(request: TxnRequest): number {
  let size = 0;
  for (const compare of request.compare) size += 1 + sizeDelimited(sizeCompare(compare));
  for (const op of request.success) size += 1 + sizeDelimited(sizeRequestOp(op));
  for (const op of request.failure) size += 1 + sizeDelimited(sizeRequestOp(op));
  return size;
}

function writeTxnRequest(writer: Writer, request: TxnRequest): void {
  for (const compare of request.compare) {
    writer.byte(0x0a);
    writer.varint(sizeCompare(compare));
    writeCompare(writer, compare);
  }
  for (const op of request.success) {
    writer.byte(0x12);
    writer.varint(sizeRequestOp(op));
    writeRequestOp(writer, op);
  }
  for (const op of request.failure) {
    writer.byte(0x1a);
    writer.varint(sizeRequestOp(op));
    writeRequestOp(writer, op);
  }
}

export function encodeTxnRequest(request: TxnRequest): Buffer {
  const writer = Writer.sized(sizeTxnRequest(request));
  writeTxnRequest(writer, request);
  return writer.bytes;
}

export function encodeCompactionRequest(request: CompactionRequest): Buffer {
  const writer = Writer.sized(sizeNumber(request.revision) + (request.physical ? 2 : 0));
  writeNumber(writer, 0x08, request.revision);
  writeFlag(writer, 0x10, request.physical);
  return writer.bytes;
}

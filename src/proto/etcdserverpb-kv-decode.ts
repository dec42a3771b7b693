/**
 * Decoders of the KV service's requests. Hot path: written out by hand (some 100 ns per put, against microseconds of the libraries).
 * Nested messages are decoded at once, because etcd's reading of its log depends on where decoding fails. Bytes fields are views
 * of the input: whoever keeps them longer than the input copies them.
 */
import { ProtoError, Reader } from './codec.ts';
import type {
  CompactionRequest,
  Compare,
  CompareOperand,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from './etcdserverpb-kv.ts';
import { clampedInt64, nextTag, unexpectedField } from './go-rules.ts';

/** Transactions nested deeper than this are refused as malformed: each level costs stack, and no --max-txn-ops allows it. */
export const txnDepthMax = 1000;

const noBytes: Uint8Array = new Uint8Array(0);

const putFields = { 1: 'Key', 2: 'Value', 3: 'Lease', 4: 'PrevKv', 5: 'IgnoreValue', 6: 'IgnoreLease' };

/** Throws ProtoError, as all decoders here. */
export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPutRequest(new Reader(bytes));
}

export function readPutRequest(reader: Reader): PutRequest {
  let key = noBytes;
  let value = noBytes;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  while (reader.more()) {
    const tag = nextTag(reader, 'PutRequest');
    switch (tag) {
      case 0x0a:
        key = reader.bytesView();
        break;
      case 0x12:
        value = reader.bytesView();
        break;
      case 0x18:
        lease = reader.int64();
        break;
      case 0x20:
        prevKv = reader.bool();
        break;
      case 0x28:
        ignoreValue = reader.bool();
        break;
      case 0x30:
        ignoreLease = reader.bool();
        break;
      default:
        unexpectedField(reader, tag, 'PutRequest', putFields);
    }
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

const rangeFields = {
  1: 'Key',
  2: 'RangeEnd',
  3: 'Limit',
  4: 'Revision',
  5: 'SortOrder',
  6: 'SortTarget',
  7: 'Serializable',
  8: 'KeysOnly',
  9: 'CountOnly',
  10: 'MinModRevision',
  11: 'MaxModRevision',
  12: 'MinCreateRevision',
  13: 'MaxCreateRevision',
};

export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRangeRequest(new Reader(bytes));
}

export function readRangeRequest(reader: Reader): RangeRequest {
  let key = noBytes;
  let rangeEnd = noBytes;
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  let minModRevision = 0;
  let maxModRevision = 0;
  let minCreateRevision = 0;
  let maxCreateRevision = 0;
  while (reader.more()) {
    const tag = nextTag(reader, 'RangeRequest');
    switch (tag) {
      case 0x0a:
        key = reader.bytesView();
        break;
      case 0x12:
        rangeEnd = reader.bytesView();
        break;
      case 0x18:
        limit = clampedInt64(reader);
        break;
      case 0x20:
        revision = clampedInt64(reader);
        break;
      case 0x28:
        sortOrder = reader.int32();
        break;
      case 0x30:
        sortTarget = reader.int32();
        break;
      case 0x38:
        serializable = reader.bool();
        break;
      case 0x40:
        keysOnly = reader.bool();
        break;
      case 0x48:
        countOnly = reader.bool();
        break;
      case 0x50:
        minModRevision = clampedInt64(reader);
        break;
      case 0x58:
        maxModRevision = clampedInt64(reader);
        break;
      case 0x60:
        minCreateRevision = clampedInt64(reader);
        break;
      case 0x68:
        maxCreateRevision = clampedInt64(reader);
        break;
      default:
        unexpectedField(reader, tag, 'RangeRequest', rangeFields);
    }
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

const deleteRangeFields = { 1: 'Key', 2: 'RangeEnd', 3: 'PrevKv' };

export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRangeRequest(new Reader(bytes));
}

export function readDeleteRangeRequest(reader: Reader): DeleteRangeRequest {
  let key = noBytes;
  let rangeEnd = noBytes;
  let prevKv = false;
  while (reader.more()) {
    const tag = nextTag(reader, 'DeleteRangeRequest');
    switch (tag) {
      case 0x0a:
        key = reader.bytesView();
        break;
      case 0x12:
        rangeEnd = reader.bytesView();
        break;
      case 0x18:
        prevKv = reader.bool();
        break;
      default:
        unexpectedField(reader, tag, 'DeleteRangeRequest', deleteRangeFields);
    }
  }
  return { key, rangeEnd, prevKv };
}

const compareFields = {
  1: 'Result',
  2: 'Target',
  3: 'Key',
  4: 'Version',
  5: 'CreateRevision',
  6: 'ModRevision',
  7: 'Value',
  8: 'Lease',
  64: 'RangeEnd',
};

function readCompare(reader: Reader): Compare {
  let result = 0;
  let target = 0;
  let key = noBytes;
  let operand: CompareOperand = { type: 'none' };
  let rangeEnd = noBytes;
  while (reader.more()) {
    const tag = nextTag(reader, 'Compare');
    switch (tag) {
      case 0x08:
        result = reader.int32();
        break;
      case 0x10:
        target = reader.int32();
        break;
      case 0x1a:
        key = reader.bytesView();
        break;
      case 0x20:
        operand = { type: 'version', value: clampedInt64(reader) };
        break;
      case 0x28:
        operand = { type: 'createRevision', value: clampedInt64(reader) };
        break;
      case 0x30:
        operand = { type: 'modRevision', value: clampedInt64(reader) };
        break;
      case 0x3a:
        operand = { type: 'value', value: reader.bytesView() };
        break;
      case 0x40:
        operand = { type: 'lease', value: reader.int64() };
        break;
      case 0x202:
        rangeEnd = reader.bytesView();
        break;
      default:
        unexpectedField(reader, tag, 'Compare', compareFields);
    }
  }
  return { result, target, key, operand, rangeEnd };
}

const requestOpFields = { 1: 'RequestRange', 2: 'RequestPut', 3: 'RequestDeleteRange', 4: 'RequestTxn' };

function readRequestOp(reader: Reader, depth: number): RequestOp {
  let op: RequestOp = { type: 'none' };
  while (reader.more()) {
    const tag = nextTag(reader, 'RequestOp');
    switch (tag) {
      case 0x0a:
        op = { type: 'range', request: readRangeRequest(reader.message()) };
        break;
      case 0x12:
        op = { type: 'put', request: readPutRequest(reader.message()) };
        break;
      case 0x1a:
        op = { type: 'deleteRange', request: readDeleteRangeRequest(reader.message()) };
        break;
      case 0x22:
        op = { type: 'txn', request: readTxn(reader.message(), depth + 1) };
        break;
      default:
        unexpectedField(reader, tag, 'RequestOp', requestOpFields);
    }
  }
  return op;
}

const txnFields = { 1: 'Compare', 2: 'Success', 3: 'Failure' };

export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return readTxn(new Reader(bytes), 1);
}

export function readTxnRequest(reader: Reader): TxnRequest {
  return readTxn(reader, 1);
}

function readTxn(reader: Reader, depth: number): TxnRequest {
  if (depth > txnDepthMax) throw new ProtoError(`proto: TxnRequest: nested deeper than ${txnDepthMax}`);
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  while (reader.more()) {
    const tag = nextTag(reader, 'TxnRequest');
    switch (tag) {
      case 0x0a:
        compare.push(readCompare(reader.message()));
        break;
      case 0x12:
        success.push(readRequestOp(reader.message(), depth));
        break;
      case 0x1a:
        failure.push(readRequestOp(reader.message(), depth));
        break;
      default:
        unexpectedField(reader, tag, 'TxnRequest', txnFields);
    }
  }
  return { compare, success, failure };
}

const compactionFields = { 1: 'Revision', 2: 'Physical' };

export function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  return readCompactionRequest(new Reader(bytes));
}

export function readCompactionRequest(reader: Reader): CompactionRequest {
  let revision = 0;
  let physical = false;
  while (reader.more()) {
    const tag = nextTag(reader, 'CompactionRequest');
    switch (tag) {
      case 0x08:
        revision = clampedInt64(reader);
        break;
      case 0x10:
        physical = reader.bool();
        break;
      default:
        unexpectedField(reader, tag, 'CompactionRequest', compactionFields);
    }
  }
  return { revision, physical };
}

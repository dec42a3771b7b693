/** As much of raftpb.Message as it takes to write an append in full (go.etcd.io/raft/v3/raftpb/raft.proto). Pure. */

/** What an append leaves behind at both ends. */
export interface SenderState {
  readonly to: bigint;
  readonly from: bigint;
  readonly term: bigint;
  /** Of the last entry. */
  readonly index: bigint;
}

const field = { type: 1, to: 2, from: 3, term: 4, logTerm: 5, index: 6, entries: 7, commit: 8 } as const;
const entryIndexField = 3;
const msgApp = 3n;

/** What an append leaves behind at both ends; null if this is no message. */
export function readMessageHead(bytes: Buffer): SenderState | null {
  let state: SenderState = { to: 0n, from: 0n, term: 0n, index: 0n };
  let last: Buffer | null = null;
  const readable = eachField(bytes, (number, value) => {
    if (typeof value !== 'bigint') {
      if (number === field.entries) last = value;
    } else if (number === field.to) state = { ...state, to: value };
    else if (number === field.from) state = { ...state, from: value };
    else if (number === field.term) state = { ...state, term: value };
    else if (number === field.index) state = { ...state, index: value };
  });
  if (!readable) return null;
  if (last === null) return state;
  let index = 0n;
  const entryReadable = eachField(last, (number, value) => {
    if (number === entryIndexField && typeof value === 'bigint') index = value;
  });
  return entryReadable ? { ...state, index } : null;
}

/** The append of these entries (raftpb.Entry each) after what was sent `before`. */
export function writeAppend(before: SenderState, entries: readonly Buffer[], commit: bigint): Buffer {
  const parts = [
    varintField(field.type, msgApp),
    varintField(field.to, before.to),
    varintField(field.from, before.from),
    varintField(field.term, before.term),
    varintField(field.logTerm, before.term),
    varintField(field.index, before.index),
  ];
  for (const entry of entries) {
    parts.push(varint(BigInt((field.entries << 3) | 2)), varint(BigInt(entry.length)), entry);
  }
  return Buffer.concat([...parts, varintField(field.commit, commit)]);
}

/** Visits the fields; false if the bytes are no message. */
function eachField(bytes: Buffer, visit: (number: number, value: bigint | Buffer) => void): boolean {
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    if (tag === null) return false;
    const wireType = Number(tag.value & 7n);
    const number = Number(tag.value >> 3n);
    const value = wireType === 0 || wireType === 2 ? readVarint(bytes, tag.end) : null;
    if (value === null) return false;
    if (wireType === 0) {
      visit(number, value.value);
      at = value.end;
    } else {
      const end = value.end + Number(value.value);
      if (end > bytes.length) return false;
      visit(number, bytes.subarray(value.end, end));
      at = end;
    }
  }
  return true;
}

function readVarint(bytes: Buffer, start: number): { readonly value: bigint; readonly end: number } | null {
  let value = 0n;
  for (let at = start; at < Math.min(bytes.length, start + 10); at++) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + 1 };
  }
  return null;
}

function varintField(number: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(number << 3)), varint(value)]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

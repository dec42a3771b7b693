/**
 * mvccpb (proto3, gogo): a key's value at a revision, and the event that made it.
 *
 * The store keeps every KeyValue in its encoded form, byte for byte as etcd writes it into its `key` bucket, because those
 * bytes are hashed (HashKV), stored, and spliced into responses. So responses carry `EncodedKeyValue`s and decode none of them.
 * proto3: zero scalars and empty bytes are absent; fields are written in the order of their numbers.
 */
import {
  Reader,
  sizeDelimited,
  sizeInt53,
  sizeVarint,
  sizeVarint64,
  Writer,
  wireType,
  wrongWireType,
} from './codec.ts';

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Number of puts since the key was created; 0 in the event of a deletion. */
  readonly version: number;
  readonly value: Uint8Array;
  /** 0n is no lease. */
  readonly lease: bigint;
}

/** The bytes of one KeyValue message. Never mutated once made; may be a view of a larger buffer. */
export type EncodedKeyValue = Uint8Array;

export const eventType = { put: 0, delete: 1 } as const;
export type EventType = (typeof eventType)[keyof typeof eventType];

/** One change of one key. The KeyValues are encoded: they are copied from the store to the wire. */
export interface Event {
  readonly type: EventType;
  /** For a deletion only `key` and `mod_revision` are set. */
  readonly kv: EncodedKeyValue | null;
  readonly prevKv: EncodedKeyValue | null;
}

const noBytes = new Uint8Array(0);

/** Bytes of a KeyValue, of loose fields: the store's hot path makes no object. */
export function sizeKeyValueFields(
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): number {
  let size = 0;
  if (key.length > 0) size += 1 + sizeDelimited(key.length);
  if (createRevision !== 0) size += 1 + sizeInt53(createRevision);
  if (modRevision !== 0) size += 1 + sizeInt53(modRevision);
  if (version !== 0) size += 1 + sizeInt53(version);
  if (value.length > 0) size += 1 + sizeDelimited(value.length);
  if (lease !== 0n) size += 1 + sizeVarint64(lease);
  return size;
}

/** Writes a KeyValue of loose fields: as many bytes as `sizeKeyValueFields` says. */
export function writeKeyValueFields(
  writer: Writer,
  key: Uint8Array,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): void {
  if (key.length > 0) {
    writer.byte(0x0a);
    writer.delimited(key);
  }
  if (createRevision !== 0) {
    writer.byte(0x10);
    writer.int53(createRevision);
  }
  if (modRevision !== 0) {
    writer.byte(0x18);
    writer.int53(modRevision);
  }
  if (version !== 0) {
    writer.byte(0x20);
    writer.int53(version);
  }
  if (value.length > 0) {
    writer.byte(0x2a);
    writer.delimited(value);
  }
  if (lease !== 0n) {
    writer.byte(0x30);
    writer.varint64(lease);
  }
}

export function encodeKeyValue(kv: KeyValue): EncodedKeyValue {
  const { key, createRevision, modRevision, version, value, lease } = kv;
  const writer = Writer.sized(sizeKeyValueFields(key, createRevision, modRevision, version, value, lease));
  writeKeyValueFields(writer, key, createRevision, modRevision, version, value, lease);
  return writer.bytes;
}

/** Decodes one message; `key` and `value` are views of the input. Throws ProtoError. */
export function decodeKeyValue(bytes: EncodedKeyValue): KeyValue {
  const reader = new Reader(bytes);
  let key: Uint8Array = noBytes;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let value: Uint8Array = noBytes;
  let lease = 0n;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        if ((tag & 7) !== wireType.bytes) wrongWireType(tag, 'Key');
        key = reader.bytesView();
        break;
      case 2:
        if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'CreateRevision');
        createRevision = reader.int53();
        break;
      case 3:
        if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'ModRevision');
        modRevision = reader.int53();
        break;
      case 4:
        if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'Version');
        version = reader.int53();
        break;
      case 5:
        if ((tag & 7) !== wireType.bytes) wrongWireType(tag, 'Value');
        value = reader.bytesView();
        break;
      case 6:
        if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'Lease');
        lease = reader.int64();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { key, createRevision, modRevision, version, value, lease };
}

/** What a start needs of every stored KeyValue. To be used again for the next: neither objects nor views are made. */
export class KeyValueHead {
  /** The key is `bytes[keyStart, keyEnd)` of what was read. */
  keyStart = 0;
  keyEnd = 0;
  createRevision = 0;
  version = 0;
  lease = 0n;

  /** Reads the message in `bytes[start, end)`. Throws ProtoError. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.keyStart = start;
    this.keyEnd = start;
    this.createRevision = 0;
    this.version = 0;
    this.lease = 0n;
    const reader = new Reader(bytes, start, end);
    while (reader.more()) {
      const tag = reader.tag();
      switch (tag >>> 3) {
        case 1:
          if ((tag & 7) !== wireType.bytes) wrongWireType(tag, 'Key');
          this.keyEnd = reader.length();
          this.keyStart = reader.pos;
          this.keyEnd += this.keyStart;
          reader.pos = this.keyEnd;
          break;
        case 2:
          if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'CreateRevision');
          this.createRevision = reader.int53();
          break;
        case 4:
          if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'Version');
          this.version = reader.int53();
          break;
        case 6:
          if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'Lease');
          this.lease = reader.int64();
          break;
        default:
          reader.skip(tag);
      }
    }
  }
}

/** The key of an encoded KeyValue, as a view. Throws ProtoError. */
export function keyOf(bytes: EncodedKeyValue): Uint8Array {
  if (bytes.length > 1 && bytes[0] === 0x0a) {
    const length = bytes[1] as number;
    if (length < 0x80 && length + 2 <= bytes.length) return bytes.subarray(2, 2 + length);
  }
  return decodeKeyValue(bytes).key;
}

/** The same KeyValue without its value: what a keys-only read returns. */
export function withoutValue(bytes: EncodedKeyValue): EncodedKeyValue {
  const kv = decodeKeyValue(bytes);
  return kv.value.length === 0 ? bytes : encodeKeyValue({ ...kv, value: noBytes });
}

/** The KeyValue of a deletion as watchers see it: the store's tombstone record holds only the key. */
export function encodeDeletedKeyValue(key: Uint8Array, modRevision: number): EncodedKeyValue {
  return encodeKeyValue({ key, createRevision: 0, modRevision, version: 0, value: noBytes, lease: 0n });
}

function sizeEvent(event: Event): number {
  let size = 0;
  if (event.type !== eventType.put) size += 1 + sizeVarint(event.type);
  if (event.kv !== null) size += 1 + sizeDelimited(event.kv.length);
  if (event.prevKv !== null) size += 1 + sizeDelimited(event.prevKv.length);
  return size;
}

function writeEvent(writer: Writer, event: Event): void {
  if (event.type !== eventType.put) {
    writer.byte(0x08);
    writer.varint(event.type);
  }
  if (event.kv !== null) {
    writer.byte(0x12);
    writer.delimited(event.kv);
  }
  if (event.prevKv !== null) {
    writer.byte(0x1a);
    writer.delimited(event.prevKv);
  }
}

export function encodeEvent(event: Event): Uint8Array {
  const writer = Writer.sized(sizeEvent(event));
  writeEvent(writer, event);
  return writer.bytes;
}

/** Decodes one Event; its KeyValues stay encoded, as views of the input. Throws ProtoError. */
export function decodeEvent(bytes: Uint8Array): Event {
  const reader = new Reader(bytes);
  let type: EventType = eventType.put;
  let kv: EncodedKeyValue | null = null;
  let prevKv: EncodedKeyValue | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        if ((tag & 7) !== wireType.varint) wrongWireType(tag, 'Type');
        type = reader.int32() === eventType.delete ? eventType.delete : eventType.put;
        break;
      case 2:
        if ((tag & 7) !== wireType.bytes) wrongWireType(tag, 'Kv');
        kv = reader.bytesView();
        break;
      case 3:
        if ((tag & 7) !== wireType.bytes) wrongWireType(tag, 'PrevKv');
        prevKv = reader.bytesView();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { type, kv, prevKv };
}

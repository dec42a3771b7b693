/**
 * A table-driven codec for the messages whose speed does not matter: a message is a table of fields, its TypeScript type follows
 * from the table. Bytes are those of gogo: fields in number order, proto3 zeros omitted, repeated scalars packed.
 */
import { Reader, sizeDelimited, sizeVarint, sizeVarint64, Writer, wireType } from './codec.ts';
import { clampedInt64, nextTag, unexpectedField } from './go-rules.ts';

/** How one value stands on the wire. Sizes are bytes without the tag. */
export interface ValueCodec<T> {
  readonly kind: string;
  readonly wire: number;
  readonly zero: T;
  isZero(value: T): boolean;
  read(reader: Reader): T;
  size(value: T): number;
  write(writer: Writer, value: T): void;
}

/** One row of a message's table; T is the field's type in the message. */
export interface Field<T> {
  readonly number: number;
  /** The name in the .proto, which the JSON form and Go's error texts derive from. */
  readonly name: string;
  readonly cardinality: 'single' | 'required' | 'optional' | 'repeated' | 'packed';
  readonly kind: string;
  readonly initial: T;
  readonly wires: readonly number[];
  read(reader: Reader, wire: number, previous: T): T;
  size(value: T): number;
  write(writer: Writer, value: T): void;
}

/** The fields of message type M, under M's property names. */
export type Fields<M> = { readonly [K in keyof M]: Field<M[K]> };

/** A message type: its name and its codec. */
export interface Message<M> {
  readonly name: string;
  readonly fields: Fields<M>;
  /** The message with every field at its zero, but for those given. */
  create(given?: Partial<M>): Readonly<M>;
  decodeFrom(reader: Reader): Readonly<M>;
  /** Throws ProtoError. Bytes fields are views of the input. */
  decode(bytes: Uint8Array): Readonly<M>;
  size(value: Readonly<M>): number;
  write(writer: Writer, value: Readonly<M>): void;
  encode(value: Readonly<M>): Buffer;
}

/** The TypeScript type of a message's table. */
export type MessageOf<T> = T extends Message<infer M> ? Readonly<M> : never;

const noBytes = new Uint8Array(0);

/** uint64 below 2^53: terms, indexes, sizes. */
export const uint53: ValueCodec<number> = {
  kind: 'uint64',
  wire: wireType.varint,
  zero: 0,
  isZero: (value) => value === 0,
  read: (reader) => reader.varint53(),
  size: sizeVarint,
  write: (writer, value) => writer.varint(value),
};

/** int64 as a number clamped to ±2^53: revisions, limits, sizes, time-to-live. */
export const int53: ValueCodec<number> = {
  kind: 'int64',
  wire: wireType.varint,
  zero: 0,
  isZero: (value) => value === 0,
  read: clampedInt64,
  size: (value) => (value < 0 ? 10 : sizeVarint(value)),
  write: (writer, value) => writer.int53(value),
};

/** int64 with all its bits: leases. */
export const int64: ValueCodec<bigint> = {
  kind: 'int64',
  wire: wireType.varint,
  zero: 0n,
  isZero: (value) => value === 0n,
  read: (reader) => reader.int64(),
  size: sizeVarint64,
  write: (writer, value) => writer.varint64(value),
};

/** uint64 with all its bits: member, cluster and request ids. */
export const uint64: ValueCodec<bigint> = { ...int64, kind: 'uint64', read: (reader) => reader.uint64() };

/** Enums and int32: any number a peer may send. */
export const enumeration: ValueCodec<number> = {
  ...int53,
  kind: 'enum',
  read: (reader) => reader.int32(),
};

/** uint32: checksums. */
export const uint32: ValueCodec<number> = {
  ...uint53,
  kind: 'uint32',
  read: (reader) => reader.int32() >>> 0,
};

export const bool: ValueCodec<boolean> = {
  kind: 'bool',
  wire: wireType.varint,
  zero: false,
  isZero: (value) => !value,
  read: (reader) => reader.bool(),
  size: () => 1,
  write: (writer, value) => writer.bool(value),
};

export const string: ValueCodec<string> = {
  kind: 'string',
  wire: wireType.bytes,
  zero: '',
  isZero: (value) => value === '',
  read: (reader) => reader.string(),
  size: (value) => sizeDelimited(Buffer.byteLength(value)),
  write: (writer, value) => writer.delimited(Buffer.from(value)),
};

export const bytes: ValueCodec<Uint8Array> = {
  kind: 'bytes',
  wire: wireType.bytes,
  zero: noBytes,
  isZero: (value) => value.length === 0,
  read: (reader) => reader.bytesView(),
  size: (value) => sizeDelimited(value.length),
  write: (writer, value) => writer.delimited(value),
};

/** A nested message. */
export function nested<M>(message: Message<M>): ValueCodec<Readonly<M>> {
  return {
    kind: message.name,
    wire: wireType.bytes,
    zero: message.create(),
    isZero: () => false,
    read: (reader) => message.decodeFrom(reader.message()),
    size: (value) => sizeDelimited(message.size(value)),
    write: (writer, value) => {
      writer.varint(message.size(value));
      message.write(writer, value);
    },
  };
}

function sizeTag(number: number): number {
  return sizeVarint(number * 8);
}

/** A proto3 field: not written at its zero. */
export function single<T>(number: number, name: string, codec: ValueCodec<T>): Field<T> {
  return {
    ...required(number, name, codec),
    cardinality: 'single',
    size: (value) => (codec.isZero(value) ? 0 : sizeTag(number) + codec.size(value)),
    write: (writer, value) => {
      if (codec.isZero(value)) return;
      writer.varint(number * 8 + codec.wire);
      codec.write(writer, value);
    },
  };
}

/** A non-nullable proto2 field of gogo: always written. */
export function required<T>(number: number, name: string, codec: ValueCodec<T>): Field<T> {
  return {
    number,
    name,
    cardinality: 'required',
    kind: codec.kind,
    initial: codec.zero,
    wires: [codec.wire],
    read: (reader) => codec.read(reader),
    size: (value) => sizeTag(number) + codec.size(value),
    write: (writer, value) => {
      writer.varint(number * 8 + codec.wire);
      codec.write(writer, value);
    },
  };
}

/** A field with presence: a nested message or a nullable proto2 scalar; null is absent. */
export function optional<T>(number: number, name: string, codec: ValueCodec<T>): Field<T | null> {
  return {
    number,
    name,
    cardinality: 'optional',
    kind: codec.kind,
    initial: null,
    wires: [codec.wire],
    read: (reader) => codec.read(reader),
    size: (value) => (value === null ? 0 : sizeTag(number) + codec.size(value)),
    write: (writer, value) => {
      if (value === null) return;
      writer.varint(number * 8 + codec.wire);
      codec.write(writer, value);
    },
  };
}

/** Adds to a list that only the running decode holds; the initial empty list is shared and therefore replaced. */
function appended<T>(list: readonly T[], value: T): readonly T[] {
  if (list.length === 0) return [value];
  (list as T[]).push(value); // made by this function in the same decode
  return list;
}

/** Repeated strings, bytes or messages: one field per element. */
export function repeated<T>(number: number, name: string, codec: ValueCodec<T>): Field<readonly T[]> {
  return {
    number,
    name,
    cardinality: 'repeated',
    kind: codec.kind,
    initial: [],
    wires: [codec.wire],
    read: (reader, _wire, previous) => appended(previous, codec.read(reader)),
    size: (values) => values.reduce((sum, value) => sum + sizeTag(number) + codec.size(value), 0),
    write: (writer, values) => {
      for (const value of values) {
        writer.varint(number * 8 + codec.wire);
        codec.write(writer, value);
      }
    },
  };
}

/** Repeated proto3 scalars: written packed, read in both forms. */
export function packed<T>(number: number, name: string, codec: ValueCodec<T>): Field<readonly T[]> {
  const sizeBody = (values: readonly T[]): number => values.reduce((sum, value) => sum + codec.size(value), 0);
  return {
    number,
    name,
    cardinality: 'packed',
    kind: codec.kind,
    initial: [],
    wires: [codec.wire, wireType.bytes],
    read: (reader, wire, previous) => {
      if (wire === codec.wire) return appended(previous, codec.read(reader));
      const body = reader.message();
      let values = previous;
      while (body.more()) values = appended(values, codec.read(body));
      return values;
    },
    size: (values) => (values.length === 0 ? 0 : sizeTag(number) + sizeDelimited(sizeBody(values))),
    write: (writer, values) => {
      if (values.length === 0) return;
      writer.varint(number * 8 + wireType.bytes);
      writer.varint(sizeBody(values));
      for (const value of values) codec.write(writer, value);
    },
  };
}

/** Go's name of a field, as its error texts give it: range_end is RangeEnd, member_ID stays Member_ID. */
function goName(name: string): string {
  return name.replace(/^[a-z]|_[a-z]/g, (match) => match.slice(-1).toUpperCase());
}

/** Declares a message type by its table. The order of the fields does not matter. */
export function message<M>(name: string, fields: Fields<M>): Message<M> {
  type Row = readonly [property: keyof M & string, field: Field<unknown>];
  // Every property of a table is a row; the casts only forget which field type belongs to which property.
  const rows = (Object.entries(fields) as unknown as Row[]).sort(([, a], [, b]) => a.number - b.number);
  const byNumber = new Map(rows.map((row) => [row[1].number, row]));
  const names = Object.fromEntries(rows.map(([, field]) => [field.number, goName(field.name)]));

  const create = (given: Partial<M> = {}): Readonly<M> => {
    const value: Record<string, unknown> = {};
    for (const [property, field] of rows) value[property] = given[property] ?? field.initial;
    return value as M; // every property was set from its own row
  };
  const decodeFrom = (reader: Reader): Readonly<M> => {
    const value = create() as Record<string, unknown>;
    while (reader.more()) {
      const tag = nextTag(reader, name);
      const row = byNumber.get(Math.floor(tag / 8));
      if (row === undefined || !row[1].wires.includes(tag % 8)) unexpectedField(reader, tag, name, names);
      else value[row[0]] = row[1].read(reader, tag % 8, value[row[0]]);
    }
    return value as M;
  };
  const size = (value: Readonly<M>): number =>
    rows.reduce((sum, [property, field]) => sum + field.size(value[property]), 0);
  const write = (writer: Writer, value: Readonly<M>): void => {
    for (const [property, field] of rows) field.write(writer, value[property]);
  };
  const encode = (value: Readonly<M>): Buffer => {
    const writer = Writer.sized(size(value));
    write(writer, value);
    return writer.bytes;
  };
  return { name, fields, create, decodeFrom, decode: (input) => decodeFrom(new Reader(input)), size, write, encode };
}

/** ASN.1 in DER (X.690), as far as certificates need it. [pure] */

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  printableString: 0x13,
  sequence: 0x30,
  set: 0x31,
} as const;

function element(type: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([type]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = bigEndian(BigInt(length));
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(tag.sequence, ...items);
}

export function setOf(...items: readonly Uint8Array[]): Buffer {
  return element(tag.set, ...items);
}

/** Of a value that is not negative. */
export function integer(value: bigint): Buffer {
  const bytes = bigEndian(value);
  // The first bit is the sign.
  return element(tag.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function boolean(value: boolean): Buffer {
  return element(tag.boolean, Buffer.from([value ? 0xff : 0]));
}

/** From its dotted form, "1.2.840.10045.4.3.4". */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(tag.objectId, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
  return digits;
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(tag.octetString, bytes);
}

/** `unusedBits` at the end of the last byte. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return element(tag.bitString, Buffer.from([unusedBits]), bytes);
}

export function printableString(text: string): Buffer {
  return element(tag.printableString, Buffer.from(text, 'latin1'));
}

/** In whole seconds; two digits of the year until 2049, as RFC 5280 wants it. */
export function time(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().replace(/[-:T]|\.\d+/g, ''); // 20261122120000Z
  const year = Number(digits.slice(0, 4));
  return year < 2050
    ? element(tag.utcTime, Buffer.from(digits.slice(2)))
    : element(tag.generalizedTime, Buffer.from(digits));
}

/** Context-specific: around other elements, or instead of the type of a primitive one. */
export function tagged(number: number, kind: 'explicit' | 'implicit', ...contents: readonly Uint8Array[]): Buffer {
  return element((kind === 'explicit' ? 0xa0 : 0x80) | number, ...contents);
}

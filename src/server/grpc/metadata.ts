/** Request headers as handlers see them, and the coding of what goes into response headers. */

/** The request's header fields. Names are lower-case; values are text, one character per octet. */
export class Metadata {
  private readonly fields: readonly string[];

  /** `fields`: names and values in turn. */
  constructor(fields: readonly string[]) {
    this.fields = fields;
  }

  /** The first value of a field. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
    return undefined;
  }

  /** All values of a field, in order. */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (let i = 0; i < this.fields.length; i += 2) {
      if (this.fields[i] === name) values.push(this.fields[i + 1] as string);
    }
    return values;
  }

  /** The first value of a binary field (its name ends in `-bin`), decoded. */
  getBytes(name: string): Uint8Array | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : Buffer.from(value, 'base64');
  }
}

/** Whether a binary field's value is base64, padded or not. */
export function isBinaryValue(value: string): boolean {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(value) && (!value.endsWith('=') || value.length % 4 === 0);
}

/** The position at which Go's decoder stumbles over a value that `isBinaryValue` refuses. */
export function binaryValueFault(value: string): number {
  const match = /^[A-Za-z0-9+/]*/.exec(value);
  return match === null ? 0 : match[0].length;
}

/** A status message as the trailer `grpc-message` carries it: percent-encoded UTF-8. */
export function encodeStatusMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

const base = 'application/grpc';

/** The sub-type of a gRPC content type ('' if it has none), or null if it is not one. */
export function contentSubtype(contentType: string): string | null {
  const lower = contentType.toLowerCase();
  if (lower === base) return '';
  if (!lower.startsWith(base)) return null;
  const separator = lower.charAt(base.length);
  return separator === '+' || separator === ';' ? lower.slice(base.length + 1) : null;
}

/** The content type of a response to a request with this sub-type. */
export function contentTypeOf(subtype: string): string {
  return subtype === '' ? base : `${base}+${subtype}`;
}

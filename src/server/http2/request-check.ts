/** What makes a request's header list malformed (RFC 9113 §8.2, §8.3): a stream error, whatever the layer above thinks of it. */
import type { HeaderList } from './hpack-decoder.ts';

/** Fields that belong to a connection, which HTTP/2 has no place for. */
const connectionFields = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** Judged once per list: lists are shared by equal requests. */
export function isWellFormedRequest(list: HeaderList): boolean {
  list.wellFormed ??= check(list.fields);
  return list.wellFormed;
}

function check(fields: readonly string[]): boolean {
  let method = 0;
  let scheme = 0;
  let path = 0;
  let authority = 0;
  let regular = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (!isFieldValue(value)) return false;
    if (name.charCodeAt(0) !== 0x3a) {
      regular = true;
      if (!isFieldName(name) || connectionFields.has(name) || (name === 'te' && value !== 'trailers')) return false;
      continue;
    }
    if (regular) return false;
    switch (name) {
      case ':method':
        method++;
        break;
      case ':scheme':
        scheme++;
        break;
      case ':path':
        path += value === '' ? 2 : 1;
        break;
      case ':authority':
        authority++;
        break;
      default:
        return false;
    }
  }
  return method === 1 && scheme === 1 && path === 1 && authority <= 1;
}

/** A trailer section holds no pseudo-header fields. */
export function isWellFormedTrailer(list: HeaderList): boolean {
  const { fields } = list;
  for (let i = 0; i < fields.length; i += 2) {
    if (!isFieldName(fields[i] as string) || !isFieldValue(fields[i + 1] as string)) return false;
  }
  return true;
}

/** A token without capitals. */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x3a || (code >= 0x41 && code <= 0x5a)) return false;
  }
  return name.length > 0;
}

function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code === 0x0a || code === 0x0d) return false;
  }
  return true;
}

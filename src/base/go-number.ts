/** Go's literals for integers and booleans, as strconv parses them with base 0: 0x1f, 0b1, 0o17, 017, 1_000. */
import type { Result } from './result.ts';
import { err, ok } from './result.ts';

/** 'syntax' is Go's ErrSyntax, 'range' its ErrRange. */
export type NumberError = 'syntax' | 'range';

/** strconv.ParseUint(text, 0, bits). */
export function parseGoUint(text: string, bits: 32 | 64): Result<bigint, NumberError> {
  const magnitude = parseMagnitude(text);
  if (magnitude === null) return err('syntax');
  return magnitude < 1n << BigInt(bits) ? ok(magnitude) : err('range');
}

/** strconv.ParseInt(text, 0, 64): an optional sign, then as parseGoUint. */
export function parseGoInt(text: string): Result<bigint, NumberError> {
  const negative = text.startsWith('-');
  const magnitude = parseMagnitude(negative || text.startsWith('+') ? text.slice(1) : text);
  if (magnitude === null) return err('syntax');
  if (magnitude > 2n ** 63n || (magnitude === 2n ** 63n && !negative)) return err('range');
  return ok(negative ? -magnitude : magnitude);
}

/** strconv.ParseBool; the error is the reason that Go's flag package gives. */
export function parseGoBool(text: string): Result<boolean, string> {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return ok(true);
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return ok(false);
  return err('parse error');
}

function parseMagnitude(text: string): bigint | null {
  const digits = text.replaceAll('_', '');
  if (/^(0|[1-9](_?[0-9])*|0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO](_?[0-7])+)$/.test(text)) return BigInt(digits);
  if (/^0(_?[0-7])+$/.test(text)) return BigInt(`0o${digits.slice(1)}`);
  return null;
}

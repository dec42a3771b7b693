/** Go's duration texts ("1h0m0s", "1.5s", "1µs"), which etcd uses in flags, environment, log fields and errors. */
import type { Result } from './result.ts';
import { err, ok } from './result.ts';

const nanosecondsPerUnit: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n], // U+00B5, micro sign
  ['μs', 1_000n], // U+03BC, Greek mu
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** The largest duration, as in Go: 2^63-1 ns, about 292 years. The smallest is one nanosecond further from zero. */
export const nanosecondsMax = 2n ** 63n - 1n;

/** A length of time with Go's resolution and range. Log fields of this type print as Go prints them. */
export class Duration {
  readonly nanoseconds: bigint;

  /** `nanoseconds` is clamped to Go's range, [-2^63, 2^63). */
  constructor(nanoseconds: bigint) {
    const lowest = -nanosecondsMax - 1n;
    this.nanoseconds = nanoseconds > nanosecondsMax ? nanosecondsMax : nanoseconds < lowest ? lowest : nanoseconds;
  }

  /** From a finite number of milliseconds, rounded to whole nanoseconds. */
  static fromMs(milliseconds: number): Duration {
    const whole = Math.trunc(milliseconds);
    return new Duration(BigInt(whole) * 1_000_000n + BigInt(Math.round((milliseconds - whole) * 1_000_000)));
  }

  /** In milliseconds; fractions are kept as far as a double can. */
  get ms(): number {
    return Number(this.nanoseconds / 1_000_000n) + Number(this.nanoseconds % 1_000_000n) / 1e6;
  }

  toString(): string {
    return formatDuration(this.nanoseconds);
  }
}

/** Parses Go's duration syntax into nanoseconds; fractions below 1 ns are cut off. The error is Go's text (time.ParseDuration). */
export function parseDuration(text: string): Result<bigint, string> {
  const invalid = err(`time: invalid duration ${quoteBytes(text)}`);
  const negative = text.startsWith('-');
  const unsigned = negative || text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return ok(0n);
  if (unsigned === '') return invalid;

  let total = 0n;
  for (let rest = unsigned; rest !== ''; ) {
    const part = /^([0-9]*)(?:\.([0-9]*))?([^0-9.]*)/.exec(rest);
    const [matched, whole, fraction, unit] = [part?.[0] ?? '', part?.[1] ?? '', part?.[2] ?? '', part?.[3] ?? ''];
    if (whole === '' && fraction === '') return invalid;
    if (unit === '') return err(`time: missing unit in duration ${quoteBytes(text)}`);
    const perUnit = nanosecondsPerUnit.get(unit);
    if (perUnit === undefined) return err(`time: unknown unit ${quoteBytes(unit)} in duration ${quoteBytes(text)}`);
    total += BigInt(whole) * perUnit + fractionOf(perUnit, fraction);
    if (total > nanosecondsMax + 1n) return invalid;
    rest = rest.slice(matched.length);
  }
  if (negative) return ok(-total);
  return total > nanosecondsMax ? invalid : ok(total);
}

/** Prints nanoseconds as Go's Duration.String does: "0s", "1µs", "2.5s", "1h0m0s". */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  const sign = nanoseconds < 0n ? '-' : '';
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (magnitude < 1_000n) return `${sign}${magnitude}ns`;
  if (magnitude < 1_000_000n) return `${sign}${decimal(magnitude, 3)}µs`;
  if (magnitude < 1_000_000_000n) return `${sign}${decimal(magnitude, 6)}ms`;

  const wholeSeconds = magnitude / 1_000_000_000n;
  const hours = wholeSeconds / 3_600n;
  const minutes = (wholeSeconds / 60n) % 60n;
  const seconds = decimal(magnitude % 60_000_000_000n, 9);
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** Eighteen digits are finer than a nanosecond of an hour; more would only cost time. */
const fractionDigitsMax = 18;

function fractionOf(perUnit: bigint, digits: string): bigint {
  if (digits === '') return 0n;
  const kept = digits.slice(0, fractionDigitsMax);
  return (BigInt(kept) * perUnit) / 10n ** BigInt(kept.length);
}

/** `value` × 10^-places without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  const whole = digits.slice(0, -places);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** The quoting of Go's time package: bytes outside printable ASCII as \xNN, unlike goQuote. */
function quoteBytes(text: string): string {
  let quoted = '"';
  for (const byte of Buffer.from(text)) {
    if (byte < 0x20 || byte >= 0x7f) quoted += `\\x${byte.toString(16).padStart(2, '0')}`;
    else if (byte === 0x22 || byte === 0x5c) quoted += `\\${String.fromCharCode(byte)}`;
    else quoted += String.fromCharCode(byte);
  }
  return `${quoted}"`;
}

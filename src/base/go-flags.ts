/**
 * Go's command-line flags as a value: a table of flags, and a parser that gives typed values or the exact error text of Go's
 * flag package. `-x` and `--x` are the same, `--x=v` and `--x v` too, a boolean takes its value only after `=`; the first
 * word that is no flag, or `--`, ends the flags.
 */
import { Duration, parseDuration } from './duration.ts';
import { parseGoBool, parseGoInt, parseGoUint } from './go-number.ts';
import { goQuote } from './go-quote.ts';
import type { Result } from './result.ts';
import { err, ok } from './result.ts';

/** What one flag accepts. Build with stringFlag, boolFlag, …, or by hand for a syntax of its own. */
export interface Flag<T> {
  readonly default: T;
  /** True if the flag may stand alone, meaning "true", and never takes the next word as its value. */
  readonly standsAlone: boolean;
  /** The value that `text` sets; `previous` is the one it replaces. The error is the reason after the last colon. */
  parse(text: string, previous: T): Result<T, string>;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** The value of every flag of a table, by name. */
export type FlagValues<T extends FlagTable> = { readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never };

export interface ParsedFlags<T extends FlagTable> {
  readonly values: FlagValues<T>;
  /** Names that the user gave, in the order of their first use. */
  readonly set: ReadonlySet<string>;
  /** What follows the flags. */
  readonly rest: readonly string[];
}

export type FlagError =
  /** -h or --help, when the table has no such flag. */
  | { readonly type: 'help' }
  /** Go's text, to be followed by the usage; Go programs exit 2. */
  | { readonly type: 'usage'; readonly message: string };

/** Parses `argv` (without the program's name). Stops at the first error, as Go does. */
export function parseFlags<T extends FlagTable>(table: T, argv: readonly string[]): Result<ParsedFlags<T>, FlagError> {
  const values = defaultValues(table);
  const set = new Set<string>();
  let next = 0;
  while (next < argv.length) {
    const word = argv[next] ?? '';
    if (word.length < 2 || !word.startsWith('-')) break;
    next++;
    if (word === '--') break;

    const body = word.slice(word.startsWith('--') ? 2 : 1);
    if (body === '' || body.startsWith('-') || body.startsWith('=')) return usage(`bad flag syntax: ${word}`);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    let text = equals < 0 ? undefined : body.slice(equals + 1);

    const flag = lookUp(table, name);
    if (flag === undefined) {
      if (name === 'help' || name === 'h') return err({ type: 'help' });
      return usage(`flag provided but not defined: -${name}`);
    }
    if (text === undefined && !flag.standsAlone) {
      text = argv[next++];
      if (text === undefined) return usage(`flag needs an argument: -${name}`);
    }
    const value = flag.parse(text ?? 'true', values[name]);
    if (!value.ok) return usage(badValue(flag, name, text, value.error));
    values[name] = value.value;
    set.add(name);
  }
  return ok({ values: typed(table, values), set, rest: argv.slice(next) });
}

/** Sets one flag as if the user had given it, from another source than the command line. The error is the bare reason. */
export function assignFlag<T extends FlagTable>(
  table: T,
  parsed: ParsedFlags<T>,
  name: keyof T & string,
  text: string,
): Result<ParsedFlags<T>, string> {
  const flag = lookUp(table, name);
  if (flag === undefined) return err(`no such flag -${name}`);
  const value = flag.parse(text, parsed.values[name]);
  if (!value.ok) return value;
  return ok({
    values: typed(table, { ...parsed.values, [name]: value.value }),
    set: new Set(parsed.set).add(name),
    rest: parsed.rest,
  });
}

export function stringFlag(initial: string): Flag<string> {
  return { default: initial, standsAlone: false, parse: (text) => ok(text) };
}

/** Go's strconv.ParseBool: 1, t, T, TRUE, true, True and their opposites. */
export function boolFlag(initial: boolean): Flag<boolean> {
  return { default: initial, standsAlone: true, parse: parseGoBool };
}

/** A signed 64-bit integer; values beyond ±(2^53-1) saturate there, which only limits of "endless" reach. */
export function intFlag(initial: number): Flag<number> {
  return { default: initial, standsAlone: false, parse: (text) => saturated(parseGoInt(text)) };
}

/** An unsigned 64-bit integer; values beyond 2^53-1 saturate there, which only limits of "endless" reach. */
export function uintFlag(initial: number): Flag<number> {
  return { default: initial, standsAlone: false, parse: (text) => saturated(parseGoUint(text, 64)) };
}

export function durationFlag(initial: string): Flag<Duration> {
  const parse = (text: string): Result<Duration, string> => {
    const nanoseconds = parseDuration(text);
    return nanoseconds.ok ? ok(new Duration(nanoseconds.value)) : err('parse error');
  };
  const value = parse(initial);
  return { default: value.ok ? value.value : new Duration(0n), standsAlone: false, parse };
}

/** One of `allowed`; the first is the default. */
export function enumFlag<const T extends readonly [string, ...string[]]>(...allowed: T): Flag<T[number]> {
  return {
    default: allowed[0],
    standsAlone: false,
    parse(text) {
      const found: T[number] | undefined = allowed.find((one) => one === text);
      return found === undefined ? err('invalid value') : ok(found);
    },
  };
}

/** The flag is known but means nothing any more: it takes no separate value, and any text after `=` is fine. */
export function ignoredFlag(): Flag<null> {
  return { default: null, standsAlone: true, parse: () => ok(null) };
}

function lookUp(table: FlagTable, name: string): Flag<unknown> | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function defaultValues(table: FlagTable): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null);
  for (const name in table) values[name] = table[name]?.default;
  return values;
}

function typed<T extends FlagTable>(_table: T, values: Record<string, unknown>): FlagValues<T> {
  return values as FlagValues<T>; // every value came out of the table's own default or parse
}

function badValue(flag: Flag<unknown>, name: string, text: string | undefined, reason: string): string {
  if (!flag.standsAlone) return `invalid value ${goQuote(text ?? '')} for flag -${name}: ${reason}`;
  if (text === undefined) return `invalid boolean flag ${name}: ${reason}`;
  return `invalid boolean value ${goQuote(text)} for -${name}: ${reason}`;
}

function usage(message: string): { readonly ok: false; readonly error: FlagError } {
  return err({ type: 'usage', message });
}

/** Go's flag package shortens the reasons of strconv to these two. */
function saturated(parsed: ReturnType<typeof parseGoInt>): Result<number, string> {
  if (!parsed.ok) return err(parsed.error === 'range' ? 'value out of range' : 'parse error');
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (parsed.value > limit) return ok(Number.MAX_SAFE_INTEGER);
  return ok(parsed.value < -limit ? Number.MIN_SAFE_INTEGER : Number(parsed.value));
}

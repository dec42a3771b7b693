/**
 * The command line: a command, flags before and after it in Go's spelling (one dash or two), and words. Pure.
 *
 * goreman's flags stand before the command, foreman's after it; `-p` is the one letter on which they differ, and so the place
 * decides: goreman's RPC port before, foreman's base port after.
 */
import type { Flag, FlagTable, FlagValues } from '../base/go-flags.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { suggest } from './suggest.ts';

export interface Syntax<T extends FlagTable> {
  readonly flags: T;
  /** Other spellings of flags, wherever they stand. */
  readonly aliases: Readonly<Record<string, keyof T & string>>;
  /** Other spellings that hold only before, or after, the command. */
  readonly aliasesBeforeCommand: Readonly<Record<string, keyof T & string>>;
  aliasesAfterCommand(command: string): Readonly<Record<string, keyof T & string>>;
  /** True if `word`, the first after the command, begins another program's command line: flags after it are that program's. */
  isVerbatim(command: string, word: string): boolean;
  /** True if the command reads flags itself that are not in the table: they stay among its words. */
  hasOwnFlags(command: string): boolean;
}

export interface Arguments<T extends FlagTable> {
  /** The first word; null if there is none. */
  readonly command: string | null;
  readonly words: readonly string[];
  readonly values: FlagValues<T>;
  /** Flags that were given. */
  readonly given: ReadonlySet<string>;
}

/** Parses the words after the program's name. The error is a sentence for the user. */
export function parseArguments<T extends FlagTable>(
  syntax: Syntax<T>,
  argv: readonly string[],
): Result<Arguments<T>, string> {
  const values = Object.fromEntries(Object.entries(syntax.flags).map(([name, flag]) => [name, flag.default]));
  const given = new Set<string>();
  const words: string[] = [];
  let command: string | null = null;

  for (let next = 0; next < argv.length; next++) {
    const word = argv[next] ?? '';
    if (word === '--') {
      const rest = argv.slice(next + 1);
      if (command === null) command = rest.shift() ?? null;
      words.push(...rest);
      break;
    }
    if (word.length < 2 || !word.startsWith('-')) {
      if (command === null) {
        command = word;
        continue;
      }
      words.push(word);
      if (words.length > 1 || !syntax.isVerbatim(command, word)) continue;
      words.push(...argv.slice(next + 1));
      break;
    }
    const { name, text } = splitFlag(word);
    const found = resolve(syntax, name, command);
    if (found === null && command !== null && syntax.hasOwnFlags(command)) {
      words.push(word);
      continue;
    }
    if (found === null) return err(unknownFlag(syntax, word, name));
    let value = text ?? (found.negated ? 'false' : undefined);
    if (value === undefined && found.flag.standsAlone) value = 'true';
    if (value === undefined) {
      value = argv[++next];
      if (value === undefined) return err(`flag ${dashed(word)} needs a value`);
    }
    const parsed = found.flag.parse(value, values[found.name]);
    if (!parsed.ok) return err(`invalid value ${JSON.stringify(value)} for flag ${dashed(word)}: ${parsed.error}`);
    values[found.name] = parsed.value;
    given.add(found.name);
  }
  // Every value came out of the table's own default or parse.
  return ok({ command, words, values: values as FlagValues<T>, given });
}

/** The flag that a word such as `-x`, `--x=text` or `--no-x` is after `command`; null if there is none of that name. */
export function findFlag<T extends FlagTable>(
  syntax: Syntax<T>,
  word: string,
  command: string | null,
): {
  readonly name: string;
  readonly flag: Flag<unknown>;
  readonly negated: boolean;
  readonly text: string | undefined;
} | null {
  const { name, text } = splitFlag(word);
  const found = resolve(syntax, name, command);
  return found === null ? null : { ...found, text };
}

function splitFlag(word: string): { readonly name: string; readonly text: string | undefined } {
  const body = word.replace(/^--?/, '');
  const equals = body.indexOf('=');
  return equals < 0 ? { name: body, text: undefined } : { name: body.slice(0, equals), text: body.slice(equals + 1) };
}

function resolve<T extends FlagTable>(
  syntax: Syntax<T>,
  name: string,
  command: string | null,
): { readonly name: string; readonly flag: Flag<unknown>; readonly negated: boolean } | null {
  const lookUp = (spelling: string) => {
    const here = command === null ? syntax.aliasesBeforeCommand : syntax.aliasesAfterCommand(command);
    const placed = own(here, spelling);
    const canonical = placed ?? own(syntax.aliases, spelling) ?? spelling;
    const flag = own(syntax.flags, canonical);
    return flag === undefined ? null : { name: canonical, flag };
  };
  const exact = lookUp(name);
  if (exact !== null) return { ...exact, negated: false };
  const positive = name.startsWith('no-') ? lookUp(name.slice('no-'.length)) : null;
  return positive?.flag.standsAlone === true ? { ...positive, negated: true } : null;
}

function own<V>(record: Readonly<Record<string, V>>, key: string): V | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function unknownFlag<T extends FlagTable>(syntax: Syntax<T>, word: string, name: string): string {
  const known = [...Object.keys(syntax.flags), ...Object.keys(syntax.aliases)].filter((one) => one.length > 1);
  const near = suggest(name, known);
  return `unknown flag ${dashed(word)}${near === null ? '' : `: did you mean --${near}?`}`;
}

function dashed(word: string): string {
  return word.split('=')[0] ?? word;
}

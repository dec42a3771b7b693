/**
 * What is searched for: a regular expression, as `clusterctl logs --grep` takes it, tried on the line as the process wrote it. With
 * `=` in it also on the line as the pane shows it, where fields are `name=value`. Pure but for Buffer.
 */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

export interface Query {
  readonly pattern: string;
  readonly ignoreCase: boolean;
  /** For one line; has no state between tests. */
  readonly regex: RegExp;
  /**
   * Bytes that every line has that matches; null: none are known. With `asShown` that holds only for lines in which JSON has escaped
   * nothing by its code (`\\u0074` for `t`).
   */
  readonly literal: Buffer | null;
  /** Whether trying it on a line may take for ever. */
  readonly mayRunAway: boolean;
  /** Whether lines match, too, that do so only as they are shown. */
  readonly asShown: boolean;
}

/** More cannot be typed. */
const patternCharactersMax = 500;

/** `pattern` is not empty. The error is for the user. */
export function parseQuery(pattern: string, ignoreCase: boolean): Result<Query, string> {
  if (pattern.length > patternCharactersMax) return err(`longer than ${patternCharactersMax} characters`);
  try {
    const regex = new RegExp(pattern, ignoreCase ? 'iu' : 'u');
    const asShown = pattern.includes('=');
    const literal = asShown ? nameOf(pattern, ignoreCase) : literalOf(pattern, ignoreCase);
    return ok({ pattern, ignoreCase, regex, literal, mayRunAway: repeats.test(pattern), asShown });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return err(text.replace(/^Invalid regular expression: \/.*\/[a-z]*: /su, ''));
  }
}

/** Without these, a pattern cannot be tried on a text in more ways than the text has places. */
const repeats = /[*+?{]/;

/** Characters that mean something else than themselves. */
const special = /[\\^$.*+?()[\]{}|/]/;
/** What only repeats the character before it, zero times perhaps. */
const optional = /[*?{]/;

/** What stands before `=` comes from one place in the line, and is there as it is shown: the end of a name. */
function nameOf(pattern: string, ignoreCase: boolean): Buffer | null {
  const before = literalOf(pattern, ignoreCase)?.toString().split('=', 1)[0] ?? '';
  const name = /[\w-]*$/.exec(before)?.[0] ?? '';
  return name.length < literalCharactersMin ? null : Buffer.from(name);
}

function literalOf(pattern: string, ignoreCase: boolean): Buffer | null {
  if (pattern.replaceAll(/\\./gsu, '').includes('|')) return null;
  const characters = [...pattern.replace(/^\^/, '')];
  let literal: string[] = [];
  for (let at = 0; at < characters.length; at++) {
    let character = characters[at] ?? '';
    if (character === '\\' && special.test(characters[at + 1] ?? '')) character = characters[++at] ?? '';
    else if (special.test(character)) break;
    if (optional.test(characters[at + 1] ?? '')) break;
    literal.push(character);
    if (characters[at + 1] === '+') break;
  }
  // A byte that is not UTF-8 is read as this character.
  const bad = literal.indexOf('\ufffd');
  if (bad >= 0) literal = literal.slice(0, bad);
  if (ignoreCase) {
    const cased = literal.findIndex((character) => /\p{L}|[^\0-\x7f]/u.test(character));
    if (cased >= 0) literal = literal.slice(0, cased);
  }
  return literal.length < literalCharactersMin ? null : Buffer.from(literal.join(''));
}

/** One character is in every line. */
const literalCharactersMin = 2;

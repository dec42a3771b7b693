/**
 * Parses `.env` files by the rules of goreman (godotenv) or of foreman, collecting every problem. Both silently drop what they
 * do not understand, goreman the whole file: here each such line is a problem with its place. Pure.
 */
import { unreachable } from '../../base/assert.ts';
import { characters } from '../procfile/lex.ts';
import type { Problem } from '../procfile/problem.ts';

export type EnvRules = 'goreman' | 'foreman';

export interface Assignment {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

export interface EnvFile {
  readonly file: string;
  /** In file order; of two with one key the last counts. */
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
}

/** Never throws on user input. */
export function parseEnvFile(file: string, text: string, rules: EnvRules): EnvFile {
  const body = (text.startsWith('\ufeff') ? text.slice(1) : text).replaceAll('\r\n', '\n');
  switch (rules) {
    case 'goreman':
      return new GoremanParser(file, body).parse();
    case 'foreman':
      return parseForeman(file, body);
    default:
      return unreachable(rules);
  }
}

/** `KEY=value`, `KEY: value`, an `export` before it, blanks around all, quotes over several lines, $KEY of earlier keys. */
class GoremanParser {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  readonly #assignments: Assignment[] = [];
  readonly #problems: Problem[] = [];
  readonly #values = new Map<string, string>();

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  parse(): EnvFile {
    while (this.#at < this.#text.length) this.#statement();
    return { file: this.#file, assignments: this.#assignments, problems: this.#problems };
  }

  #statement(): void {
    const start = this.#at;
    const line = this.#restOfLine();
    if (/^\s*(?:#|$)/.test(line)) {
      this.#skipLine();
      return;
    }
    const head = /^[^\S\n]*(?:export[^\S\n]+)?([\w.]+)[^\S\n]*[=:][^\S\n]*/.exec(line);
    const key = head?.[1];
    if (head === null || key === undefined) {
      const blanks = line.length - line.trimStart().length;
      this.#report(start + blanks, 'not-an-assignment', 'not an assignment', 'write KEY=value, or # before a comment');
      this.#skipLine();
      return;
    }
    this.#at = start + head[0].length;
    const value = this.#value(key);
    if (value === null) return;
    this.#values.set(key, value);
    this.#assignments.push({ key, value, line: this.#lineOf(start) });
  }

  /** Reads a value up to the end of its line; null after reporting what is wrong with it. */
  #value(key: string): string | null {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") {
      const value = this.#restOfLine().replace(/(?:^|\s+)#.*$/, '');
      this.#skipLine();
      return this.#expand(value.trim());
    }
    const start = this.#at;
    const end = this.#closingQuote(quote);
    if (end < 0) {
      this.#report(start, 'unterminated', `the quote of ${key} is never closed`, `add a ${quote}`);
      this.#skipLine();
      return null;
    }
    const inner = this.#text.slice(start + 1, end);
    this.#at = end + 1;
    const rest = this.#restOfLine();
    if (!/^\s*(?:#|$)/.test(rest)) {
      this.#report(end + 1, 'after-quote', `text after the closing quote of ${key}`, 'quote the whole value');
      this.#skipLine();
      return null;
    }
    this.#skipLine();
    return quote === "'" ? inner : this.#expand(unescapeGoreman(inner));
  }

  #closingQuote(quote: string): number {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      if (this.#text[at] === '\\') at++;
      else if (this.#text[at] === quote) return at;
    }
    return -1;
  }

  /** Only keys that the file set before: the environment does not leak in, as in goreman. */
  #expand(value: string): string {
    return value.replace(/(\\)?\$(?:\{(\w+)\}|(\w+))/g, (all: string, escaped, braced, bare) =>
      escaped === undefined ? (this.#values.get(braced ?? bare) ?? '') : all.slice(1),
    );
  }

  #restOfLine(): string {
    const end = this.#text.indexOf('\n', this.#at);
    return this.#text.slice(this.#at, end < 0 ? undefined : end);
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
  }

  #lineOf(position: number): number {
    return this.#text.slice(0, position).split('\n').length;
  }

  #report(position: number, code: string, message: string, hint: string): void {
    const column = characters(this.#text.slice(this.#text.lastIndexOf('\n', position - 1) + 1, position)) + 1;
    const line = this.#lineOf(position);
    this.#problems.push({ file: this.#file, line, column, severity: 'error', code, message, hint });
  }
}

/** `\n` and `\r` are line ends, any other escaped character is itself; `\$` is left for expansion to see. */
function unescapeGoreman(text: string): string {
  return text.replace(/\\([^$])/gs, (_, character: string) =>
    character === 'n' ? '\n' : character === 'r' ? '\r' : character,
  );
}

/** `KEY=value` without a blank before or around: all else is dropped, with a warning. A value is quoted whole or not at all. */
function parseForeman(file: string, text: string): EnvFile {
  const assignments: Assignment[] = [];
  const problems: Problem[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [, key, raw] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && raw !== undefined) {
      assignments.push({ key, value: foremanValue(raw), line: index + 1 });
      continue;
    }
    const message = 'ignored: not KEY=value from the start of the line on';
    problems.push({ file, line: index + 1, column: 1, severity: 'warning', code: 'not-an-assignment', message });
  }
  return { file, assignments, problems };
}

function foremanValue(raw: string): string {
  const single = /^'(.*)'$/.exec(raw)?.[1];
  if (single !== undefined) return single;
  const double = /^"(.*)"$/.exec(raw)?.[1];
  return double === undefined ? raw : unescapeForeman(double);
}

function unescapeForeman(text: string): string {
  return text.replaceAll('\\n', '\n').replace(/\\(.)/g, '$1');
}

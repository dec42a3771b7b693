/**
 * JSON as etcd writes and reads it. Go prints 64-bit ids as bare numbers, which JSON.parse would round, and escapes more than
 * JSON.stringify does; both matter, because member JSON is part of replicated entries and must be byte-identical everywhere. [pure]
 */

/** Integers beyond 2^53 are bigint, all other numbers are number. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** The text is not JSON; the message says what and where. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** Deeper documents are refused: what members exchange is flat, and the parser recurses. */
export const jsonDepthMax = 100;

/** Parses one JSON document. Throws JsonError. */
export function parseJson(text: string): JsonValue {
  const parser = new Parser(text);
  const value = parser.value(1);
  parser.end();
  return value;
}

const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const space = /[ \t\r\n]*/y;

class Parser {
  private readonly text: string;
  private pos = 0;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): JsonValue {
    if (depth > jsonDepthMax) throw new JsonError('exceeded max depth');
    this.match(space);
    switch (this.text[this.pos]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  end(): void {
    this.match(space);
    if (this.pos !== this.text.length) this.fail('after top-level value');
  }

  private object(depth: number): JsonValue {
    const members: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>; // no inherited keys
    this.pos++;
    if (this.skip('}')) return members;
    do {
      this.match(space);
      const key = this.string();
      if (!this.skip(':')) this.fail('after object key');
      members[key] = this.value(depth + 1);
    } while (this.skip(','));
    if (!this.skip('}')) this.fail('after object key:value pair');
    return members;
  }

  private array(depth: number): JsonValue {
    const items: JsonValue[] = [];
    this.pos++;
    if (this.skip(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.skip(','));
    if (!this.skip(']')) this.fail('after array element');
    return items;
  }

  private string(): string {
    const quoted = this.match(string);
    if (quoted === null) this.fail('looking for a string');
    return JSON.parse(quoted) as string; // the pattern admits nothing but JSON strings
  }

  private number(): number | bigint {
    const digits = this.match(number);
    if (digits === null || digits === '') this.fail('looking for beginning of value');
    const value = Number(digits);
    return Number.isSafeInteger(value) || /[.eE]/.test(digits) ? value : BigInt(digits);
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.pos)) this.fail(`in literal ${word}`);
    this.pos += word.length;
    return value;
  }

  /** Steps over white space and `character`; false if something else comes. */
  private skip(character: string): boolean {
    this.match(space);
    if (this.text[this.pos] !== character) return false;
    this.pos++;
    return true;
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.pos;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.pos += found[0].length;
    return found[0];
  }

  private fail(where: string): never {
    const character = this.text[this.pos];
    if (character === undefined) throw new JsonError('unexpected end of JSON input');
    throw new JsonError(`invalid character '${character}' ${where}`);
  }
}

/** A JSON string as Go's encoding/json prints it: <, >, &, U+2028 and U+2029 are escaped, broken surrogates become \ufffd. */
export function goJsonString(text: string): string {
  return `"${text
    .split(/\p{Surrogate}/u)
    .map(escaped)
    .join('\\ufffd')}"`;
}

function escaped(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A JSON array of strings as Go prints it. */
export function goJsonStrings(texts: readonly string[]): string {
  return `[${texts.map(goJsonString).join(',')}]`;
}

/**
 * Splits a Procfile into lines as goreman does: everything before the first `:` is the name, everything after it the command,
 * both trimmed; a name that begins with `#` makes the line a comment.
 */

export type Line =
  | { readonly type: 'blank'; readonly line: number }
  | { readonly type: 'comment'; readonly line: number }
  /** A name and a command; either may be empty. */
  | {
      readonly type: 'pair';
      readonly line: number;
      readonly name: Piece;
      readonly command: Piece;
    }
  /** Text without a `:`. */
  | { readonly type: 'text'; readonly line: number; readonly text: Piece };

/** A trimmed piece of a line. */
export interface Piece {
  readonly text: string;
  /** Where the piece begins, or would begin, in characters (code points) from 1. */
  readonly column: number;
}

/** Lines in file order, counted from 1. A byte order mark and carriage returns are no part of any piece. */
export function lexProcfile(text: string): Line[] {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  return body.split('\n').map((line, index) => lexLine(line, index + 1));
}

function lexLine(text: string, line: number): Line {
  if (text.trim() === '') return { type: 'blank', line };
  if (text.trimStart().startsWith('#')) return { type: 'comment', line };

  const colon = text.indexOf(':');
  if (colon < 0) return { type: 'text', line, text: piece(text, 0, text.length) };
  return { type: 'pair', line, name: piece(text, 0, colon), command: piece(text, colon + 1, text.length) };
}

function piece(line: string, from: number, to: number): Piece {
  const raw = line.slice(from, to);
  const start = from + (raw.trim() === '' ? 0 : raw.length - raw.trimStart().length);
  return { text: raw.trim(), column: characters(line.slice(0, start)) + 1 };
}

/** Code points in a text. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

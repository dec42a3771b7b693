/** Rows of painted text: text and SGR sequences, measured and cut by what is seen of them. Pure. */
import { displayWidth } from '../../supervisor/display-width.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
const sgr = /\x1b\[[\d;:]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
const pieces = /(\x1b\[[\d;:]*m)/;

export function plainText(row: string): string {
  return row.includes('\x1b') ? row.replace(sgr, '') : row;
}

export function visibleWidth(row: string): number {
  const text = plainText(row);
  // ASCII is by far the most: one column for each.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant.
  return /^[\x00-\x7f]*$/.test(text) ? text.length : displayWidth(text);
}

export function padRow(row: string, width: number): string {
  const missing = width - visibleWidth(row);
  return missing > 0 ? `${row}\x1b[0m${' '.repeat(missing)}` : row;
}

/** The columns from `from` up to, and without, `to`, in the styles that they have; a wide character cut in half becomes a space. */
export function sliceRow(row: string, from: number, to: number): string {
  let style = '';
  let column = 0;
  let taken = '';
  let opened = false;
  for (const piece of row.split(pieces)) {
    if (piece.startsWith('\x1b[')) {
      style = /^.\[0*m$/s.test(piece) ? '' : style + piece;
      if (opened) taken += piece;
      continue;
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant.
    if (/^[\x00-\x7f]*$/.test(piece)) {
      const part = piece.slice(Math.max(0, from - column), Math.max(0, to - column));
      if (part !== '' && !opened) taken += style;
      opened ||= part !== '';
      taken += part;
      column += piece.length;
      continue;
    }
    for (const character of piece) {
      const width = displayWidth(character);
      const next = column + width;
      if (next > from && column < to) {
        if (!opened) {
          taken += style;
          opened = true;
        }
        taken += column < from || next > to ? ' '.repeat(Math.min(next, to) - Math.max(column, from)) : character;
      }
      column = next;
    }
  }
  return taken === '' ? '' : `${taken}\x1b[0m`;
}

/** `over` in the place of the columns from `column` on, `width` of them. */
export function overlayRow(row: string, over: string, column: number, width: number, rowWidth: number): string {
  const under = padRow(row, rowWidth);
  return `${sliceRow(under, 0, column)}${padRow(over, width)}\x1b[0m${sliceRow(under, column + width, rowWidth)}`;
}

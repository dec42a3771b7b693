/**
 * A text with styles, cut into rows of a screen by columns: wide characters are never halved, marks stay with the character they
 * belong to. Pure.
 */
import { displayWidth } from '../../supervisor/display-width.ts';
import type { StyleName, Theme } from '../theme.ts';
import type { Span } from './line-text.ts';

/** Part of a text: from and to in UTF-16 units. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A range that looks different from what its spans say. */
export interface Highlight extends Range {
  readonly style: StyleName;
}

export interface StyledLine {
  readonly text: string;
  /** In order, each up to `to`; the last to the end of the text. */
  readonly runs: readonly { readonly to: number; readonly style: StyleName; readonly sgr: string }[];
  /** Every character takes one column. */
  readonly isPlain: boolean;
}

const tabColumns = 8;
/** Text of which every character takes one column. */
export const printable = /^[\x20-\x7e]*$/;

/** Joins spans; tabs become the spaces up to the next stop. */
export function styledLine(spans: readonly Span[]): StyledLine {
  const runs: { to: number; style: StyleName; sgr: string }[] = [];
  let text = '';
  for (const span of spans) {
    text += span.text.includes('\t') ? withoutTabs(span.text, displayWidth(text)) : span.text;
    runs.push({ to: text.length, style: span.style, sgr: span.sgr });
  }
  return { text, runs, isPlain: printable.test(text) };
}

function withoutTabs(text: string, column: number): string {
  const parts = text.split('\t');
  let result = parts[0] ?? '';
  for (const part of parts.slice(1)) {
    const at = column + displayWidth(result);
    result += ' '.repeat(tabColumns - (at % tabColumns)) + part;
  }
  return result;
}

/** How much of the text from `from` on goes into `columns` columns. */
export function columnsFrom(
  line: StyledLine,
  from: number,
  columns: number,
): { readonly to: number; readonly columns: number } {
  if (line.isPlain) {
    const to = Math.min(line.text.length, from + columns);
    return { to, columns: to - from };
  }
  let to = from;
  let used = 0;
  while (to < line.text.length) {
    const character = String.fromCodePoint(line.text.codePointAt(to) ?? 0);
    const width = displayWidth(character);
    if (used + width > columns) break;
    used += width;
    to += character.length;
  }
  return { to, columns: used };
}

/** The rows that the text takes: `first` columns for the first of them, `others` for the others. At least one row. */
export function wrapped(line: StyledLine, first: number, others: number): readonly Range[] {
  const rows: Range[] = [];
  let from = 0;
  do {
    const { to } = columnsFrom(line, from, rows.length === 0 ? first : others);
    const end = to > from ? to : from + unitsOfOne(line.text, from);
    rows.push({ from, to: end });
    from = end;
  } while (from < line.text.length);
  return rows;
}

/** Of a wide character that has a row of one column to itself, and is not drawn there. */
function unitsOfOne(text: string, at: number): number {
  return Math.min(text.length - at, String.fromCodePoint(text.codePointAt(at) ?? 0).length);
}

/** A part of the text with its styles. */
export function paintRange(line: StyledLine, range: Range, highlights: readonly Highlight[], theme: Theme): string {
  let result = '';
  let at = range.from;
  let run = line.runs.findIndex(({ to }) => to > at);
  while (at < range.to && run >= 0) {
    const current = line.runs[run];
    if (current === undefined) break;
    const highlight = highlights.find(({ to }) => to > at);
    const isInside = highlight !== undefined && highlight.from <= at;
    const stop = highlight === undefined ? range.to : isInside ? highlight.to : highlight.from;
    const to = Math.min(range.to, current.to, stop);
    const text = line.text.slice(at, to);
    if (isInside) result += theme.paint(highlight.style, text);
    else if (current.sgr !== '' && theme.name !== 'mono') result += `\x1b[${current.sgr}m${text}\x1b[0m`;
    else result += theme.paint(current.style, text);
    at = to;
    if (current.to <= at) run++;
  }
  return result;
}

/** Where a pattern matches, in order; empty matches show nothing. At most `matchesMax`. */
export function matchesIn(line: StyledLine, regex: RegExp, style: StyleName): readonly Highlight[] {
  const all = new RegExp(regex.source, `${regex.flags}g`);
  const found: Highlight[] = [];
  for (const match of line.text.matchAll(all)) {
    if (match[0] !== '') found.push({ from: match.index, to: match.index + match[0].length, style });
    if (found.length >= matchesMax) break;
  }
  return found;
}

/** More are not seen on one line. */
const matchesMax = 500;

/** One log line as rows of the pane: time, name, level and message, cut or wrapped. Pure. */
import { displayWidth } from '../../supervisor/display-width.ts';
import type { HistoryStream } from '../../supervisor/history-format.ts';
import type { StyleName, Theme } from '../theme.ts';
import { processStyle } from '../theme.ts';
import type { Level } from './level.ts';
import { levelOf } from './level.ts';
import { lineSpans } from './line-text.ts';
import type { Highlight, Range, StyledLine } from './styled-line.ts';
import { columnsFrom, paintRange, printable, styledLine, wrapped } from './styled-line.ts';

/** How lines are laid out. */
export interface RowOptions {
  readonly width: number;
  readonly wrap: boolean;
  /** Zap lines as they were written. */
  readonly raw: boolean;
  /** Columns of the message that are left out on the left, if it is not wrapped. */
  readonly offset: number;
  /** Columns for names. */
  readonly nameWidth: number;
}

/** What a line says of itself and its process. */
export interface LineFacts {
  readonly timeMs: number;
  readonly name: string;
  readonly colourIndex: number;
  readonly stream: HistoryStream;
  readonly bytes: Buffer;
  /** Of the whole line; more than `bytes` if that is only its beginning. */
  readonly length: number;
}

export interface LineRows {
  readonly facts: LineFacts;
  readonly level: Level;
  readonly body: StyledLine;
  /** Parts of the body, one for each row. */
  readonly ranges: readonly Range[];
}

/** How a row stands out. */
export interface RowMarks {
  readonly highlights: readonly Highlight[];
  /** The line matches, though perhaps in what is not shown of it. */
  readonly matches: boolean;
  readonly selected: boolean;
}

/** In fewer columns, the time is left out … */
const timeWidthMin = 50;
/** … and has milliseconds from so many. */
const millisecondsWidthMin = 110;
const nameColumnsMax = 16;
/** The message has as many columns at least, whatever is left out for it. */
const bodyWidthMin = 20;

/** Columns that names take. */
export function nameColumns(names: readonly string[], width: number): number {
  const widest = Math.max(0, ...names.map(displayWidth));
  return Math.min(widest, nameColumnsMax, Math.max(0, Math.floor(width / 4)));
}

export function lineRows(facts: LineFacts, options: RowOptions): LineRows {
  const { bytes, length, stream } = facts;
  const level = stream === 'n' ? 'note' : levelOf(bytes, 0, bytes.length);
  const text = bytes.toString('utf8');
  const cut = length > bytes.length ? [{ text: ` … ${length} bytes`, style: 'dim' as const, sgr: '' }] : [];
  const spans = lineSpans(text, options.raw || stream === 'n').map((span) =>
    stream === 'n' && span.sgr === '' ? { ...span, style: 'accent' as const } : span,
  );
  const body = styledLine([...spans, ...cut]);
  const bodyWidth = options.width - prefixWidth(options);
  const ranges = options.wrap ? wrapped(body, bodyWidth, bodyWidth) : [visible(body, options.offset, bodyWidth)];
  return { facts, level, body, ranges };
}

function visible(body: StyledLine, offset: number, width: number): Range {
  const from = offset === 0 ? 0 : columnsFrom(body, 0, offset).to;
  return { from, to: columnsFrom(body, from, width).to };
}

/** Columns before the message. */
function prefixWidth(options: RowOptions): number {
  const width = timeText(0, options.width).length + (options.nameWidth > 0 ? options.nameWidth + 1 : 0) + 2;
  return options.width - width >= bodyWidthMin ? width : 0;
}

/** The `row`th row of a line. */
export function paintRow(rows: LineRows, row: number, options: RowOptions, marks: RowMarks, theme: Theme): string {
  const range = rows.ranges[row] ?? { from: 0, to: 0 };
  const prefix = prefixWidth(options);
  const paint = marks.selected ? selecting(theme) : theme;
  const body = cutBody(rows.body, range, options, prefix, marks, paint);
  if (prefix === 0) return body;
  if (row > 0) return paint.paint('text', ' '.repeat(prefix)) + body;
  const { timeMs, name, colourIndex } = rows.facts;
  const time = timeText(timeMs, options.width);
  const hidden = marks.matches && marks.highlights.length === 0;
  return (
    (time === '' ? '' : paint.paint(hidden ? 'match' : 'dim', time.trimEnd()) + paint.paint('text', ' ')) +
    (options.nameWidth === 0 ? '' : paint.paint(processStyle(colourIndex), `${padded(name, options.nameWidth)} `)) +
    paint.paint(levelStyles[rows.level], `${levelLetters[rows.level]} `) +
    body
  );
}

/** The message, with an ellipsis where it is cut. */
function cutBody(
  body: StyledLine,
  range: Range,
  options: RowOptions,
  prefix: number,
  { highlights }: RowMarks,
  theme: Theme,
): string {
  const width = options.width - prefix;
  if (options.wrap) {
    const isWhole = columnsFrom(body, range.from, width).to >= range.to;
    return isWhole ? paintRange(body, range, highlights, theme) : theme.paint('dim', '…');
  }
  const cutLeft = range.from > 0 && range.to > range.from && width > 2;
  const cutRight = range.to < body.text.length;
  const from = cutLeft ? columnsFrom(body, range.from, 1).to : range.from;
  const to = cutRight ? columnsFrom(body, from, Math.max(0, width - 1 - (cutLeft ? 1 : 0))).to : range.to;
  const middle = paintRange(body, { from, to: Math.max(from, to) }, highlights, theme);
  return (cutLeft ? theme.paint('dim', '…') : '') + middle + (cutRight ? theme.paint('dim', '…') : '');
}

/** All in the style of what is selected, but for matches. */
function selecting(theme: Theme): Theme {
  return {
    name: 'mono', // so that a process's own colours do not hide it
    paint: (style, text) => theme.paint(style === 'match' || style === 'current-match' ? style : 'selected', text),
  };
}

/** A mark across the pane. */
export function markRow(timeMs: number, width: number, theme: Theme): string {
  const text = `── mark ${clock(timeMs, false)} `;
  return theme.paint('accent', (text + '─'.repeat(Math.max(0, width - text.length))).slice(0, width));
}

const levelLetters: Readonly<Record<Level, string>> = {
  debug: 'D',
  info: ' ',
  warn: 'W',
  error: 'E',
  unknown: '?',
  note: '*',
};

const levelStyles: Readonly<Record<Level, StyleName>> = {
  debug: 'dim',
  info: 'dim',
  warn: 'warn',
  error: 'bad',
  unknown: 'dim',
  note: 'accent',
};

/** With a space behind it; empty if there is no room. */
function timeText(timeMs: number, width: number): string {
  return width < timeWidthMin ? '' : `${clock(timeMs, width >= millisecondsWidthMin)} `;
}

/** `15:04:05`, local time, with `.123` on request. */
export function clock(timeMs: number, milliseconds: boolean): string {
  const time = new Date(timeMs);
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return parts.join(':') + (milliseconds ? `.${String(time.getMilliseconds()).padStart(3, '0')}` : '');
}

function padded(name: string, columns: number): string {
  if (printable.test(name)) return name.length <= columns ? name.padEnd(columns) : `${name.slice(0, columns - 1)}…`;
  if (displayWidth(name) <= columns) return name + ' '.repeat(columns - displayWidth(name));
  const line = styledLine([{ text: name, style: 'text', sgr: '' }]);
  const { to, columns: used } = columnsFrom(line, 0, columns - 1);
  return `${name.slice(0, to)}…${' '.repeat(Math.max(0, columns - 1 - used))}`;
}

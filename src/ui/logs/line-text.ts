/**
 * What a log line looks like: the message and the fields of a zap line in short, any other line as it is but for what it could do to
 * the screen. Pure.
 */
import { containedText } from '../../supervisor/line-format.ts';
import type { ZapLine } from '../../supervisor/observe/zap.ts';
import { parseZapLine } from '../../supervisor/observe/zap.ts';
import type { StyleName } from '../theme.ts';

/** A run of text of one style; `sgr` are the parameters of the process's own colours, and take precedence. */
export interface Span {
  readonly text: string;
  readonly style: StyleName;
  readonly sgr: string;
}

/** `line` without its end. With `raw`, zap lines are shown as they were written. */
export function lineSpans(line: string, raw: boolean): readonly Span[] {
  const zap = raw ? null : parseZapLine(line);
  return zap === null ? plainSpans(line) : zapSpans(zap);
}

/** The same without styles. */
export function shownText(line: string): string {
  return lineSpans(line, false)
    .map(({ text }) => text)
    .join('');
}

function zapSpans({ msg, fields }: ZapLine): readonly Span[] {
  const spans: Span[] = [span('text', escaped(msg))];
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'logger') continue; // raft, on every line of it: what the message says anyway
    spans.push(span('dim', ` ${escaped(key)}=`), span(key === 'error' ? 'warn' : 'dim', valueText(value)));
  }
  return spans;
}

const bare = /^[\w./:@%+,~#-]+$/;

function valueText(value: unknown): string {
  if (typeof value === 'string' && bare.test(value)) return value;
  return escaped(JSON.stringify(value));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const style = /\x1b\[([\d;:]*)m/g;

/** Keeps the line's own colours. */
function plainSpans(line: string): readonly Span[] {
  const text = containedText(line);
  if (!text.includes('\x1b')) return [span('text', harmless(text))];
  const spans: Span[] = [];
  let sgr = '';
  let at = 0;
  for (const match of text.matchAll(style)) {
    if (match.index > at) spans.push({ text: harmless(text.slice(at, match.index)), style: 'text', sgr });
    sgr = after(sgr, match[1] ?? '');
    at = match.index + match[0].length;
  }
  if (at < text.length) spans.push({ text: harmless(text.slice(at)), style: 'text', sgr });
  return spans;
}

/** The style that holds after another sequence. */
function after(sgr: string, parameters: string): string {
  const isReset = parameters === '' || /^0*$/.test(parameters);
  if (isReset) return '';
  const both = /^0+;/.test(parameters) || sgr === '' ? parameters : `${sgr};${parameters}`;
  return both.length > sgrCharactersMax ? parameters.slice(0, sgrCharactersMax) : both;
}

/** Of a line that changes its colours without end, older changes are forgotten. */
const sgrCharactersMax = 64;

function span(name: StyleName, text: string): Span {
  return { text, style: name, sgr: '' };
}

/** What some terminals obey (C1 controls), what turns text around, separators, halves of characters. Tabs are kept. */
const harmful = /[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;

function harmless(text: string): string {
  return text.replace(harmful, '\ufffd');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const controls = /[\0-\x1f\x7f]/g;

/** Text from within JSON, where controls can be anything, and no longer mean what they do in a stream. */
function escaped(text: string): string {
  return harmless(text).replace(controls, (control) => JSON.stringify(control).slice(1, -1).replace('\x7f', '\\u007f'));
}

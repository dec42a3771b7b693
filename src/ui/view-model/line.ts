/** Text as the view models make it: pieces with the name of a style, in lines of known width. Pure. */
import { displayWidth } from '../../supervisor/display-width.ts';
import type { StyleName, Theme } from '../theme.ts';

export interface Span {
  readonly text: string;
  readonly style: StyleName;
}

export type Line = readonly Span[];

export function span(text: string, style: StyleName = 'text'): Span {
  return { text, style };
}

/** Control characters of a name or a message must not reach the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
  return text.replace(/[\0-\x1f\x7f-\x9f]/g, '·');
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, one) => sum + displayWidth(one.text), 0);
}

/** The beginning of `text` that takes `width` columns at most, the last of them `…` if something is left out. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return '';
  let taken = '';
  let used = 0;
  for (const character of text) {
    const columns = displayWidth(character);
    if (used + columns > width - 1) break;
    taken += character;
    used += columns;
  }
  return `${taken}…`;
}

/** Exactly `width` columns. */
export function padTo(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const clipped = clip(text, width);
  const padding = ' '.repeat(Math.max(0, width - displayWidth(clipped)));
  return align === 'left' ? clipped + padding : padding + clipped;
}

/** The beginning of the line that takes `width` columns at most. */
export function clipLine(line: Line, width: number): Line {
  if (lineWidth(line) <= width) return line;
  const clipped: Span[] = [];
  let left = width;
  for (const one of line) {
    const columns = displayWidth(one.text);
    if (columns > left || (columns === left && one !== line.at(-1))) {
      clipped.push({ ...one, text: clip(`${one.text}…`, left) });
      break;
    }
    clipped.push(one);
    left -= columns;
  }
  return clipped;
}

/** Exactly `width` columns; the padding has the style `fill`. */
export function padLine(line: Line, width: number, fill: StyleName = 'text'): Line {
  const clipped = clipLine(line, width);
  const missing = width - lineWidth(clipped);
  return missing > 0 ? [...clipped, span(' '.repeat(missing), fill)] : clipped;
}

/** `left` and `right` at the two ends of `width` columns; what does not fit is cut off the left one. */
export function spread(left: Line, right: Line, width: number, fill: StyleName = 'text'): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth >= width) return padLine(right, width, fill);
  return [...padLine(left, width - rightWidth, fill), ...right];
}

export function paintLine(line: Line, theme: Theme): string {
  return line.map((one) => theme.paint(one.style, one.text)).join('');
}

/** Words in lines of `width` columns at most; a longer word is clipped. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (displayWidth(longer) <= width) line = longer;
    else {
      if (line !== '') lines.push(line);
      line = clip(word, width);
    }
  }
  lines.push(line);
  return lines;
}

/**
 * Puts a prefix before every line of a block. Hot path: `latin1` maps bytes to characters one to one, so invalid UTF-8 goes
 * through untouched, and one replaceAll beats any loop over lines (measured: 4.9 M lines/s against 4.3 M for indexOf and copy).
 * Pure but for Buffer.
 */
import { displayWidth } from './display-width.ts';

/** goreman's order, by the position in the Procfile: green, cyan, magenta, yellow, blue, red. */
const palette = [32, 36, 35, 33, 34, 31];

export interface LineStyle {
  /** Colours for the prefix. */
  readonly colour: boolean;
  /** `HH:MM:SS ` before the name. */
  readonly timestamps: boolean;
  /** Columns of the widest name; shorter ones are aligned right. */
  readonly nameWidth: number;
}

export interface OutputStyle extends LineStyle {
  /** Escape sequences of the child are contained: a terminal shows them, or whoever wants colours. */
  readonly contained: boolean;
}

/** What stands before each line: `15:04:05 name | `, as goreman prints it; its characters are bytes. `time` is the text of the clock. */
export function linePrefix(name: string, colourIndex: number, time: string, style: LineStyle): string {
  const padding = ' '.repeat(Math.max(0, style.nameWidth - displayWidth(name)));
  const text = `${style.timestamps ? `${time} ` : ''}${padding}${name} | `;
  return asLatin1(style.colour ? `\x1b[${palette[colourIndex % palette.length] ?? palette[0]}m${text}\x1b[m` : text);
}

/** Prefixes every line of `block`, which ends with a newline. All characters are bytes; those of the lines are untouched. */
export function prefixLines(block: Buffer, prefix: string): string {
  return prefixed(block.toString('latin1', 0, block.length - 1), prefix);
}

/** The same for a terminal: a line can neither move the cursor, clear the screen, ring, nor colour what follows it. */
export function prefixLinesForTerminal(block: Buffer, prefix: string): string {
  const text = block.toString('latin1', 0, block.length - 1);
  if (!inBytes.controls.test(text)) return prefixed(text, prefix);
  const lines = text.split('\n');
  return lines.map((line) => `${prefix}${contained(line, prefix, inBytes)}\n`).join('');
}

/** Left in pieces: who copies it into a buffer joins them. */
function prefixed(text: string, prefix: string): string {
  const replacement = prefix.replaceAll('$', '$$$$'); // `$&` and the like are no more than text in a name
  return `${prefix}${text.replaceAll('\n', `\n${replacement}`)}\n`;
}

function asLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** How control characters are written down: ASCII ones as they are, those of Unicode (C1) as bytes of UTF-8, or decoded. */
interface Notation {
  /** Control characters other than newline and tab. */
  readonly controls: RegExp;
  /**
   * Escape sequences, by their shape (ECMA-48): CSI, then strings such as OSC up to their terminator or the end of the line, then
   * two-character ones; then single control characters. Terminals take each C1 character for its sequence.
   */
  readonly sequences: RegExp;
}

function notation(c1: (range: string) => string): Notation {
  const single = String.raw`[\0-\x08\x0b-\x1f\x7f]|${c1(String.raw`\x80-\x9f`)}`;
  const csi = String.raw`(?:\x1b\[|${c1(String.raw`\x9b`)})[0-?]*[ -/]*[@-~]?`;
  const opened = String.raw`(?:\x1b[\]PX^_]|${c1(String.raw`\x90\x98\x9d-\x9f`)})`;
  const closed = String.raw`(?:\x07|\x1b\\|${c1(String.raw`\x9c`)}|$)`;
  return {
    controls: new RegExp(single),
    sequences: new RegExp(String.raw`${csi}|${opened}.*?${closed}|\x1b[ -/]*[0-~]?|\r+$|${single}`, 'g'),
  };
}

const inBytes = notation((range) => String.raw`\xc2[${range}]`);
const inText = notation((range) => `[${range}]`);
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
const styling = /^\x1b\[[\d;:]*m$/;

/**
 * A line without its end, as text for a screen that places it itself: of the escape sequences only those of style are left, tabs
 * stay, other controls are shown as ^X, and only what follows the last bare return.
 */
export function containedText(line: string): string {
  if (!inText.controls.test(line)) return line;
  const whole = line.replace(/\r+$/, '');
  return contained(whole.slice(whole.lastIndexOf('\r') + 1), '', inText);
}

/** Keeps colours, drops what moves or clears, shows other controls as ^X; a bare return starts the line anew. */
function contained(line: string, prefix: string, { sequences }: Notation): string {
  let styled = false;
  const text = line.replace(sequences, (sequence: string, at: number) => {
    if (styling.test(sequence)) {
      styled = true;
      return sequence;
    }
    if (sequence.startsWith('\x1b')) return '';
    if (sequence.endsWith('\r')) return at + sequence.length === line.length ? '' : `\x1b[m\r\x1b[K${prefix}`;
    const code = sequence.charCodeAt(0);
    return code < 0x80 ? `^${String.fromCharCode(code ^ 0x40)}` : '';
  });
  return styled ? `${text}\x1b[m` : text;
}

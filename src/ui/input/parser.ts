/**
 * Turns what a terminal sends into events: keys as xterm and its kin encode them, SGR mouse reports (mode 1006), bracketed paste (mode
 * 2004). Nothing is lost between chunks. Pure.
 */
import type { InputEvent, KeyEvent, MouseEvent } from './event.ts';

const pasteStart = '\x1b[200~';
const pasteEnd = '\x1b[201~';
/** A longer paste is cut off: nothing here takes so much. */
const pasteMax = 64 * 1024;
/** What is longer and still not a whole sequence is none. */
const sequenceMax = 64;

export class InputParser {
  #pending = '';
  /** Null unless a paste has begun. */
  #paste: string | null = null;

  /** True if what came last may be the beginning of something: an escape key alone looks so too. */
  get undecided(): boolean {
    return this.#pending !== '';
  }

  feed(text: string): InputEvent[] {
    const events: InputEvent[] = [];
    let rest = this.#pending + text;
    this.#pending = '';
    while (rest !== '') {
      if (this.#paste !== null) {
        rest = this.#pasted(rest, events);
        continue;
      }
      const sequence = sequenceAt(rest);
      if (sequence === null) {
        this.#pending = rest;
        break;
      }
      rest = rest.slice(sequence.length);
      if (sequence === pasteStart) this.#paste = '';
      else {
        const event = eventOf(sequence);
        if (event !== null) events.push(event);
      }
    }
    return events;
  }

  /** Nothing more has come for a while: what is undecided was an escape key and plain keys. */
  flush(): InputEvent[] {
    const pending = this.#pending;
    this.#pending = '';
    if (pending === '' || this.#paste !== null) {
      this.#pending = pending;
      return [];
    }
    return [key('escape'), ...(pending.length > 1 ? this.feed(pending.slice(1)) : [])];
  }

  /** Takes paste up to its end; what is left after it. */
  #pasted(text: string, events: InputEvent[]): string {
    const end = text.indexOf(pasteEnd);
    if (end >= 0) {
      events.push({ type: 'paste', text: ((this.#paste ?? '') + text.slice(0, end)).slice(0, pasteMax) });
      this.#paste = null;
      return text.slice(end + pasteEnd.length);
    }
    // The end may have come in part.
    const kept = Math.min(text.length, pasteEnd.length - 1);
    const tail = text.lastIndexOf('\x1b') >= text.length - kept ? text.length - text.lastIndexOf('\x1b') : 0;
    this.#paste = ((this.#paste ?? '') + text.slice(0, text.length - tail)).slice(0, pasteMax);
    this.#pending = text.slice(text.length - tail);
    return '';
  }
}

/** The first whole sequence of `text`, which is not empty; null: it is not whole yet. */
function sequenceAt(text: string): string | null {
  if (!text.startsWith('\x1b')) return String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (text.length === 1) return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
  const [csi] = /^\x1b\[[0-?]*[ -/]*[@-~]/.exec(text) ?? [];
  if (csi !== undefined) return csi;
  if (text.startsWith('\x1b[')) return text.length > sequenceMax ? '\x1b[' : null;
  if (text.startsWith('\x1bO')) return text.length > 2 ? text.slice(0, 3) : null;
  if (text.startsWith('\x1b\x1b')) return '\x1b';
  return `\x1b${String.fromCodePoint(text.codePointAt(1) ?? 0)}`;
}

function eventOf(sequence: string): InputEvent | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
  const mouse = /^\x1b\[<(\d+);(\d+);(\d+)([Mm])$/.exec(sequence);
  if (mouse !== null) return mouseEvent(Number(mouse[1]), Number(mouse[2]), Number(mouse[3]), mouse[4] === 'm');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
  const special = /^\x1b(?:\[|O)(\d*)(?:;(\d+))?([A-Za-z~])$/.exec(sequence);
  if (special !== null) return specialKey(special[1] ?? '', special[2] ?? '', special[3] ?? '');
  if (sequence.startsWith('\x1b[')) return null; // reports that nobody asked for
  if (sequence.length > 1 && sequence.startsWith('\x1b')) {
    const plain = plainKey(sequence.slice(1));
    return plain === null ? null : key(`alt-${plain.key}`);
  }
  return plainKey(sequence);
}

const finals: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

const numbered: Readonly<Record<string, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};

function specialKey(first: string, modifier: string, final: string): KeyEvent | null {
  if (final === 'Z') return key('shift-tab');
  // Other numbers before a letter are reports, as of the cursor.
  const name = final === '~' ? numbered[first] : first === '' || first === '1' ? finals[final] : undefined;
  // Bits of the modifier less one: 1 shift, 2 alt, 4 ctrl.
  const bits = Math.max(0, Number(modifier) - 1);
  const prefix = `${bits & 4 ? 'ctrl-' : ''}${bits & 2 ? 'alt-' : ''}${bits & 1 ? 'shift-' : ''}`;
  return name === undefined ? null : key(prefix + name);
}

function plainKey(character: string): KeyEvent | null {
  switch (character) {
    case '\r':
    case '\n':
      return key('enter');
    case '\t':
      return key('tab');
    case '\x7f':
    case '\b':
      return key('backspace');
    case '\x1b':
      return key('escape');
    case ' ':
      return { type: 'key', key: 'space', text: ' ' };
    default: {
      const code = character.codePointAt(0) ?? 0;
      if (code === 0) return key('ctrl-space');
      if (code <= 26) return key(`ctrl-${String.fromCharCode(code + 96)}`);
      return code < 32 ? null : { type: 'key', key: character, text: character };
    }
  }
}

function key(name: string): KeyEvent {
  return { type: 'key', key: name, text: '' };
}

const buttons = ['left', 'middle', 'right', 'none'] as const;

function mouseEvent(code: number, column: number, row: number, isRelease: boolean): MouseEvent | null {
  const at = { type: 'mouse', row: row - 1, column: column - 1 } as const;
  const button = buttons[code & 3] ?? 'none';
  if (code & 64) {
    if (button !== 'left' && button !== 'middle') return null; // sideways
    return { ...at, button: 'none', action: button === 'left' ? 'wheel-up' : 'wheel-down' };
  }
  if (isRelease) return { ...at, button, action: 'release' };
  if (code & 32) return button === 'none' ? null : { ...at, button, action: 'drag' };
  return { ...at, button, action: 'press' };
}

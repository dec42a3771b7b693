/** A line of text that is being typed at the bottom of the pane. Pure. */
import { unreachable } from '../../base/assert.ts';
import { displayWidth } from '../../supervisor/display-width.ts';
import type { KeyEvent } from '../input/event.ts';
import type { Keymap } from '../input/keymap.ts';
import type { Theme } from '../theme.ts';
import { styledLine } from './styled-line.ts';

/** What is typed: something to search, to filter by, or a time. */
export type PromptKind = 'search' | 'filter' | 'time';

const labels: Readonly<Record<PromptKind, string>> = { search: '/', filter: '&', time: 'time ' };

/** Texts that were entered are offered again, the latest first. */
const rememberedMax = 50;

export class Prompt {
  readonly kind: PromptKind;
  ignoreCase: boolean;
  readonly #keymap: Keymap;
  readonly #remembered: readonly string[];
  /** Characters, as they are typed. */
  #before: string[];
  #after: string[] = [];
  #recalled = -1;

  constructor(keymap: Keymap, kind: PromptKind, text: string, ignoreCase: boolean, remembered: readonly string[]) {
    this.#keymap = keymap;
    this.kind = kind;
    this.ignoreCase = ignoreCase;
    this.#remembered = remembered;
    this.#before = [...text];
  }

  get text(): string {
    return [...this.#before, ...this.#after].join('');
  }

  type(text: string): void {
    // Of what is pasted, the first line: a newline cannot be searched for.
    this.#before.push(...(text.split(/[\r\n]/, 1)[0] ?? ''));
  }

  /** What a key does to it; `enter` and `escape` are for whoever asked. */
  key({ key, text }: KeyEvent): 'enter' | 'escape' | 'typed' {
    const binding = this.#keymap.textBindingOf(key);
    switch (binding) {
      case 'text-enter':
        return 'enter';
      case 'text-cancel':
        return 'escape';
      case 'text-erase':
        if (this.text === '') return 'escape';
        this.#before.pop();
        break;
      case 'text-delete':
        this.#after.shift();
        break;
      case 'text-erase-word':
        this.#before = [...this.#before.join('').replace(/\S*\s*$/u, '')];
        break;
      case 'text-erase-all':
        this.#before = [];
        break;
      case 'text-left':
        this.#after.unshift(...this.#before.splice(-1));
        break;
      case 'text-right':
        this.#before.push(...this.#after.splice(0, 1));
        break;
      case 'text-start':
        this.#after.unshift(...this.#before.splice(0));
        break;
      case 'text-end':
        this.#before.push(...this.#after.splice(0));
        break;
      case 'text-older':
        this.#recall(1);
        break;
      case 'text-newer':
        this.#recall(-1);
        break;
      case 'text-case':
        this.ignoreCase = !this.ignoreCase;
        break;
      case null:
        this.type(text);
        break;
      default:
        unreachable(binding);
    }
    return 'typed';
  }

  #recall(step: 1 | -1): void {
    const at = Math.min(this.#remembered.length - 1, Math.max(-1, this.#recalled + step));
    this.#recalled = at;
    this.#before = [...(this.#remembered[at] ?? '')];
    this.#after = [];
  }

  /** A row of the screen; `complaint` says what is wrong with the text, `hint` what goes in an empty one. */
  row(width: number, complaint: string, hint: string, theme: Theme): string {
    const label = labels[this.kind];
    const room = Math.max(1, width - label.length - 1);
    // What is left of the cursor is seen at least in part.
    let before = this.#before;
    while (displayWidth(plain(before)) > room) before = before.slice(1);
    const cursor = this.#after[0] ?? ' ';
    const used = label.length + displayWidth(plain(before)) + displayWidth(cursor);
    let after = this.#after.slice(1);
    while (after.length > 0 && used + displayWidth(plain(after)) > width) after = after.slice(0, -1);
    const typed = theme.paint('accent', label) + plain(before) + theme.paint('selected', cursor) + plain(after);
    const note = complaint !== '' ? complaint : this.text === '' ? hint : '';
    const left = width - used - displayWidth(plain(after)) - 1;
    if (note === '' || left < 4) return typed;
    return `${typed} ${theme.paint(complaint === '' ? 'dim' : 'bad', cutText(note, left))}`;
  }
}

/** `texts` with another in front. */
export function remember(texts: readonly string[], text: string): readonly string[] {
  return [text, ...texts.filter((one) => one !== text)].slice(0, rememberedMax);
}

function plain(characters: readonly string[]): string {
  return styledLine([{ text: characters.join(''), style: 'text', sgr: '' }]).text;
}

/** Text in at most so many columns. */
export function cutText(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let result = '';
  for (const character of text) {
    if (displayWidth(result + character) > columns - 1) break;
    result += character;
  }
  return columns < 1 ? '' : `${result}…`;
}

/** A row in which processes are switched on and off. Pure. */
import { unreachable } from '../../base/assert.ts';
import { displayWidth } from '../../supervisor/display-width.ts';
import { switchBindings } from '../input/bindings.ts';
import type { KeyEvent } from '../input/event.ts';
import type { Keymap } from '../input/keymap.ts';
import { keyText } from '../input/keymap.ts';
import type { Theme } from '../theme.ts';
import { processStyle } from '../theme.ts';
import { cutText } from './prompt.ts';
import type { ShownLines } from './shown-lines.ts';

interface Named {
  readonly name: string;
  readonly colourIndex: number;
}

export class ProcessChooser {
  readonly #keymap: Keymap;
  #at = 0;

  constructor(keymap: Keymap) {
    this.#keymap = keymap;
  }

  key({ key }: KeyEvent, lines: ShownLines): 'done' | 'open' {
    const names = lines.processes.map(({ history }) => history.name);
    const name = names[this.#at] ?? '';
    const binding = this.#keymap.switchBindingOf(key);
    switch (binding) {
      case 'switch-done':
        return 'done';
      case 'switch-previous':
        this.#at = Math.max(0, this.#at - 1);
        break;
      case 'switch-next':
        this.#at = Math.min(names.length - 1, this.#at + 1);
        break;
      case 'switch-toggle':
        lines.hidden = toggled(lines.hidden, name);
        break;
      case 'switch-only':
        lines.hidden = new Set(names.filter((other) => other !== name));
        break;
      case 'switch-all':
        lines.hidden = new Set();
        break;
      case null:
        if (/^[1-9]$/.test(key) && Number(key) <= names.length) {
          this.#at = Number(key) - 1;
          lines.hidden = toggled(lines.hidden, names[this.#at] ?? '');
        }
        break;
      default:
        unreachable(binding);
    }
    return 'open';
  }

  /** Its keys, as far as they have any. */
  get #help(): string {
    const parts = (['switch-toggle', 'switch-only', 'switch-all', 'switch-done'] as const).flatMap((name) => {
      const [key] = this.#keymap.keysOf(name);
      return key === undefined ? [] : [`${keyText(key)} ${switchBindings[name].label}`];
    });
    return parts.join('  ');
  }

  row(width: number, processes: readonly Named[], hidden: ReadonlySet<string>, theme: Theme): string {
    const cells = processes.map((process, at) => ({
      text: `${at < 9 ? `${at + 1} ` : ''}${hidden.has(process.name) ? '○' : '●'} ${cutText(process.name, 20)}`,
      style:
        at === this.#at
          ? ('selected' as const)
          : hidden.has(process.name)
            ? ('dim' as const)
            : processStyle(process.colourIndex),
    }));
    // Begins so far right that the one under the cursor is seen.
    let first = 0;
    while (first < this.#at && widthOf(cells.slice(first, this.#at + 1)) > width) first++;
    let row = '';
    let used = 0;
    for (const { text, style } of cells.slice(first)) {
      const gap = used === 0 ? 0 : 2;
      const room = width - used - gap;
      if (room < 1) break;
      const shown = cutText(text, room);
      row += ' '.repeat(gap) + theme.paint(style, shown);
      used += gap + displayWidth(shown);
    }
    const help = this.#help;
    const left = width - used - displayWidth(help);
    return left < 2 ? row : `${row}${' '.repeat(left)}${theme.paint('dim', help)}`;
  }
}

function widthOf(cells: readonly { readonly text: string }[]): number {
  return cells.reduce((width, { text }) => width + displayWidth(text) + 2, -2);
}

function toggled(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const others = new Set(names);
  if (!others.delete(name)) others.add(name);
  return others;
}

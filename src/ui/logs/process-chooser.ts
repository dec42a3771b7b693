/** A row in which processes are switched on and off. Pure. */
import { displayWidth } from '../../supervisor/display-width.ts';
import type { KeyEvent } from '../input/event.ts';
import type { Theme } from '../theme.ts';
import { processStyle } from '../theme.ts';
import { cutText } from './prompt.ts';
import type { ShownLines } from './shown-lines.ts';

interface Named {
  readonly name: string;
  readonly colourIndex: number;
}

const help = 'space: on/off  o: only  a: all  enter';

export class ProcessChooser {
  #at = 0;

  key({ key }: KeyEvent, lines: ShownLines): 'done' | 'open' {
    const names = lines.processes.map(({ history }) => history.name);
    const name = names[this.#at] ?? '';
    if (key === 'enter' || key === 'escape' || key === 'b' || key === 'ctrl-c') return 'done';
    if (key === 'left' || key === 'up') this.#at = Math.max(0, this.#at - 1);
    else if (key === 'right' || key === 'down' || key === 'tab') this.#at = Math.min(names.length - 1, this.#at + 1);
    else if (key === 'space') lines.hidden = toggled(lines.hidden, name);
    else if (key === 'o') lines.hidden = new Set(names.filter((other) => other !== name));
    else if (key === 'a' || key === '0') lines.hidden = new Set();
    else if (/^[1-9]$/.test(key) && Number(key) <= names.length) {
      this.#at = Number(key) - 1;
      lines.hidden = toggled(lines.hidden, names[this.#at] ?? '');
    }
    return 'open';
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
    return used + 2 + help.length > width
      ? row
      : `${row}${' '.repeat(width - used - help.length)}${theme.paint('dim', help)}`;
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

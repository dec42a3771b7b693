/**
 * What to send to the terminal to make it show a frame: only the rows that differ from those that it shows. Pure but for what it
 * remembers of the screen.
 */
import { visibleWidth } from './ansi.ts';

/** Synchronized output (DEC mode 2026): a terminal that knows it shows the frame at once; others ignore it. */
const beginUpdate = '\x1b[?2026h';
const endUpdate = '\x1b[?2026l';

export class Painter {
  #shown: readonly string[] = [];
  #width = 0;

  /** Empty if the terminal shows it already. Rows have `width` columns at most. */
  paint(rows: readonly string[], width: number): string {
    const isOther = width !== this.#width || rows.length !== this.#shown.length;
    const changes: string[] = isOther ? ['\x1b[0m\x1b[2J'] : [];
    for (const [index, row] of rows.entries()) {
      if (!isOther && row === this.#shown[index]) continue;
      // Erasing after a full row would take its last character: the cursor still stands on it.
      const erase = !isOther && visibleWidth(row) < width ? '\x1b[K' : '';
      changes.push(`\x1b[${index + 1};1H\x1b[0m${row}\x1b[0m${erase}`);
    }
    this.#shown = rows;
    this.#width = width;
    return changes.length === 0 ? '' : beginUpdate + changes.join('') + endUpdate;
  }

  /** The terminal may show anything: the next frame is sent whole. */
  forget(): void {
    this.#shown = [];
    this.#width = 0;
  }
}

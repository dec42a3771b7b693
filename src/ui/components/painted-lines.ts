/**
 * Lines that are painted beside Ink: it lays out one character in the place of each, because it takes all text apart by characters and
 * styles, which costs more than everything else in a frame. Pure but for the lines that it holds.
 */
import { visibleWidth } from '../terminal/ansi.ts';

/** Private use: no text of ours passes Ink that could have one of them. */
const firstMark = 0xe000;
const marks = /([\ue000-\uf8ff])( *)/g;

export class PaintedLines {
  readonly #lines: string[] = [];

  /** The character, one column wide, that stands for the first column of `painted` until `fill`; the columns behind it must be blank. */
  mark(painted: string): string {
    return String.fromCharCode(firstMark + this.#lines.push(painted) - 1);
  }

  /** The row with lines in the place of their marks. */
  fill(row: string): string {
    return row.replace(marks, (_, mark: string, blanks: string) => {
      const painted = this.#lines[mark.charCodeAt(0) - firstMark] ?? '';
      const width = visibleWidth(painted);
      return width === 0 ? ` ${blanks}` : painted + blanks.slice(width - 1);
    });
  }
}

/** Lines that the user draws across the log, as one more process among those that it merges. Pure. */
import type { LineOrder } from './merged-lines.ts';

/** More replace the oldest. */
export const marksMax = 1000;

export class MarkLines implements LineOrder {
  #marks: number[] = [];
  first = 0;

  get end(): number {
    return this.first + this.#marks.length;
  }

  /** A mark behind all lines that came up to `timeMs`. Marks are set in order of time. */
  add(timeMs: number): void {
    this.#marks.push(Math.max(timeMs, this.#marks.at(-1) ?? 0));
    if (this.#marks.length > marksMax) {
      this.#marks.shift();
      this.first++;
    }
  }

  orderOf(line: number): number {
    return this.#marks[line - this.first] ?? 0;
  }

  lineAt(orderMs: number): number {
    const at = this.#marks.findIndex((timeMs) => timeMs >= orderMs);
    return at < 0 ? this.end : this.first + at;
  }
}

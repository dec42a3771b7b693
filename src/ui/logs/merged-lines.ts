/**
 * The lines of several processes as one row in order of time: those of one moment in the order of the processes, those of one process
 * in their own. Nothing is sorted or kept: a cursor stands between two lines and finds the next or the one before by what each
 * process has there. A line that arrives late takes the place that its time gives it. Pure.
 */
import type { LineSelection } from './line-set.ts';

/** What the merge needs to know of the lines of one process. */
export interface LineOrder {
  /** The first line that is kept. */
  readonly first: number;
  /** What a line is ordered by: never less than for the line before it. */
  orderOf(line: number): number;
  /** The first line that is ordered at or after. */
  lineAt(orderMs: number): number;
}

/** The lines of one process that take part. */
export interface Lane<L extends LineOrder = LineOrder> {
  readonly lines: L;
  readonly shown: LineSelection;
  /** Lines below do not take part. */
  readonly floor: number;
}

/** One line: the number of its lane, and its own there. */
export interface Place {
  readonly lane: number;
  readonly line: number;
}

export class MergedLines {
  readonly #lanes: readonly Lane[];

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /** How many lines there are. */
  get count(): number {
    return this.countBefore(this.atEnd());
  }

  atStart(): MergedCursor {
    return new MergedCursor(this.#lanes, this.#lanes.map(firstOf));
  }

  atEnd(): MergedCursor {
    return new MergedCursor(
      this.#lanes,
      this.#lanes.map((lane) => Math.max(firstOf(lane), lane.shown.end)),
    );
  }

  /** Before that line of each lane. */
  atPositions(positions: readonly number[]): MergedCursor {
    return new MergedCursor(
      this.#lanes,
      this.#lanes.map((lane, at) => Math.max(firstOf(lane), positions[at] ?? 0)),
    );
  }

  /** Before the first line of that time or later. */
  atTime(orderMs: number): MergedCursor {
    return new MergedCursor(
      this.#lanes,
      this.#lanes.map((lane) => Math.max(firstOf(lane), lane.lines.lineAt(orderMs))),
    );
  }

  /** Before that line, which need not take part; at the start if it is not kept any more. */
  at({ lane, line }: Place): MergedCursor {
    const own = this.#lanes[lane];
    if (own === undefined || line < own.lines.first) return this.atStart();
    const orderMs = own.lines.orderOf(line);
    const positions = this.#lanes.map((other, at) => {
      if (at === lane) return Math.max(firstOf(own), line);
      // Of the same moment, those of earlier lanes come before.
      return Math.max(firstOf(other), at < lane ? firstAfter(other.lines, orderMs) : other.lines.lineAt(orderMs));
    });
    return new MergedCursor(this.#lanes, positions);
  }

  /** Lines that take part and come before the cursor. */
  countBefore(cursor: MergedCursor): number {
    return this.#lanes.reduce((count, lane, at) => {
      const position = cursor.position(at);
      return count + Math.max(0, lane.shown.rank(position) - lane.shown.rank(firstOf(lane)));
    }, 0);
  }
}

function firstOf({ lines, floor }: Lane): number {
  return Math.max(lines.first, floor);
}

/** Orders are whole milliseconds. */
function firstAfter(lines: LineOrder, orderMs: number): number {
  return lines.lineAt(orderMs + 1);
}

export class MergedCursor {
  readonly #lanes: readonly Lane[];
  readonly #positions: number[];

  constructor(lanes: readonly Lane[], positions: readonly number[]) {
    this.#lanes = lanes;
    this.#positions = [...positions];
  }

  /** The first line of a lane that comes after the cursor, whether it takes part or not. */
  position(lane: number): number {
    return this.#positions[lane] ?? 0;
  }

  copy(): MergedCursor {
    return new MergedCursor(this.#lanes, this.#positions);
  }

  /** The line after the cursor, which goes behind it; null at the end. */
  next(): Place | null {
    let best: Place | null = null;
    let bestMs = 0;
    for (const [lane, { lines, shown }] of this.#lanes.entries()) {
      const line = shown.next(Math.max(this.position(lane), lines.first)); // some may have gone since
      if (line < 0) continue;
      const orderMs = lines.orderOf(line);
      if (best === null || orderMs < bestMs) {
        best = { lane, line };
        bestMs = orderMs;
      }
    }
    if (best !== null) this.#positions[best.lane] = best.line + 1;
    return best;
  }

  /** The line before the cursor, which goes in front of it; null at the start. */
  previous(): Place | null {
    let best: Place | null = null;
    let bestMs = 0;
    for (const [lane, own] of this.#lanes.entries()) {
      const line = own.shown.previous(this.position(lane));
      if (line < 0 || line < firstOf(own)) continue;
      const orderMs = own.lines.orderOf(line);
      if (best === null || orderMs >= bestMs) {
        best = { lane, line };
        bestMs = orderMs;
      }
    }
    if (best !== null) this.#positions[best.lane] = best.line;
    return best;
  }
}

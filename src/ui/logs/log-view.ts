/**
 * What of the log is on the screen, and how one moves in it: follows the end, or stands still at a line while more comes in. Decides
 * everything that the pane draws; knows no keys, no clock and no terminal.
 */
import type { Theme } from '../theme.ts';
import type { MergedCursor, MergedLines, Place } from './merged-lines.ts';
import { pagerLinesMax, pagerPieces } from './pager-text.ts';
import type { LineRows, RowOptions } from './row-view.ts';
import { lineRows, markRow, nameColumns, paintRow } from './row-view.ts';
import type { LinePlace, LogProcess } from './shown-lines.ts';
import { factsOf, ShownLines, shownBytesMax } from './shown-lines.ts';
import type { Highlight } from './styled-line.ts';
import { matchesIn } from './styled-line.ts';

/** Rows that are laid out are kept for the next frame. */
const keptRowsMax = 1000;
/** Columns that a step to the side goes. */
const sideStep = 16;
const offsetMax = shownBytesMax;
/** What is selected beyond this is not copied. */
export const copyBytesMax = 256 * 1024;
/** Where the screen begins if it does not follow the end: with that row of that line. */
interface Top {
  readonly place: LinePlace;
  readonly row: number;
}

interface VisibleRow {
  readonly place: LinePlace;
  readonly row: number;
  /** Null: a mark. */
  readonly rows: LineRows | null;
}

export class LogView {
  readonly lines = new ShownLines();
  /** Null: follows the end. */
  #top: Top | null = null;
  /** Where the lines ended when it stopped to follow. */
  #seen: ReadonlyMap<LogProcess, number> = new Map();
  #current: LinePlace | null = null;
  /** The other end of a selection. */
  #anchor: LinePlace | null = null;
  #wrap = false;
  #raw = false;
  #offset = 0;
  #width = 80;
  #height = 1;
  #visible: readonly VisibleRow[] = [];
  readonly #kept = new Map<LogProcess, Map<number, LineRows>>();
  #keptCount = 0;
  #keptFor: RowOptions | null = null;
  #lastOptions: RowOptions | null = null;
  #namesFor: { readonly hidden: ReadonlySet<string>; readonly count: number; readonly width: number } | null = null;
  #nameWidth = 0;

  get isFollowing(): boolean {
    return this.#top === null;
  }

  get wrap(): boolean {
    return this.#wrap;
  }

  get raw(): boolean {
    return this.#raw;
  }

  get offset(): number {
    return this.#offset;
  }

  get isSelecting(): boolean {
    return this.#anchor !== null;
  }

  toggleWrap(): void {
    this.#wrap = !this.#wrap;
    this.#offset = 0;
    if (this.#top !== null) this.#top = { place: this.#top.place, row: 0 };
  }

  toggleRaw(): void {
    this.#raw = !this.#raw;
    if (this.#top !== null) this.#top = { place: this.#top.place, row: 0 };
  }

  /** To the left (negative) or the right, in steps. */
  side(steps: number): void {
    if (!this.#wrap) this.#offset = Math.min(offsetMax, Math.max(0, this.#offset + steps * sideStep));
  }

  /** Draws at most `height` rows; `highlight` says whether matches may be looked for in them. */
  frame(width: number, height: number, theme: Theme, highlight: boolean): readonly string[] {
    this.#width = width;
    this.#height = height;
    const merged = this.lines.shown();
    this.#visible = this.#top === null ? this.#lastRows(merged) : this.#rowsFrom(merged, this.#top);
    const first = this.#visible[0];
    if (this.#top !== null && first !== undefined) this.#top = { place: first.place, row: first.row };
    const selection = this.#selectedRange(merged);
    const options = this.#options();
    return this.#visible.map((visible) => {
      const { place, rows, row } = visible;
      const isSelected = selection?.has(place) ?? false;
      if (rows === null) return markRow(this.lines.marks.orderOf(place.line), width, theme);
      const matches = this.#isFound(place);
      const highlights = highlight ? this.#highlights(place, rows, matches) : [];
      return paintRow(rows, row, options, { highlights, matches, selected: isSelected }, theme);
    });
  }

  #highlights(place: LinePlace, { body }: LineRows, isFound: boolean): readonly Highlight[] {
    const { search, filter } = this.lines;
    if (search !== null) {
      return isFound ? matchesIn(body, search.regex, samePlace(place, this.#current) ? 'current-match' : 'match') : [];
    }
    return filter === null ? [] : matchesIn(body, filter.regex, 'match');
  }

  #isFound({ process, line }: LinePlace): boolean {
    return process !== null && this.lines.isFound(process, line);
  }

  /** How many lines have come since it stopped to follow. */
  newLines(): number {
    if (this.#top === null) return 0;
    const merged = this.lines.shown();
    const seen = this.lines.processes.map((process) => this.#seen.get(process) ?? 0);
    return merged.count - merged.countBefore(merged.atPositions([...seen, this.lines.marks.end]));
  }

  /** Lines that are shown if one scrolls, and how many of them are above the screen. */
  extent(): { readonly above: number; readonly count: number } {
    const merged = this.lines.shown();
    const first = this.#visible[0];
    return {
      above: first === undefined ? 0 : merged.countBefore(merged.at(this.#placeIn(first.place))),
      count: merged.count,
    };
  }

  follow(): void {
    this.#top = null;
    this.#anchor = null;
  }

  /** Stands still where it is. */
  pause(): void {
    const first = this.#visible[0];
    if (this.#top !== null || first === undefined) return;
    this.#stand({ place: first.place, row: first.row });
  }

  #stand(top: Top): void {
    if (this.#top === null) {
      this.#seen = new Map(this.lines.processes.map((process) => [process, process.history.end]));
    }
    this.#top = top;
  }

  /** By rows, down if positive; behind the last one it follows. */
  scroll(rows: number): void {
    if (rows === 0 || (this.#top === null && rows > 0)) return;
    this.pause();
    const top = this.#top;
    if (top === null) return;
    const merged = this.lines.shown();
    const cursor = merged.at(this.#placeIn(top.place));
    if (rows < 0) this.#scrollUp(cursor, top, -rows);
    else this.#scrollDown(merged, cursor, top, rows);
  }

  #scrollUp(cursor: MergedCursor, top: Top, rows: number): void {
    if (top.row >= rows) {
      this.#top = { place: top.place, row: top.row - rows };
      return;
    }
    let left = rows - top.row;
    let reached: Top = { place: top.place, row: 0 };
    for (let place = cursor.previous(); place !== null; place = cursor.previous()) {
      const linePlace = this.#linePlace(place);
      const height = this.#heightOf(linePlace);
      reached = { place: linePlace, row: Math.max(0, height - left) };
      if (height >= left) break;
      left -= height;
    }
    this.#top = reached;
  }

  #scrollDown(merged: MergedLines, cursor: MergedCursor, top: Top, rows: number): void {
    const below = cursor.copy();
    let left = rows + top.row;
    for (let place = cursor.next(); place !== null; place = cursor.next()) {
      const linePlace = this.#linePlace(place);
      const height = this.#heightOf(linePlace);
      if (height > left) {
        this.#top = { place: linePlace, row: left };
        if (this.#reachesEnd(merged.at(place), left)) this.follow();
        return;
      }
      left -= height;
    }
    if (below.next() !== null) this.follow();
  }

  /** True if fewer rows follow than there is room for. */
  #reachesEnd(cursor: MergedCursor, hiddenRows: number): boolean {
    let rows = -hiddenRows;
    for (let place = cursor.next(); place !== null; place = cursor.next()) {
      rows += this.#heightOf(this.#linePlace(place));
      if (rows >= this.#height) return false;
    }
    return true;
  }

  /** By pages, with a row in common. */
  page(pages: number): void {
    this.scroll(pages * Math.max(1, this.#height - 1));
  }

  /** To the oldest line. */
  home(): void {
    this.pause();
    const first = this.lines.shown().atStart().next();
    if (first !== null) this.#stand({ place: this.#linePlace(first), row: 0 });
  }

  /** To the first line that came at that time or later; false if there is none. */
  jumpToTime(timeMs: number): boolean {
    this.pause();
    const place = this.lines.shown().atTime(timeMs).next();
    if (place === null) return false;
    this.#stand({ place: this.#linePlace(place), row: 0 });
    return true;
  }

  /** The mark before or after the screen's first line; false if there is none. */
  jumpToMark(direction: 1 | -1): boolean {
    const first = this.#visible[0];
    if (first === undefined) return false;
    const marks = this.lines.onlyMarks();
    const cursor = marks.at(this.#placeIn(first.place));
    let place = direction === 1 ? cursor.next() : cursor.previous();
    if (place !== null && direction === 1 && samePlace(this.#linePlace(place), first.place)) place = cursor.next();
    if (place === null) return false;
    this.pause();
    this.#stand({ place: this.#linePlace(place), row: 0 });
    return true;
  }

  /** A mark behind all lines until that time. */
  mark(timeMs: number): void {
    this.lines.marks.add(Math.floor(timeMs));
  }

  /**
   * The next match in a direction, and on from the other end behind the last: from the current one, or from the screen. Null: there
   * is none.
   */
  toMatch(direction: 1 | -1): { readonly wrapped: boolean } | null {
    const found = this.lines.found();
    const start = this.#searchStart(found, direction);
    let place = direction === 1 ? start.next() : start.previous();
    const wrapped = place === null;
    if (place === null) place = direction === 1 ? found.atStart().next() : found.atEnd().previous();
    if (place === null) return null;
    this.#current = this.#linePlace(place);
    this.#anchor = null;
    this.#show(this.#current);
    return { wrapped };
  }

  #searchStart(found: MergedLines, direction: 1 | -1): MergedCursor {
    const current = this.#current;
    if (current !== null && this.#visible.some(({ place }) => samePlace(place, current))) {
      const cursor = found.at(this.#placeIn(current));
      if (direction === 1 && this.#isFound(current)) cursor.next();
      return cursor;
    }
    const edge = direction === 1 ? this.#visible[0] : this.#visible.at(-1);
    if (edge === undefined) return direction === 1 ? found.atStart() : found.atEnd();
    const cursor = found.at(this.#placeIn(edge.place));
    if (direction === -1 && this.#isFound(edge.place)) cursor.next();
    return cursor;
  }

  /** Scrolls no more than needed: a line that is seen stays, another comes to a third of the screen. */
  #show(place: LinePlace): void {
    this.pause();
    if (this.#visible.some((visible) => samePlace(visible.place, place))) return;
    const cursor = this.lines.shown().at(this.#placeIn(place));
    this.#scrollUp(cursor, { place, row: 0 }, Math.floor(this.#height / 3));
  }

  /** Which of the matches the current line is, from 1; 0 if it is none. */
  matchNumber(): { readonly number: number; readonly count: number } {
    const found = this.lines.found();
    const count = found.count;
    const current = this.#current;
    if (current === null || !this.#isFound(current)) return { number: 0, count };
    return { number: found.countBefore(found.at(this.#placeIn(current))) + 1, count };
  }

  /** Begins a selection with the current line, or the last one on the screen. */
  select(): void {
    this.pause();
    const current = this.#current;
    const isSeen = current !== null && this.#visible.some(({ place }) => samePlace(place, current));
    const place = isSeen ? current : (this.#visible.findLast(({ rows }) => rows !== null)?.place ?? null);
    this.#current = place;
    this.#anchor = place;
  }

  /** Begins with the line in a row of the screen; false if there is none. */
  selectRow(row: number): boolean {
    const visible = this.#visible[row];
    if (visible === undefined || visible.rows === null) return false;
    this.pause();
    this.#current = visible.place;
    this.#anchor = visible.place;
    return true;
  }

  /** Extends the selection to the line in a row; rows beyond the screen scroll it. */
  extendTo(row: number): void {
    if (this.#anchor === null) return;
    if (row < 0 || row >= this.#height) this.scroll(row < 0 ? -1 : 1);
    const visible = this.#visible[Math.min(Math.max(0, row), this.#visible.length - 1)];
    if (visible !== undefined && this.#anchor !== null) this.#current = visible.place;
  }

  /** Extends the selection by a line, down if positive. */
  extend(direction: 1 | -1): void {
    if (this.#current === null || this.#anchor === null) return;
    const cursor = this.lines.shown().at(this.#placeIn(this.#current));
    if (direction === 1) cursor.next();
    const place = direction === 1 ? cursor.next() : cursor.previous();
    if (place === null) return;
    this.#current = this.#linePlace(place);
    const at = this.#visible.findIndex((visible) => samePlace(visible.place, this.#current));
    if (at < 0) this.scroll(direction * this.#heightOf(this.#current));
  }

  /** Forgets selection and current line; false if there was none. */
  unselect(): boolean {
    const had = this.#anchor !== null;
    this.#anchor = null;
    this.#current = null;
    return had;
  }

  /** The selected lines as they were written, each with its end but the last; what is beyond `copyBytesMax` is left out. */
  selectedText(): { readonly text: string; readonly lines: number; readonly isCut: boolean } | null {
    const merged = this.lines.shown();
    const range = this.#selectedRange(merged);
    if (range === null) return null;
    const texts: string[] = [];
    let bytes = 0;
    const cursor = merged.at(this.#placeIn(range.from));
    for (let left = range.count; left > 0; left--) {
      const place = cursor.next();
      if (place === null) break;
      const linePlace = this.#linePlace(place);
      if (linePlace.process !== null) {
        const stored = linePlace.process.history.read(linePlace.line, copyBytesMax);
        bytes += stored.length + 1;
        if (bytes > copyBytesMax) return { text: texts.join('\n'), lines: texts.length, isCut: true };
        texts.push(stored.bytes.toString('utf8'));
      }
    }
    return { text: texts.join('\n'), lines: texts.length, isCut: false };
  }

  /** Lines for a pager, in pieces, `pagerLinesMax` at most; and which of them is the first on the screen. */
  pagerText(): { readonly line: number; readonly pieces: Iterable<string> } {
    const merged = this.lines.shown();
    const first = this.#visible[0];
    const cursor = first === undefined ? merged.atStart() : merged.at(this.#placeIn(first.place));
    let line = 0;
    while (line < pagerLinesMax / 2 && cursor.previous() !== null) line++;
    return { line, pieces: pagerPieces(this.lines, cursor) };
  }

  #selectedRange(merged: MergedLines): Selection | null {
    if (this.#current === null || this.#anchor === null) return null;
    const numberOf = (place: LinePlace) => merged.countBefore(merged.at(this.#placeIn(place)));
    const [a, b] = [numberOf(this.#anchor), numberOf(this.#current)];
    return {
      from: a <= b ? this.#anchor : this.#current,
      count: Math.abs(b - a) + 1,
      has: (place) => {
        const number = numberOf(place);
        return number >= Math.min(a, b) && number <= Math.max(a, b);
      },
    };
  }

  #lastRows(merged: MergedLines): readonly VisibleRow[] {
    const cursor = merged.atEnd();
    return this.#rowsBefore(cursor, this.#height);
  }

  /** The last `count` rows before the cursor. */
  #rowsBefore(cursor: MergedCursor, count: number): readonly VisibleRow[] {
    const lines: (readonly VisibleRow[])[] = [];
    let found = 0;
    while (found < count) {
      const place = cursor.previous();
      if (place === null) break;
      const rows = this.#rowsOf(this.#linePlace(place));
      lines.push(rows);
      found += rows.length;
    }
    return lines
      .reverse()
      .flat()
      .slice(Math.max(0, found - count));
  }

  #rowsFrom(merged: MergedLines, top: Top): readonly VisibleRow[] {
    const cursor = merged.at(this.#placeIn(top.place));
    const before = cursor.copy();
    const rows: VisibleRow[] = [];
    let skip = top.row;
    while (rows.length < this.#height) {
      const place = cursor.next();
      if (place === null) break;
      const linePlace = this.#linePlace(place);
      const own = this.#rowsOf(linePlace);
      // The line at the top may not be shown any more.
      rows.push(...own.slice(samePlace(linePlace, top.place) ? Math.min(skip, own.length - 1) : 0));
      skip = 0;
    }
    if (rows.length >= this.#height) return rows.slice(0, this.#height);
    const first = rows[0];
    const hidden = first !== undefined && first.row > 0 ? this.#rowsOf(first.place).slice(0, first.row) : [];
    const missing = this.#height - rows.length;
    const above = [...this.#rowsBefore(before, Math.max(0, missing - hidden.length)), ...hidden];
    return [...above.slice(Math.max(0, above.length - missing)), ...rows];
  }

  #rowsOf(place: LinePlace): readonly VisibleRow[] {
    if (place.process === null) return [{ place, row: 0, rows: null }];
    const rows = this.#laidOut(place.process, place.line);
    return rows.ranges.map((_range, row) => ({ place, row, rows }));
  }

  #heightOf(place: LinePlace): number {
    return place.process === null || !this.#wrap ? 1 : this.#laidOut(place.process, place.line).ranges.length;
  }

  #laidOut(process: LogProcess, line: number): LineRows {
    const options = this.#options();
    if (options !== this.#keptFor || this.#keptCount >= keptRowsMax) {
      this.#kept.clear();
      this.#keptCount = 0;
      this.#keptFor = options;
    }
    const own = this.#kept.get(process) ?? new Map<number, LineRows>();
    this.#kept.set(process, own);
    const known = own.get(line);
    if (known !== undefined) return known;
    const rows = lineRows(factsOf(process, line), options);
    own.set(line, rows);
    this.#keptCount++;
    return rows;
  }

  /** The same object as long as nothing has changed. */
  #options(): RowOptions {
    const options = {
      width: this.#width,
      wrap: this.#wrap,
      raw: this.#raw,
      offset: this.#offset,
      nameWidth: this.#nameColumns(),
    };
    const last = this.#lastOptions;
    if (
      last === null ||
      last.width !== options.width ||
      last.wrap !== options.wrap ||
      last.raw !== options.raw ||
      last.offset !== options.offset ||
      last.nameWidth !== options.nameWidth
    ) {
      this.#lastOptions = options;
      return options;
    }
    return last;
  }

  #nameColumns(): number {
    const { hidden, processes } = this.lines;
    const known = this.#namesFor;
    if (known?.hidden === hidden && known.count === processes.length && known.width === this.#width)
      return this.#nameWidth;
    const names = processes.map(({ history }) => history.name).filter((name) => !hidden.has(name));
    this.#namesFor = { hidden, count: processes.length, width: this.#width };
    this.#nameWidth = nameColumns(names, this.#width);
    return this.#nameWidth;
  }

  #linePlace({ lane, line }: Place): LinePlace {
    return { process: this.lines.processAt(lane), line };
  }

  #placeIn(place: LinePlace): Place {
    return { lane: this.lines.laneOf(place), line: place.line };
  }
}

interface Selection {
  readonly from: LinePlace;
  /** Lines, marks included. */
  readonly count: number;
  has(place: LinePlace): boolean;
}

function samePlace(a: LinePlace, b: LinePlace | null): boolean {
  return b !== null && a.process === b.process && a.line === b.line;
}

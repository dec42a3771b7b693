/**
 * Which lines of the log are shown, and which of these match: processes that are switched on, a level, a filter, a search, and where
 * the view was cleared. Answers as merged lines; reads the history on and searches it in steps.
 */

import type { LevelFilter } from './level.ts';
import { LineScan } from './line-scan.ts';
import type { LineSelection } from './line-set.ts';
import { AllLines } from './line-set.ts';
import { MarkLines } from './mark-lines.ts';
import type { Lane } from './merged-lines.ts';
import { MergedLines } from './merged-lines.ts';
import type { ProcessHistory } from './process-history.ts';
import type { Query } from './query.ts';
import type { LineFacts } from './row-view.ts';

/** A process whose log can be shown. */
export interface LogProcess {
  readonly history: ProcessHistory;
  readonly colourIndex: number;
}

/** A line by whose it is, which holds when processes come: null for a mark. */
export interface LinePlace {
  readonly process: LogProcess | null;
  readonly line: number;
}

export interface Progress {
  /** Lines that have been looked at, of `all`. */
  readonly done: number;
  readonly all: number;
}

const none: LineSelection = { end: 0, has: () => false, rank: () => 0, next: () => -1, previous: () => -1 };

export class ShownLines {
  readonly marks = new MarkLines();
  readonly #allMarks = new AllLines(() => this.marks.end);
  #processes: LogProcess[] = [];
  #hidden: ReadonlySet<string> = new Set();
  #level: LevelFilter = 'all';
  #filter: Query | null = null;
  #search: Query | null = null;
  readonly #filterScans = new Map<LogProcess, LineScan>();
  readonly #searchScans = new Map<LogProcess, LineScan>();
  /** Where the view was cleared. */
  #floors: ReadonlyMap<LogProcess | null, number> = new Map();
  #isBehind = true;

  get processes(): readonly LogProcess[] {
    return this.#processes;
  }

  /** Adds one behind those that there are. */
  add(process: LogProcess): void {
    this.#processes.push(process);
    this.#isBehind = true;
    this.#rescan();
  }

  /** Names of processes that are switched off. */
  get hidden(): ReadonlySet<string> {
    return this.#hidden;
  }

  set hidden(names: ReadonlySet<string>) {
    this.#hidden = names;
  }

  get level(): LevelFilter {
    return this.#level;
  }

  set level(level: LevelFilter) {
    this.#level = level;
    this.#rescan();
  }

  /** Lines that do not match are not shown; null: all are. */
  get filter(): Query | null {
    return this.#filter;
  }

  set filter(query: Query | null) {
    this.#filter = query;
    this.#rescan();
  }

  get search(): Query | null {
    return this.#search;
  }

  set search(query: Query | null) {
    this.#search = query;
    this.#rescanSearch();
  }

  /** Shows nothing of what has come until now. */
  clear(): void {
    this.#floors = new Map([
      ...this.#processes.map((process) => [process, process.history.end] as const),
      [null, this.marks.end],
    ]);
  }

  get isCleared(): boolean {
    return this.#floors.size > 0;
  }

  unclear(): void {
    this.#floors = new Map();
  }

  /** True until the index has caught up with the disk, and filter and search with the index. */
  get isBehind(): boolean {
    return this.#isBehind || this.#scans().some((scan) => scan.left > 0);
  }

  /** Bytes on disk that have not been taken in; asks the disk only if there are some. */
  unread(): number {
    return this.#isBehind ? this.#processes.reduce((bytes, { history }) => bytes + history.unread(), 0) : 0;
  }

  /** Takes in what is new on disk, until `mayGoOn` says no; true if something was. Uses the buffer during the call only. */
  refresh(buffer: Buffer, mayGoOn: () => boolean): boolean {
    const before = this.#extent();
    this.#isBehind = !this.#processes.every(({ history }) => history.refresh(buffer, mayGoOn));
    return this.#extent() !== before;
  }

  /** Lets filter and search look at more, until `mayGoOn` says no; true if they did. May be broken off at any point, if both are then given up. */
  scan(buffer: Buffer, mayGoOn: () => boolean): boolean {
    const before = this.#extent();
    this.#scans().every((scan) => scan.advance(buffer, mayGoOn));
    return this.#extent() !== before;
  }

  /** A filter comes first: a search looks at what that lets through. */
  #scans(): readonly LineScan[] {
    return [...this.#filterScans.values(), ...this.#searchScans.values()];
  }

  /** Changes whenever there are other lines. */
  #extent(): number {
    let sum = this.marks.end;
    for (const process of this.#processes) {
      sum += process.history.end + process.history.first;
      sum += (this.#filterScans.get(process)?.found.end ?? 0) + (this.#searchScans.get(process)?.found.end ?? 0);
    }
    return sum;
  }

  /** All that is shown, marks included. */
  shown(): MergedLines {
    return new MergedLines(this.#lanes((process) => this.#shownOf(process), this.#allMarks));
  }

  /** Of what is shown, the lines that the search finds. */
  found(): MergedLines {
    return new MergedLines(this.#lanes((process) => this.#searchScans.get(process)?.found ?? none, none));
  }

  /** The marks alone. */
  onlyMarks(): MergedLines {
    return new MergedLines(this.#lanes(() => none, this.#allMarks));
  }

  /** Whether the search has found that line. */
  isFound(process: LogProcess, line: number): boolean {
    return this.#searchScans.get(process)?.found.has(line) ?? false;
  }

  filterProgress(): Progress {
    return progressOf(this.#filterScans.values());
  }

  searchProgress(): Progress {
    return progressOf(this.#searchScans.values());
  }

  laneOf(place: LinePlace): number {
    return place.process === null ? this.#processes.length : this.#processes.indexOf(place.process);
  }

  processAt(lane: number): LogProcess | null {
    return this.#processes[lane] ?? null;
  }

  #shownOf(process: LogProcess): LineSelection {
    return this.#filterScans.get(process)?.found ?? process.history.atLevel(this.#level);
  }

  #lanes(shownOf: (process: LogProcess) => LineSelection, marks: LineSelection): readonly Lane[] {
    const lanes = this.#processes.map((process): Lane => {
      const isHidden = this.#hidden.has(process.history.name);
      return {
        lines: process.history,
        shown: isHidden ? none : shownOf(process),
        floor: this.#floors.get(process) ?? 0,
      };
    });
    return [...lanes, { lines: this.marks, shown: marks, floor: this.#floors.get(null) ?? 0 }];
  }

  #rescan(): void {
    this.#filterScans.clear();
    if (this.#filter !== null) {
      for (const process of this.#processes) {
        const { history } = process;
        this.#filterScans.set(process, new LineScan(history, history.atLevel(this.#level), this.#filter));
      }
    }
    this.#isBehind = true;
    this.#rescanSearch();
  }

  #rescanSearch(): void {
    this.#searchScans.clear();
    this.#isBehind = true;
    if (this.#search === null) return;
    for (const process of this.#processes) {
      this.#searchScans.set(process, new LineScan(process.history, this.#shownOf(process), this.#search));
    }
  }
}

function progressOf(scans: Iterable<LineScan>): Progress {
  let done = 0;
  let left = 0;
  for (const scan of scans) {
    done += scan.found.end;
    left += scan.left;
  }
  return { done, all: done + left };
}

/** Of a longer line, the beginning is shown. */
export const shownBytesMax = 16 * 1024;

/** Reads a line that is kept. */
export function factsOf({ history, colourIndex }: LogProcess, line: number): LineFacts {
  return { ...history.read(line, shownBytesMax), name: history.name, colourIndex };
}

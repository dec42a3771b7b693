/**
 * The history of one process, as the lines of all its files in one row, numbered from the first ever seen: lines keep their numbers
 * while files grow, are rotated and go. Whoever tails it reads each byte once.
 */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { agesOf, historyFile, olderFile } from '../../supervisor/history-files.ts';
import type { StoredLine } from './file-index.ts';
import { FileIndex } from './file-index.ts';
import type { LevelFilter } from './level.ts';
import { gradeOf, levelOf } from './level.ts';
import type { LineSelection } from './line-set.ts';
import { AllLines, LineSet } from './line-set.ts';
import type { PageCache } from './page-table.ts';
import type { VisitLine } from './record-walker.ts';

const infoGrade = gradeOf('info');
const warnGrade = gradeOf('warn');
const errorGrade = gradeOf('error');

/** A file with the number of its first line. */
export interface HistoryPart {
  readonly first: number;
  readonly index: FileIndex;
}

export class ProcessHistory {
  readonly name: string;
  readonly #folder: string;
  readonly #file: string;
  readonly #cache: PageCache;
  /** The oldest first; all but the last are complete. */
  #parts: HistoryPart[] = [];
  /** Files that follow the last of the parts, known but not begun. */
  #coming: OpenFile[] = [];
  readonly #all = new AllLines(() => this.end);
  /** Lines that pass a filter of this level. */
  readonly #levels = { info: new LineSet(), warn: new LineSet(), error: new LineSet() };

  constructor(folder: string, name: string, cache: PageCache) {
    this.name = name;
    this.#folder = folder;
    this.#file = historyFile(folder, name);
    this.#cache = cache;
  }

  /** The number of the first line that is kept. */
  get first(): number {
    return this.#parts[0]?.first ?? 0;
  }

  /** One more than the number of the last line. */
  get end(): number {
    const last = this.#parts.at(-1);
    return last === undefined ? 0 : last.first + last.index.lines;
  }

  /** Lines that a filter by level shows. */
  atLevel(filter: LevelFilter): LineSelection {
    return filter === 'all' ? this.#all : this.#levels[filter];
  }

  /**
   * Takes in what is new until `mayGoOn` says no, asked after each buffer; false if there is more to take in. The buffer is only
   * used during the call.
   */
  refresh(buffer: Buffer, mayGoOn: () => boolean): boolean {
    this.#lookForFiles();
    this.#drop();
    for (;;) {
      // Asked before the last file is read to its end: as long as all that follow are empty, that may grow.
      const isLastWhole = this.#coming.some(({ descriptor }) => fstatSync(descriptor).size > 0);
      const last = this.#parts.at(-1);
      if (last !== undefined) {
        const size = last.index.size();
        while (last.index.advance(size, buffer, this.#take)) if (!mayGoOn()) return false;
      }
      const next = isLastWhole || last === undefined ? this.#coming.shift() : undefined;
      if (next === undefined) return true;
      const index = new FileIndex(next.descriptor, this.#cache, last?.index.orderMs ?? 0);
      this.#parts.push({ first: this.end, index });
    }
  }

  /** Bytes on disk that have not been taken in. */
  unread(): number {
    const last = this.#parts.at(-1);
    const begun = last === undefined ? 0 : last.index.size() - last.index.bytes;
    return this.#coming.reduce((bytes, { descriptor }) => bytes + fstatSync(descriptor).size, begun);
  }

  readonly #take: VisitLine = (bytes, from, to, _offset, _length, position) => {
    const grade = gradeOf(position.stream === 'n' ? 'note' : levelOf(bytes, from, to));
    this.#levels.info.add(grade >= infoGrade);
    this.#levels.warn.add(grade >= warnGrade);
    this.#levels.error.add(grade >= errorGrade);
  };

  /** The line's first `bytesMax` bytes. It must be kept: `first` to `end`. */
  read(line: number, bytesMax: number): StoredLine {
    const { first, index } = this.partOf(line);
    return index.read(line - first, bytesMax);
  }

  /** What the line is ordered by, in ms: when it came, but never before the line before it. */
  orderOf(line: number): number {
    const { first, index } = this.partOf(line);
    return index.orderOf(line - first);
  }

  /** The first line that is kept and ordered at or after `orderMs`; `end` if there is none. */
  lineAt(orderMs: number): number {
    for (const { first, index } of this.#parts) {
      const line = index.lineAt(orderMs);
      if (line < index.lines) return first + line;
    }
    return this.end;
  }

  /** The file that holds a line. */
  partOf(line: number): HistoryPart {
    for (let at = this.#parts.length - 1; at >= 0; at--) {
      const part = this.#parts[at];
      if (part !== undefined && (part.first <= line || at === 0)) return part;
    }
    throw new RangeError(`${this.name} has no line ${line}`);
  }

  close(): void {
    for (const { index } of this.#parts) index.close();
    for (const { descriptor } of this.#coming) closeSync(descriptor);
    this.#parts = [];
    this.#coming = [];
  }

  /** Opens what follows the files that are known. A file that holds something has predecessors that are whole: the writer sees to that. */
  #lookForFiles(): void {
    const current = tryInode(this.#file);
    if (current === null) return; // there is no history yet, or the writer is about to open a new file
    const known = new Set([...this.#parts.map(({ index }) => index.inode), ...this.#coming.map(({ inode }) => inode)]);
    if (known.has(current)) return;
    const older = agesOf(this.#folder, this.name).map((age) => olderFile(this.#file, age));
    const files = [...older, this.#file].map(tryOpen).filter((file) => file !== null);
    const isSettled = tryInode(this.#file) === current;
    const after = files.findLastIndex(({ inode }) => known.has(inode)) + 1;
    for (const [at, file] of files.entries()) {
      // If files were renamed meanwhile, one may have been missed: the next time will do.
      if (at >= after && isSettled) this.#coming.push(file);
      else closeSync(file.descriptor);
    }
  }

  #drop(): void {
    let [oldest] = this.#parts;
    while (oldest !== undefined && this.#parts.length > 1 && oldest.index.isGone()) {
      oldest.index.close();
      this.#parts.shift();
      [oldest] = this.#parts;
    }
    for (const set of Object.values(this.#levels)) set.dropBefore(this.first);
  }
}

interface OpenFile {
  readonly descriptor: number;
  readonly inode: number;
}

function tryInode(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? null;
}

function tryOpen(file: string): OpenFile | null {
  try {
    const descriptor = openSync(file, 'r');
    return { descriptor, inode: fstatSync(descriptor).ino };
  } catch {
    return null;
  }
}

/**
 * Finds the lines of a process that match, over all its history on disk and on as that grows, in steps of a page of lines. What the
 * pattern begins with is looked for in the bytes: pages without it are passed over at the speed of memory.
 */

import type { FileIndex } from './file-index.ts';
import type { LineSelection } from './line-set.ts';
import { LineSet } from './line-set.ts';
import { shownText } from './line-text.ts';
import { pageLines } from './page-table.ts';
import type { HistoryPart, ProcessHistory } from './process-history.ts';
import type { Query } from './query.ts';
import type { VisitLine, WalkPosition } from './record-walker.ts';

export class LineScan {
  readonly query: Query;
  readonly #history: ProcessHistory;
  readonly #among: LineSelection;
  readonly #found: LineSet;
  /** Where the next line to decide is in its file; null: where its page begins is all that is known. */
  #resume: { readonly index: FileIndex; readonly line: number; readonly position: WalkPosition } | null = null;

  /** Looks at the lines of `among` only. */
  constructor(history: ProcessHistory, among: LineSelection, query: Query) {
    this.#history = history;
    this.#among = among;
    this.query = query;
    this.#found = new LineSet(history.first);
  }

  /** The lines that match, as far as has been looked. */
  get found(): LineSelection {
    return this.#found;
  }

  /** Lines that have not been looked at. */
  get left(): number {
    return Math.max(0, Math.min(this.#among.end, this.#history.end) - this.#found.end);
  }

  /** Goes on until all is looked at (true), or `mayGoOn`, asked after each page, says no. Uses the buffer during the call only. */
  advance(buffer: Buffer, mayGoOn: () => boolean): boolean {
    this.#found.dropBefore(this.#history.first);
    while (this.left > 0) {
      this.#step(buffer);
      if (!mayGoOn()) return this.left === 0;
    }
    return true;
  }

  #step(buffer: Buffer): void {
    const end = this.#found.end + this.left;
    const next = this.#among.next(Math.max(this.#found.end, this.#history.first));
    if (next < 0 || next >= end) {
      this.#found.skipTo(end);
      return;
    }
    const part = this.#history.partOf(next);
    const page = Math.floor((next - part.first) / pageLines);
    const pageFirst = part.first + page * pageLines;
    const pageEnd = Math.min(pageFirst + pageLines, part.first + part.index.lines);
    this.#found.skipTo(Math.max(this.#found.end, pageFirst));
    this.#scan(part, page, Math.min(pageEnd, end), buffer);
  }

  /** Decides the lines of a page up to `end`. */
  #scan({ first, index }: HistoryPart, page: number, end: number, buffer: Buffer): void {
    const start = index.pageStart(page);
    const isResumed = this.#resume?.index === index && this.#resume.line === this.#found.end;
    const position = isResumed && this.#resume !== null ? this.#resume.position : start.position;
    let line = isResumed ? this.#found.end : first + page * pageLines;
    this.#resume = null;
    const size = start.position.offset + start.bytes - position.offset;
    const piece =
      this.query.literal !== null && size <= buffer.length ? index.readBytes(position.offset, size, buffer) : null;
    const literal = this.#literalFor(piece);
    if (piece !== null && literal !== null && !piece.includes(literal)) {
      this.#found.skipTo(end);
      if (end === first + index.lines) this.#resume = { index, line: end, position: index.endPosition() };
      return;
    }
    const matches = matcher(this.query, literal);
    const visit: VisitLine = (bytes, from, to, offset, length, record) => {
      if (line === this.#found.end) {
        this.#found.add(this.#among.has(line) && matches(bytes, from, to, offset, length, record));
      }
      line++;
    };
    while (line < end && index.walk(position, end - line, buffer, visit) > 0);
    this.#found.skipTo(end); // the file is shorter than it was: somebody cut it
    this.#resume = { index, line: end, position };
  }

  /** What lines of a piece have if they match. */
  #literalFor(piece: Buffer | null): Buffer | null {
    const { literal, asShown } = this.query;
    return asShown && (piece === null || piece.includes(unicodeEscape)) ? null : literal;
  }
}

/** Whether a line matches: one that passes through here for each piece of a file, from its beginning. */
function matcher({ regex, asShown }: Query, literal: Buffer | null): (...line: Parameters<VisitLine>) => boolean {
  let piece: Buffer | null = null;
  /** The next place of the literal in the piece, at or after the line. */
  let hit = -1;
  return (bytes, from, to) => {
    if (literal !== null) {
      if (piece !== bytes || (hit >= 0 && hit < from)) {
        piece = bytes;
        hit = bytes.indexOf(literal, from);
      }
      if (hit < 0 || hit >= to) return false;
    }
    const text = bytes.toString('utf8', from, to);
    return regex.test(text) || (asShown && regex.test(shownText(text)));
  };
}

const unicodeEscape = Buffer.from('\\u');

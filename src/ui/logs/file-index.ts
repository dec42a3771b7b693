/**
 * An index over one history file: how many lines it has, and where every 1024th begins, with what is needed to read on from there.
 * It follows the file as that grows; eight numbers are kept for a page of lines, whatever their length.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import type { HistoryStream } from '../../supervisor/history-format.ts';
import type { PageCache } from './page-table.ts';
import { PageTable, pageLines } from './page-table.ts';
import type { VisitLine, WalkPosition } from './record-walker.ts';
import { startPosition, walkLines } from './record-walker.ts';

/** A line as it is on disk. */
export interface StoredLine {
  readonly timeMs: number;
  readonly stream: HistoryStream;
  /** Its beginning, if it is longer than was asked for. */
  readonly bytes: Buffer;
  /** Of all of it, without the newline. */
  readonly length: number;
}

let indexes = 0;

export class FileIndex {
  /** Whole lines that are in the index. */
  lines = 0;
  readonly inode: number;
  readonly #descriptor: number;
  readonly #cache: PageCache;
  /** Tells its pages from others in the cache. */
  readonly #key = ++indexes;
  readonly #position: WalkPosition;
  /** The beginnings of pages. */
  readonly #marks: WalkPosition[] = [];
  /** Who is shown the lines that are being taken in. */
  #visit: VisitLine = () => {};
  /** The page that is being filled. */
  #last: PageTable;

  /** Takes over the descriptor. `orderMs` is where the file before it ended. */
  constructor(descriptor: number, cache: PageCache, orderMs: number) {
    this.#descriptor = descriptor;
    this.#cache = cache;
    this.inode = fstatSync(descriptor).ino;
    this.#position = startPosition(orderMs);
    this.#last = new PageTable();
  }

  /** Bytes of the file that are in the index, and of which the rest of an unfinished record is not. */
  get bytes(): number {
    return this.#position.offset;
  }

  /** The order of its last line. */
  get orderMs(): number {
    return this.#position.orderMs;
  }

  /** True once the file has no name any more. */
  isGone(): boolean {
    return fstatSync(this.#descriptor).nlink === 0;
  }

  size(): number {
    return fstatSync(this.#descriptor).size;
  }

  /** Takes in what one buffer holds of the first `size` bytes, and shows it to `visit`; false if there was nothing. */
  advance(size: number, buffer: Buffer, visit: VisitLine): boolean {
    const before = this.#position.offset;
    this.#visit = visit;
    const visited = walkLines(this.#descriptor, this.#position, size, Number.MAX_SAFE_INTEGER, buffer, this.#taken);
    return visited > 0 || this.#position.offset > before;
  }

  /** Made once, and without rest parameters: it runs for each line. */
  readonly #taken: VisitLine = (bytes, from, to, offset, length, position) => {
    this.#add(offset, length, position);
    this.#visit(bytes, from, to, offset, length, position);
  };

  #add(offset: number, length: number, position: WalkPosition): void {
    if (this.lines % pageLines === 0) {
      if (this.lines > 0) {
        this.#cache.put(this.#pageKey(this.lines / pageLines - 1), this.#last);
        this.#last = this.#cache.blank();
      }
      this.#marks.push({ ...position, offset });
    }
    this.#last.add(offset, length, position.timeMs, position.orderMs, position.stream);
    this.lines++;
  }

  /** `line` is one of this file, from 0. Its first `bytesMax` bytes. */
  read(line: number, bytesMax: number): StoredLine {
    const page = this.#page(Math.floor(line / pageLines));
    const at = line % pageLines;
    const length = page.length(at);
    const bytes = Buffer.allocUnsafe(Math.min(length, bytesMax));
    const read = readSync(this.#descriptor, bytes, 0, bytes.length, page.offset(at));
    return { timeMs: page.timeMs(at), stream: page.stream(at), bytes: bytes.subarray(0, read), length };
  }

  orderOf(line: number): number {
    return this.#page(Math.floor(line / pageLines)).orderMs(line % pageLines);
  }

  /** The first line that is ordered at or after `orderMs`; `lines` if all are before. */
  lineAt(orderMs: number): number {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#marks[middle]?.orderMs ?? 0) < orderMs) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    return (low - 1) * pageLines + this.#page(low - 1).lineAt(orderMs);
  }

  /** Where a walk that begins with this line, the first of a page, stands; and how many bytes its page has. */
  pageStart(page: number): { readonly position: WalkPosition; readonly bytes: number } {
    const mark = this.#marks[page] ?? this.#position;
    const next = this.#marks[page + 1] ?? this.#position;
    return { position: { ...mark }, bytes: next.offset - mark.offset };
  }

  /** Where a walk stands that has gone through all that is in the index. */
  endPosition(): WalkPosition {
    return { ...this.#position };
  }

  /** As `walkLines`, over what is in the index. */
  walk(position: WalkPosition, linesMax: number, buffer: Buffer, visit: VisitLine): number {
    return walkLines(this.#descriptor, position, this.#position.offset, linesMax, buffer, visit);
  }

  /** The bytes of the file from `offset` on, into `buffer`. */
  readBytes(offset: number, bytes: number, buffer: Buffer): Buffer {
    return buffer.subarray(0, readSync(this.#descriptor, buffer, 0, Math.min(bytes, buffer.length), offset));
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #page(page: number): PageTable {
    if (page === this.#marks.length - 1) return this.#last;
    const key = this.#pageKey(page);
    const known = this.#cache.get(key);
    if (known !== null) return known;
    const table = this.#cache.blank();
    const { position } = this.pageStart(page);
    while (table.count < pageLines) {
      const visited = this.walk(
        position,
        pageLines - table.count,
        pageBuffer,
        (_bytes, _from, _to, offset, length, record) =>
          table.add(offset, length, record.timeMs, record.orderMs, record.stream),
      );
      if (visited === 0) break;
    }
    this.#cache.put(key, table);
    return table;
  }

  #pageKey(page: number): string {
    return `${this.#key}/${page}`;
  }
}

/** For the pages that are read again; there is one thread. */
const pageBuffer = Buffer.allocUnsafe(256 * 1024);

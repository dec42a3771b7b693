/** Where the lines of one page of a history file are, and when they came: 1024 of them, as numbers in arrays that are used again. Pure. */
import type { HistoryStream } from '../../supervisor/history-format.ts';

/** Lines to a page: as many as are worth reading to find one of them (200 KB of zap lines, 0.1 ms). */
export const pageLines = 1024;

const streams: readonly HistoryStream[] = ['o', 'e', 'n'];

export class PageTable {
  count = 0;
  readonly #offsets = new Float64Array(pageLines);
  readonly #lengths = new Float64Array(pageLines);
  readonly #times = new Float64Array(pageLines);
  readonly #orders = new Float64Array(pageLines);
  readonly #streams = new Uint8Array(pageLines);

  add(offset: number, length: number, timeMs: number, orderMs: number, stream: HistoryStream): void {
    const at = this.count++;
    this.#offsets[at] = offset;
    this.#lengths[at] = length;
    this.#times[at] = timeMs;
    this.#orders[at] = orderMs;
    this.#streams[at] = streams.indexOf(stream);
  }

  /** In the file, of the line's first byte. */
  offset(at: number): number {
    return this.#offsets[at] ?? 0;
  }

  /** In bytes, without the newline. */
  length(at: number): number {
    return this.#lengths[at] ?? 0;
  }

  timeMs(at: number): number {
    return this.#times[at] ?? 0;
  }

  orderMs(at: number): number {
    return this.#orders[at] ?? 0;
  }

  stream(at: number): HistoryStream {
    return streams[this.#streams[at] ?? 0] ?? 'o';
  }

  /** The first line that is ordered at or after `orderMs`; `count` if all are before. */
  lineAt(orderMs: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.orderMs(middle) < orderMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The pages looked at last, of all files; the others are made again when they are asked for. */
export class PageCache {
  readonly #max: number;
  /** In order of use, the latest last. */
  readonly #pages = new Map<string, PageTable>();

  constructor(max = cachedPagesMax) {
    this.#max = max;
  }

  get(key: string): PageTable | null {
    const page = this.#pages.get(key);
    if (page === undefined) return null;
    this.#pages.delete(key);
    this.#pages.set(key, page);
    return page;
  }

  put(key: string, page: PageTable): void {
    this.#pages.set(key, page);
  }

  /** An empty page, for which the one that was not used for longest goes, if there are enough. */
  blank(): PageTable {
    if (this.#pages.size < this.#max) return new PageTable();
    for (const [key, page] of this.#pages) {
      this.#pages.delete(key);
      page.count = 0;
      return page;
    }
    return new PageTable();
  }
}

/** About 34 KB each. */
const cachedPagesMax = 64;

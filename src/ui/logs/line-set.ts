/**
 * Which lines of a log are in a set, as one bit a line with a count every 1024: a million lines take 128 KiB, and how many come
 * before one, or which is the nth, is found without going through them. Hot path: `add` runs once a line (30,000 a second) and
 * allocates only when the set doubles. Pure.
 */

/** What can be asked of the lines that a view shows; line numbers count from the first line ever, kept or not. */
export interface LineSelection {
  /** Lines from here on have not been decided. */
  readonly end: number;
  has(line: number): boolean;
  /** How many lines below `line` are in it, lines included that are no longer kept. */
  rank(line: number): number;
  /** The first from `line` on; -1: none. */
  next(line: number): number;
  /** The last below `line`; -1: none. */
  previous(line: number): number;
}

const pageLines = 1024;
const pageWords = pageLines / 32;

export class LineSet implements LineSelection {
  #bits = new Uint32Array(pageWords);
  /** Members below each page. */
  #counts = new Float64Array(1);
  /** The page number of the first page that is kept. */
  #firstPage: number;
  #end: number;
  #members = 0;

  /** A set whose first line is `start`. */
  constructor(start = 0) {
    this.#firstPage = Math.floor(start / pageLines);
    this.#end = start;
  }

  get end(): number {
    return this.#end;
  }

  /** Decides the next line. */
  add(isMember: boolean): void {
    const at = this.#end - this.#firstPage * pageLines;
    if (at % pageLines === 0) this.#openPage(at / pageLines);
    if (isMember) {
      const word = at >>> 5;
      this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (at & 31));
      this.#members++;
    }
    this.#end++;
  }

  /** Decides all lines below `end`: they are not in it. */
  skipTo(end: number): void {
    while (this.#end < end) {
      const at = this.#end - this.#firstPage * pageLines;
      if (at % pageLines === 0) this.#openPage(at / pageLines);
      this.#end = Math.min(end, (Math.floor(this.#end / pageLines) + 1) * pageLines);
    }
  }

  /** Forgets lines below `line`, in whole pages; they still count. */
  dropBefore(line: number): void {
    const pages = Math.min(Math.floor(line / pageLines), Math.floor(this.#end / pageLines)) - this.#firstPage;
    if (pages <= 0) return;
    this.#bits = this.#bits.slice(pages * pageWords);
    this.#counts = this.#counts.slice(pages);
    if (this.#counts.length === 0) {
      this.#bits = new Uint32Array(pageWords);
      this.#counts = new Float64Array(1);
    }
    this.#firstPage += pages;
  }

  has(line: number): boolean {
    const at = line - this.#firstPage * pageLines;
    return at >= 0 && line < this.#end && ((this.#bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  rank(line: number): number {
    if (line >= this.#end) return this.#members;
    const at = line - this.#firstPage * pageLines;
    if (at <= 0) return this.#counts[0] ?? 0;
    const page = Math.floor(at / pageLines);
    let count = this.#counts[page] ?? 0;
    const last = at >>> 5;
    for (let word = page * pageWords; word < last; word++) count += ones(this.#bits[word] ?? 0);
    const below = at & 31;
    return below === 0 ? count : count + ones((this.#bits[last] ?? 0) & ((1 << below) - 1));
  }

  next(line: number): number {
    const from = Math.max(0, line - this.#firstPage * pageLines);
    const end = this.#end - this.#firstPage * pageLines;
    if (from >= end) return -1;
    let word = from >>> 5;
    let bits = (this.#bits[word] ?? 0) & (-1 << (from & 31));
    const words = (end + 31) >>> 5;
    while (bits === 0) {
      word++;
      if (word >= words) return -1;
      if (word % pageWords === 0) word = this.#skipEmptyPages(word, words);
      bits = this.#bits[word] ?? 0;
    }
    const at = word * 32 + (31 - Math.clz32(bits & -bits));
    return at + this.#firstPage * pageLines;
  }

  previous(line: number): number {
    const below = Math.min(line, this.#end) - this.#firstPage * pageLines;
    if (below <= 0) return -1;
    let word = (below - 1) >>> 5;
    const within = below - word * 32;
    let bits = (this.#bits[word] ?? 0) & (within >= 32 ? -1 : (1 << within) - 1);
    while (bits === 0) {
      word--;
      if (word < 0) return -1;
      if (word % pageWords === pageWords - 1) {
        while (word > 0 && this.#pageCount(Math.floor(word / pageWords)) === 0) word -= pageWords;
        if (word < 0) return -1;
      }
      bits = this.#bits[word] ?? 0;
    }
    return word * 32 + (31 - Math.clz32(bits)) + this.#firstPage * pageLines;
  }

  #skipEmptyPages(word: number, words: number): number {
    let at = word;
    while (at + pageWords < words && this.#pageCount(at / pageWords) === 0) at += pageWords;
    return at;
  }

  /** Members in a page that is kept. */
  #pageCount(page: number): number {
    const pages = Math.ceil((this.#end - this.#firstPage * pageLines) / pageLines);
    const after = page + 1 < pages ? (this.#counts[page + 1] ?? 0) : this.#members;
    return after - (this.#counts[page] ?? 0);
  }

  #openPage(page: number): void {
    if (page >= this.#counts.length) {
      const counts = new Float64Array(this.#counts.length * 2);
      counts.set(this.#counts);
      this.#counts = counts;
    }
    if ((page + 1) * pageWords > this.#bits.length) {
      const bits = new Uint32Array(this.#counts.length * pageWords);
      bits.set(this.#bits);
      this.#bits = bits;
    }
    this.#counts[page] = this.#members;
  }
}

/** Every line up to where `endOf` says. */
export class AllLines implements LineSelection {
  readonly #endOf: () => number;

  constructor(endOf: () => number) {
    this.#endOf = endOf;
  }

  get end(): number {
    return this.#endOf();
  }

  has(line: number): boolean {
    return line >= 0 && line < this.end;
  }

  rank(line: number): number {
    return Math.min(line, this.end);
  }

  next(line: number): number {
    return line < this.end ? Math.max(0, line) : -1;
  }

  previous(line: number): number {
    return Math.min(line, this.end) - 1;
  }
}

/** Bits that are set (Hacker's Delight, 5-2). */
function ones(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

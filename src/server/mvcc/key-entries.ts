/**
 * What the index knows about each key: the newest revision in one row of a table, and older revisions in blocks of a pool.
 *
 * Hot path: rows and blocks live in typed arrays of fixed size, so that a key costs no JavaScript object, growing copies nothing
 * and garbage collection sees nothing. Most keys of most stores have one revision and need no block. Benchmark: bench/mvcc.ts.
 *
 * A key's revisions form generations as in etcd (server/storage/mvcc/key_index.go): a tombstone ends one, the next put starts
 * another. They are kept as one ascending list with the tombstones marked, because where a generation ends is all that matters;
 * only the newest generation's creation and version are needed, to number the next put.
 */
import { invariant } from '../../base/assert.ts';

const rowsPerSegmentLog2 = 12;
const rowsPerSegment = 1 << rowsPerSegmentLog2;
const rowNumbers = 4;

/** Columns of a row. */
const main = 0;
const flags = 1;
const created = 2;
const version = 3;

/** Flags of a revision: the sub revision times 4, plus these. */
const tombstoneFlag = 1;
const leasedFlag = 2;
const flagValues = 4;

class RowSegment {
  readonly numbers = new Float64Array(rowsPerSegment * rowNumbers);
  /** The newest block of older revisions, or 0. */
  readonly history = new Uint32Array(rowsPerSegment);
}

const rowSegmentBytes = rowsPerSegment * (rowNumbers * 8 + 4);

/** Units are pairs of numbers. Unit 0 of a block is its header (older block, count << classBits | class), others are revisions. */
const unitsPerSegmentLog2 = 15;
const unitsPerSegment = 1 << unitsPerSegmentLog2;
const blockCapacities = [2, 8, 32, 128, 512] as const;
const largestClass = blockCapacities.length - 1;
/** Shifts, because a remainder of floating-point numbers takes longer than the rest of a put. */
const classBits = 3;
const classMask = (1 << classBits) - 1;

export class KeyEntries {
  /** Of the last `resolve` that returned true: the revision. */
  foundMain = 0;
  foundSub = 0;
  /** Of the last `put`: the key's creation, its version. Of the last put or restored tombstone: whether the put before it, if alive, had a lease. */
  created = 0;
  version = 0;
  hadLease = false;
  #rows: RowSegment[] = [new RowSegment()];
  /** Row 0 is never given out. */
  #rowCount = 1;
  #freeRows: number[] = [];
  #units: Float64Array[] = [];
  #unitCount = 1;
  readonly #freeBlocks: number[][] = blockCapacities.map(() => []);

  /** Bytes of memory that rows and blocks occupy. */
  get bytes(): number {
    return this.#rows.length * rowSegmentBytes + this.#units.length * unitsPerSegment * 16;
  }

  /** A row for a new key; to be filled by `put` or `restore` at once. */
  allocate(): number {
    const row = this.#freeRows.pop() ?? this.#rowCount++;
    if (row >>> rowsPerSegmentLog2 === this.#rows.length) this.#rows.push(new RowSegment());
    const segment = this.#rowSegment(row);
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    segment.numbers[at + main] = 0;
    segment.numbers[at + flags] = tombstoneFlag;
    segment.history[row & (rowsPerSegment - 1)] = 0;
    return row;
  }

  free(row: number): void {
    this.#freeRows.push(row);
  }

  /** Whether the key exists now. */
  isAlive(row: number): boolean {
    return (this.#number(row, flags) & tombstoneFlag) === 0;
  }

  /** Whether the key's newest revision is a put with a lease. */
  isLeased(row: number): boolean {
    return (this.#number(row, flags) & leasedFlag) !== 0;
  }

  newestMain(row: number): number {
    return this.#number(row, main);
  }

  /** Records a put. Afterwards `created`, `version` and `hadLease` say what the record needs. */
  put(row: number, putMain: number, putSub: number, leased: boolean): void {
    const numbers = this.#rowSegment(row).numbers;
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    const oldMain = numbers[at + main] as number;
    const oldFlags = numbers[at + flags] as number;
    if (oldMain !== 0) this.#pushHistory(row, oldMain, oldFlags, putMain, putSub);
    if ((oldFlags & tombstoneFlag) !== 0) {
      this.created = putMain;
      this.version = 1;
      this.hadLease = false;
      numbers[at + created] = putMain;
    } else {
      this.created = numbers[at + created] as number;
      this.version = (numbers[at + version] as number) + 1;
      this.hadLease = (oldFlags & leasedFlag) !== 0;
    }
    numbers[at + version] = this.version;
    numbers[at + main] = putMain;
    numbers[at + flags] = putSub * flagValues + (leased ? leasedFlag : 0);
  }

  /** Records the deletion of a key that is alive. */
  bury(row: number, deleteMain: number, deleteSub: number): void {
    const numbers = this.#rowSegment(row).numbers;
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    const oldFlags = numbers[at + flags] as number;
    invariant((oldFlags & tombstoneFlag) === 0, 'only a key that is alive is deleted');
    this.#pushHistory(row, numbers[at + main] as number, oldFlags, deleteMain, deleteSub);
    numbers[at + main] = deleteMain;
    numbers[at + flags] = deleteSub * flagValues + tombstoneFlag;
  }

  /** Takes over what a stored record says of its key: the first that the store still has, or one after those restored before. */
  restorePut(
    row: number,
    putMain: number,
    putSub: number,
    createdMain: number,
    putVersion: number,
    leased: boolean,
  ): void {
    this.put(row, putMain, putSub, leased);
    const numbers = this.#rowSegment(row).numbers;
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    numbers[at + created] = createdMain;
    numbers[at + version] = putVersion;
  }

  /** Like `restorePut` for a tombstone; it may be the first record that is left of its key. */
  restoreTombstone(row: number, deleteMain: number, deleteSub: number): void {
    const numbers = this.#rowSegment(row).numbers;
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    const oldMain = numbers[at + main] as number;
    const oldFlags = numbers[at + flags] as number;
    if (oldMain !== 0) this.#pushHistory(row, oldMain, oldFlags, deleteMain, deleteSub);
    this.hadLease = (oldFlags & leasedFlag) !== 0;
    numbers[at + main] = deleteMain;
    numbers[at + flags] = deleteSub * flagValues + tombstoneFlag;
  }

  /** Finds the revision that reads at `atMain` see: sets `foundMain` and `foundSub`, or returns false if the key was not there. */
  resolve(row: number, atMain: number): boolean {
    const numbers = this.#rowSegment(row).numbers;
    const at = (row & (rowsPerSegment - 1)) * rowNumbers;
    const newest = numbers[at + main] as number;
    if (newest > atMain) return this.#resolveInHistory(row, atMain);
    const newestFlags = numbers[at + flags] as number;
    if ((newestFlags & tombstoneFlag) !== 0) return false;
    this.foundMain = newest;
    this.foundSub = Math.floor(newestFlags / flagValues);
    return true;
  }

  /** Finds the newest revision not after `atMain`, be it a tombstone; false if there is none. Sets `foundMain` and `foundSub`. */
  locate(row: number, atMain: number): boolean {
    const newest = this.#number(row, main);
    if (newest <= atMain) {
      this.foundMain = newest;
      this.foundSub = Math.floor(this.#number(row, flags) / flagValues);
      return true;
    }
    const block = this.#blockAt(this.#rowSegment(row).history[row & (rowsPerSegment - 1)] as number, atMain);
    if (block === 0) return false;
    const at = this.#lastNotAfter(block, atMain);
    const units = this.#unitSegment(block);
    this.foundMain = units[at] as number;
    this.foundSub = Math.floor((units[at + 1] as number) / flagValues);
    return true;
  }

  /**
   * Drops what no read at `atMain` or later can see: every revision before the last one not after `atMain`, and that one too if it
   * is a tombstone older than `atMain` (a tombstone of `atMain` itself stays until the next compaction, as since etcd 3.5.16).
   * Returns true if nothing is left: the caller then removes the key.
   */
  compact(row: number, atMain: number): boolean {
    const newestMain = this.#number(row, main);
    if (newestMain > atMain) {
      this.#compactHistory(row, atMain);
      return false;
    }
    const segment = this.#rowSegment(row);
    const local = row & (rowsPerSegment - 1);
    this.#freeBlocksFrom(segment.history[local] as number);
    segment.history[local] = 0;
    const newestFlags = this.#number(row, flags);
    return (newestFlags & tombstoneFlag) !== 0 && newestMain !== atMain;
  }

  /** Whether `compact` could have anything to do: the cheap test that spares most keys of most stores. */
  isSingle(row: number): boolean {
    return this.isAlive(row) && this.#rowSegment(row).history[row & (rowsPerSegment - 1)] === 0;
  }

  #pushHistory(row: number, oldMain: number, oldFlags: number, newMain: number, newSub: number): void {
    // The text is made only when it is needed: it would take longer than the rest of a put.
    if (newMain <= oldMain && (newMain < oldMain || newSub <= Math.floor(oldFlags / flagValues)))
      invariant(false, `revision ${newMain}.${newSub} comes after ${oldMain}`);
    const history = this.#rowSegment(row).history;
    const local = row & (rowsPerSegment - 1);
    let block = history[local] as number;
    let blockClass = block === 0 ? -1 : this.#blockClass(block);
    let count = block === 0 ? 0 : this.#blockCount(block);
    if (block === 0 || count === (blockCapacities[blockClass] as number)) {
      blockClass = Math.min(blockClass + 1, largestClass);
      block = this.#allocateBlock(blockClass, block);
      history[local] = block;
      count = 0;
    }
    const units = this.#unitSegment(block);
    const start = (block & (unitsPerSegment - 1)) * 2;
    const at = start + 2 + count * 2;
    units[at] = oldMain;
    units[at + 1] = oldFlags;
    units[start + 1] = ((count + 1) << classBits) | blockClass;
  }

  #resolveInHistory(row: number, atMain: number): boolean {
    const block = this.#blockAt(this.#rowSegment(row).history[row & (rowsPerSegment - 1)] as number, atMain);
    if (block === 0) return false;
    const at = this.#lastNotAfter(block, atMain);
    const units = this.#unitSegment(block);
    const foundFlags = units[at + 1] as number;
    if ((foundFlags & tombstoneFlag) !== 0) return false;
    this.foundMain = units[at] as number;
    this.foundSub = Math.floor(foundFlags / flagValues);
    return true;
  }

  /** The newest block from `block` backwards that holds a revision not after `atMain`, or 0. */
  #blockAt(newest: number, atMain: number): number {
    let block = newest;
    while (block !== 0) {
      const units = this.#unitSegment(block);
      const start = (block & (unitsPerSegment - 1)) * 2;
      if ((units[start + 2] as number) <= atMain) return block;
      block = units[start] as number;
    }
    return 0;
  }

  /** Where in its segment the last revision of a block that is not after `atMain` stands; the first one is not. */
  #lastNotAfter(block: number, atMain: number): number {
    const units = this.#unitSegment(block);
    const first = (block & (unitsPerSegment - 1)) * 2 + 2;
    let low = 0;
    let high = this.#blockCount(block);
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((units[first + middle * 2] as number) <= atMain) low = middle;
      else high = middle;
    }
    return first + low * 2;
  }

  #compactHistory(row: number, atMain: number): void {
    const history = this.#rowSegment(row).history;
    const local = row & (rowsPerSegment - 1);
    const newest = history[local] as number;
    const block = this.#blockAt(newest, atMain);
    if (block === 0) return;
    const units = this.#unitSegment(block);
    const start = (block & (unitsPerSegment - 1)) * 2;
    this.#freeBlocksFrom(units[start] as number);
    units[start] = 0;
    let kept = this.#lastNotAfter(block, atMain);
    if (((units[kept + 1] as number) & tombstoneFlag) !== 0 && (units[kept] as number) < atMain) kept += 2;
    const first = start + 2;
    const count = this.#blockCount(block) - (kept - first) / 2;
    if (count > 0) {
      units.copyWithin(first, kept, kept + count * 2);
      units[start + 1] = (count << classBits) | this.#blockClass(block);
      return;
    }
    this.#freeBlock(block);
    if (block === newest) history[local] = 0;
    else this.#cutAfter(newest, block);
  }

  /** Makes the block that points to `older` the oldest of its chain. */
  #cutAfter(newest: number, older: number): void {
    let block = newest;
    while (block !== 0) {
      const units = this.#unitSegment(block);
      const start = (block & (unitsPerSegment - 1)) * 2;
      if (units[start] === older) {
        units[start] = 0;
        return;
      }
      block = units[start] as number;
    }
  }

  #freeBlocksFrom(newest: number): void {
    let block = newest;
    while (block !== 0) {
      const older = this.#unitSegment(block)[(block & (unitsPerSegment - 1)) * 2] as number;
      this.#freeBlock(block);
      block = older;
    }
  }

  #allocateBlock(blockClass: number, older: number): number {
    let block = (this.#freeBlocks[blockClass] as number[]).pop();
    if (block === undefined) {
      const units = (blockCapacities[blockClass] as number) + 1;
      // A block does not cross segments: the rest of a segment that is too short stays unused.
      const left = unitsPerSegment - (this.#unitCount & (unitsPerSegment - 1));
      if (left < units) this.#unitCount += left;
      block = this.#unitCount;
      this.#unitCount += units;
      if (block >>> unitsPerSegmentLog2 >= this.#units.length) this.#units.push(new Float64Array(unitsPerSegment * 2));
    }
    const start = (block & (unitsPerSegment - 1)) * 2;
    const units = this.#unitSegment(block);
    units[start] = older;
    units[start + 1] = blockClass;
    return block;
  }

  #freeBlock(block: number): void {
    (this.#freeBlocks[this.#blockClass(block)] as number[]).push(block);
  }

  #blockClass(block: number): number {
    return (this.#unitSegment(block)[(block & (unitsPerSegment - 1)) * 2 + 1] as number) & classMask;
  }

  #blockCount(block: number): number {
    return (this.#unitSegment(block)[(block & (unitsPerSegment - 1)) * 2 + 1] as number) >>> classBits;
  }

  #unitSegment(block: number): Float64Array {
    return this.#units[block >>> unitsPerSegmentLog2] as Float64Array;
  }

  #rowSegment(row: number): RowSegment {
    return this.#rows[row >>> rowsPerSegmentLog2] as RowSegment;
  }

  #number(row: number, column: number): number {
    return this.#rowSegment(row).numbers[(row & (rowsPerSegment - 1)) * rowNumbers + column] as number;
  }
}

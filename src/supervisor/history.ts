/** Writes the log history of a process. */
import { closeSync, fstatSync, openSync, renameSync, unlink } from 'node:fs';
import type { HistoryLimits } from './history-files.ts';
import { agesOf, defaultHistoryLimits, historyFile, olderFile } from './history-files.ts';
import type { HistoryStream } from './history-format.ts';
import { headerText } from './history-format.ts';
import { makeFolder } from './make-folder.ts';
import type { Output } from './output.ts';
import { fileOutput } from './output.ts';
import { BlockPool } from './text-blocks.ts';

const flushPatienceMs = 1_000;
/** Readers look less often than this, and a flood is cheaper in larger pieces. */
const gatherMs = 10;

export class HistoryWriter {
  readonly #folder: string;
  readonly #name: string;
  readonly #limits: HistoryLimits;
  readonly #file: string;
  readonly #pool: BlockPool;
  #descriptor: number;
  #output: Output;
  #bytes: number;
  readonly #closing = new Set<Promise<void>>();
  readonly #congested = new Set<Output>();
  #ending = false;
  /** Called when the disk does not keep up (true), and when it has caught up (false). */
  onCongestion: (congested: boolean) => void = () => {};
  /** Called once when the files take no more (the disk is full, the folder is gone); what comes then is dropped. */
  onFailed: (error: Error) => void = () => {};
  #failed = false;

  /** Appends to what is there. Throws if the file cannot be opened. Several may share a `pool`. */
  constructor(folder: string, name: string, limits = defaultHistoryLimits, pool = new BlockPool()) {
    makeFolder(folder, 0o700);
    this.#folder = folder;
    this.#name = name;
    this.#limits = limits;
    this.#pool = pool;
    this.#file = historyFile(folder, name);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#bytes = fstatSync(this.#descriptor).size;
    this.#output = this.#open(null);
  }

  /** The block may change afterwards. */
  append(timeMs: number, stream: HistoryStream, block: Buffer): void {
    let rest = block;
    if (this.#failed) return;
    for (let cut = this.#cutOf(rest); cut > 0; cut = this.#cutOf(rest)) {
      this.#add(timeMs, stream, rest.subarray(0, cut));
      rest = rest.subarray(cut);
    }
    this.#add(timeMs, stream, rest);
  }

  /** Where a block that is larger than a file is to be cut, after a line; 0 if not at all. */
  #cutOf(block: Buffer): number {
    const { fileBytes } = this.#limits;
    if (block.length <= fileBytes) return 0;
    const within = block.lastIndexOf(0x0a, fileBytes - 1) + 1;
    const cut = within > 0 ? within : block.indexOf(0x0a, fileBytes) + 1;
    return cut === block.length ? 0 : cut;
  }

  #add(timeMs: number, stream: HistoryStream, block: Buffer): void {
    const header = headerText(timeMs, stream, block.length);
    this.#output.writeLatin1(header);
    this.#output.writeCopy(block);
    this.#bytes += header.length + block.length;
    if (this.#bytes > this.#limits.fileBytes) this.#tryRotate();
  }

  /** Resolves when all is written, or when the disk has taken nothing for a second. */
  async close(): Promise<void> {
    this.#ending = true;
    void this.#retire();
    await Promise.all(this.#closing);
  }

  /** The run goes on without a history, whatever has become of its folder. */
  #tryRotate(): void {
    try {
      this.#rotate();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.onCongestion(false);
    this.onFailed(error);
  }

  #rotate(): void {
    for (const age of agesOf(this.#folder, this.#name)) {
      if (age >= this.#limits.files - 1) this.#discard(olderFile(this.#file, age));
      else renameSync(olderFile(this.#file, age), olderFile(this.#file, age + 1));
    }
    if (this.#limits.files > 1) renameSync(this.#file, olderFile(this.#file, 1));
    else this.#discard(this.#file);
    const next = openSync(this.#file, 'a', 0o600);
    const retired = this.#retire();
    this.#descriptor = next;
    this.#bytes = 0;
    this.#output = this.#open(retired);
  }

  /** Out of the way at once; giving its pages back takes the kernel milliseconds that the event loop does not have. */
  #discard(file: string): void {
    const doomed = `${this.#file}.gone`;
    renameSync(file, doomed);
    unlink(doomed, () => {}); // if this fails, the next one replaces it
  }

  /** A file that holds something has a predecessor that is whole: so a reader knows when it may go on to the next. */
  #open(predecessor: Promise<void> | null): Output {
    const output = fileOutput(this.#descriptor, gatherMs, predecessor, this.#pool);
    output.onCongestion = (congested) => this.#setCongested(output, congested);
    output.onClosed = (error) => this.#fail(error);
    return output;
  }

  /** A file that has been left may be slower than the one after it. */
  #setCongested(output: Output, congested: boolean): void {
    const before = this.#congested.size > 0;
    if (congested) this.#congested.add(output);
    else this.#congested.delete(output);
    const now = this.#congested.size > 0;
    if (now !== before && !this.#failed) this.onCongestion(now);
  }

  #retire(): Promise<void> {
    const closed = this.#finish(this.#output, this.#descriptor).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
    return closed;
  }

  /** A disk that stalls is waited for, but not at the end of the run. */
  async #finish(output: Output, descriptor: number): Promise<void> {
    while (!(await output.flush(flushPatienceMs))) if (this.#ending) return; // a write is still under way: it stays open
    closeSync(descriptor);
  }
}

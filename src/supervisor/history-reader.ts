/** Reads the log history of a process, from the start and as it grows. */
import type { Stats } from 'node:fs';
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { agesOf, historyFile, olderFile } from './history-files.ts';
import type { HistoryRecord } from './history-format.ts';
import { decodeRecords } from './history-format.ts';

/** Read at once. */
const chunkBytes = 1024 * 1024;

export class HistoryReader {
  readonly name: string;
  readonly #folder: string;
  readonly #file: string;
  #descriptor: number | null = null;
  #offset = 0;
  #pending: Buffer = Buffer.alloc(0);
  #started = false;

  constructor(folder: string, name: string) {
    this.name = name;
    this.#folder = folder;
    this.#file = historyFile(folder, name);
  }

  /** The records since the last call; the first call begins with the oldest that is kept. */
  read(): HistoryRecord[] {
    const records: HistoryRecord[] = [];
    if (!this.#started) {
      this.#started = true;
      for (const age of agesOf(this.#folder, this.name)) records.push(...this.#readOlder(age));
      this.#descriptor = tryOpen(this.#file);
    }
    records.push(...this.#readOpen());
    if (!this.#isCurrent()) {
      // The file was rotated while it was open: its end is read, and what came between it and the new one follows.
      records.push(...this.#readOpen());
      const ages = agesOf(this.#folder, this.name);
      const own = this.#descriptor === null ? null : fstatSync(this.#descriptor).ino;
      const at = ages.findIndex((age) => inodeOf(olderFile(this.#file, age)) === own);
      this.close();
      for (const age of ages.slice(at + 1)) records.push(...this.#readOlder(age));
      this.#descriptor = tryOpen(this.#file);
      records.push(...this.#readOpen());
    }
    return records;
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#offset = 0;
    this.#pending = Buffer.alloc(0);
  }

  #readOlder(age: number): readonly HistoryRecord[] {
    return decodeRecords(tryRead(olderFile(this.#file, age))).records;
  }

  #readOpen(): readonly HistoryRecord[] {
    if (this.#descriptor === null) return [];
    const chunks = [this.#pending];
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const read = readSync(this.#descriptor, chunk, 0, chunk.length, this.#offset);
      if (read === 0) break;
      this.#offset += read;
      chunks.push(chunk.subarray(0, read));
    }
    const bytes = Buffer.concat(chunks);
    const { records, taken } = decodeRecords(bytes);
    this.#pending = bytes.subarray(taken);
    return records;
  }

  #isCurrent(): boolean {
    if (this.#descriptor === null) return false;
    const own = fstatSync(this.#descriptor).ino;
    const current = tryStat(this.#file);
    if (current === null || current.ino === own) return true; // null: between rename and open of the writer
    // The writer may not be done yet with the file before an empty one.
    return current.size === 0 && inodeOf(olderFile(this.#file, 1)) === own;
  }
}

function inodeOf(file: string): number | null {
  return tryStat(file)?.ino ?? null;
}

function tryStat(file: string): Stats | null {
  try {
    return statSync(file);
  } catch {
    return null;
  }
}

function tryOpen(file: string): number | null {
  try {
    return openSync(file, 'r');
  } catch {
    return null;
  }
}

function tryRead(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}

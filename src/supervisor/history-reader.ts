/** Reads the log history of a process, from the start and as it grows. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { historyFile, oldSuffix } from './history.ts';
import type { HistoryRecord } from './history-format.ts';
import { decodeRecords } from './history-format.ts';

/** Read at once. */
const chunkBytes = 1024 * 1024;

export class HistoryReader {
  readonly name: string;
  readonly #file: string;
  #descriptor: number | null = null;
  #offset = 0;
  #pending: Buffer = Buffer.alloc(0);
  #started = false;

  constructor(folder: string, name: string) {
    this.name = name;
    this.#file = historyFile(folder, name);
  }

  /** The records since the last call; the first call begins with the oldest that is kept. */
  read(): HistoryRecord[] {
    const records: HistoryRecord[] = [];
    if (!this.#started) {
      this.#started = true;
      this.#descriptor = tryOpen(this.#file);
      records.push(...decodeRecords(tryRead(`${this.#file}${oldSuffix}`)).records);
    }
    records.push(...this.#readOpen());
    if (!this.#isCurrent()) {
      // The file was rotated while it was open: its end has been read, the new one begins.
      this.close();
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
    try {
      return this.#descriptor !== null && fstatSync(this.#descriptor).ino === statSync(this.#file).ino;
    } catch {
      return this.#descriptor !== null; // between rename and open of the writer
    }
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

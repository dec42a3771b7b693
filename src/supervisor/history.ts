/** Writes the log history of processes, and says where it lies. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Source } from './control-path.ts';
import { sourceText } from './control-path.ts';
import type { HistoryStream } from './history-format.ts';
import { encodeHeader } from './history-format.ts';
import type { Output } from './output.ts';
import { fileOutput } from './output.ts';

/** A file that has grown beyond this becomes the old one, and the old one before it goes. */
export const historyBytesMax = 16 * 1024 * 1024;
const suffix = '.log';
/** Of the generation before. */
export const oldSuffix = '.1';
const flushPatienceMs = 1_000;
/** Readers look less often than this, and a flood is cheaper in larger pieces. */
const gatherMs = 10;

/**
 * The folder for the history of a source, by the XDG convention, `fallback` if there is no home. `environment` is the
 * supervisor's.
 */
export function historyFolder(
  source: Source,
  environment: Readonly<Record<string, string | undefined>>,
  fallback: string,
): string {
  const home = environment['HOME'] ?? '';
  const state = environment['XDG_STATE_HOME'] ?? (home === '' ? '' : join(home, '.local/state'));
  const key = createHash('sha256')
    .update(`${source.type}:${sourceText(source)}`)
    .digest('hex')
    .slice(0, 16);
  return join(state === '' ? fallback : join(state, 'clusterctl'), `${key}-logs`);
}

/** The file of a process in the folder. */
export function historyFile(folder: string, name: string): string {
  return join(folder, `${encodeURIComponent(name)}${suffix}`);
}

/** Names of the processes that have a history in the folder, sorted; none if there is no folder. */
export function historyNames(folder: string): string[] {
  let files: string[];
  try {
    files = readdirSync(folder);
  } catch {
    return [];
  }
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => decodeURIComponent(file.slice(0, -suffix.length)))
    .sort();
}

export class HistoryWriter {
  readonly #file: string;
  #descriptor: number;
  #output: Output;
  #bytes: number;
  #closing: Promise<void>[] = [];
  /** Called when the disk does not keep up (true), and when it has caught up (false). */
  onCongestion: (congested: boolean) => void = () => {};

  /** Appends to what is there. Throws if the file cannot be opened. */
  constructor(folder: string, name: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#file = historyFile(folder, name);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#bytes = fstatSync(this.#descriptor).size;
    this.#output = this.#open();
  }

  append(timeMs: number, stream: HistoryStream, block: Buffer): void {
    const header = encodeHeader(timeMs, stream, block.length);
    this.#output.write(header);
    this.#output.write(block);
    this.#bytes += header.length + block.length;
    if (this.#bytes > historyBytesMax) this.#rotate();
  }

  /** Resolves when all is written, or when the disk takes no more. */
  async close(): Promise<void> {
    this.#retire();
    await Promise.all(this.#closing);
  }

  #rotate(): void {
    renameSync(this.#file, `${this.#file}${oldSuffix}`);
    this.#retire();
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#bytes = 0;
    this.#output = this.#open();
  }

  #open(): Output {
    const output = fileOutput(this.#descriptor, gatherMs);
    output.onCongestion = (congested) => this.onCongestion(congested);
    return output;
  }

  #retire(): void {
    const descriptor = this.#descriptor;
    const closed = this.#output.flush(flushPatienceMs).then(() => {
      closeSync(descriptor);
      this.#closing = this.#closing.filter((one) => one !== closed);
    });
    this.#closing.push(closed);
  }
}

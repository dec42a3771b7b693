/** The log histories of several processes as one, in order of time; and how it is printed. */
import { displayWidth } from '../supervisor/display-width.ts';
import type { HistoryRecord, HistoryStream } from '../supervisor/history-format.ts';
import { HistoryReader } from '../supervisor/history-reader.ts';
import type { OutputStyle } from '../supervisor/line-format.ts';
import { linePrefix, prefixLines, prefixLinesForTerminal } from '../supervisor/line-format.ts';
import { clockText } from '../supervisor/log-mux.ts';
import { eventRecord, lineRecords } from '../supervisor/ndjson-format.ts';
import { wantedLook } from './colour.ts';
import type { Options } from './syntax.ts';

export interface HistoryLine {
  readonly timeMs: number;
  readonly name: string;
  readonly stream: HistoryStream;
  /** With its newline. */
  readonly bytes: Buffer;
}

export class MergedHistory {
  readonly #folder: string;
  readonly #readers = new Map<string, HistoryReader>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Follows this process too, from its oldest line. */
  add(name: string): void {
    if (!this.#readers.has(name)) this.#readers.set(name, new HistoryReader(this.#folder, name));
  }

  get names(): string[] {
    return [...this.#readers.keys()];
  }

  /** What is new in all of them; the first time everything that is kept. */
  read(): HistoryLine[] {
    const lines = [...this.#readers.values()].flatMap((reader) =>
      reader.read().flatMap((record) => linesOf(reader.name, record)),
    );
    return lines.sort((a, b) => a.timeMs - b.timeMs); // stable: lines of one process keep their order
  }
}

function linesOf(name: string, { timeMs, stream, block }: HistoryRecord): HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (let from = 0; from < block.length; ) {
    const end = block.indexOf(0x0a, from);
    const to = end < 0 ? block.length : end + 1;
    lines.push({ timeMs, name, stream, bytes: block.subarray(from, to) });
    from = to;
  }
  return lines;
}

/** The lines that `--grep` and `sinceMs` (since the Unix epoch) let through. */
export function wantedLines(sinceMs: number, { grep }: Options): (line: HistoryLine) => boolean {
  return ({ timeMs, bytes }) => timeMs >= sinceMs && (grep?.test(bytes.toString('utf8', 0, bytes.length - 1)) ?? true);
}

/** The place of a name among `names` is its colour. */
export function styleOf(names: readonly string[], options: Options): OutputStyle | 'ndjson' {
  if (options.output === 'ndjson') return 'ndjson';
  return {
    ...wantedLook(options.color),
    timestamps: options.timestamps,
    nameWidth: Math.max(...names.map(displayWidth)),
  };
}

export function printLines(
  lines: readonly HistoryLine[],
  names: readonly string[],
  style: OutputStyle | 'ndjson',
): void {
  if (style === 'ndjson') {
    if (lines.length > 0) process.stdout.write(Buffer.concat(lines.map(recordOf)));
    return;
  }
  const format = style.contained ? prefixLinesForTerminal : prefixLines;
  const text = lines.map(({ timeMs, name, bytes }) =>
    format(bytes, linePrefix(name, names.indexOf(name), clockText(new Date(timeMs)), style)),
  );
  if (text.length > 0) process.stdout.write(text.join(''), 'latin1');
}

/** As `start --output ndjson` prints it, but for what the files do not keep. */
function recordOf({ timeMs, name, stream, bytes }: HistoryLine): Buffer {
  const head = { time: new Date(timeMs), monotonicMs: null, process: name };
  if (stream === 'n') return eventRecord(bytes.toString('utf8', 0, bytes.length - 1), head, { type: 'note' });
  return lineRecords(bytes, head, null, stream === 'e' ? 'stderr' : 'stdout');
}

/** `clusterctl logs`: what the processes of a run said, while it runs and after. */
import { displayWidth } from '../../supervisor/display-width.ts';
import { historyFolder, historyNames } from '../../supervisor/history-files.ts';
import type { HistoryRecord } from '../../supervisor/history-format.ts';
import { HistoryReader } from '../../supervisor/history-reader.ts';
import type { LineStyle } from '../../supervisor/line-format.ts';
import { linePrefix, prefixLines, prefixLinesForTerminal } from '../../supervisor/line-format.ts';
import { clockText } from '../../supervisor/log-mux.ts';
import { wantsColour } from '../colour.ts';
import { historyFallback, sourcesHere } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Between two looks at growing files. */
const followIntervalMs = 100;

interface Line {
  readonly timeMs: number;
  readonly name: string;
  /** With its newline. */
  readonly bytes: Buffer;
}

export async function logs(names: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const folders = sourcesHere(options, given).map((source) => historyFolder(source, process.env, historyFallback()));
  const folder = folders.find((one) => historyNames(one).length > 0);
  if (folder === undefined) return failed('no log history here: name the Procfile that was started with --procfile');
  const known = historyNames(folder);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) return failed(`no log history of ${unknown} (there is: ${known.join(', ')})`);

  const shown = names.length === 0 ? known : names;
  const readers = shown.map((name) => new HistoryReader(folder, name));
  const style = {
    colour: wantsColour(options.color),
    timestamps: options.timestamps,
    nameWidth: Math.max(...shown.map(displayWidth)),
  };
  const sinceMs = options.since === null ? 0 : Date.now() - options.since;
  const wanted = (line: Line) =>
    line.timeMs >= sinceMs && (options.grep?.test(line.bytes.toString('utf8', 0, line.bytes.length - 1)) ?? true);

  const past = readLines(readers).filter(wanted);
  print(options.lines === null ? past : past.slice(Math.max(0, past.length - options.lines)), known, style);
  if (!options.follow) return exitCode.ok;
  process.stdout.on('error', () => process.exit(exitCode.ok)); // nobody reads any more
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, followIntervalMs));
    print(readLines(readers).filter(wanted), known, style);
  }
}

/** What is new in all histories, in order of time. */
function readLines(readers: readonly HistoryReader[]): Line[] {
  const lines = readers.flatMap((reader) => reader.read().flatMap((record) => linesOf(reader.name, record)));
  return lines.sort((a, b) => a.timeMs - b.timeMs); // stable: lines of one process keep their order
}

function linesOf(name: string, { timeMs, block }: HistoryRecord): Line[] {
  const lines: Line[] = [];
  for (let from = 0; from < block.length; ) {
    const end = block.indexOf(0x0a, from);
    const to = end < 0 ? block.length : end + 1;
    lines.push({ timeMs, name, bytes: block.subarray(from, to) });
    from = to;
  }
  return lines;
}

function print(lines: readonly Line[], names: readonly string[], style: LineStyle): void {
  const format = style.colour ? prefixLinesForTerminal : prefixLines;
  const text = lines.map(({ timeMs, name, bytes }) =>
    format(bytes, linePrefix(name, names.indexOf(name), clockText(new Date(timeMs)), style)),
  );
  if (text.length > 0) process.stdout.write(text.join(''), 'latin1');
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

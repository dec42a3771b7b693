/** `clusterctl logs`: what the processes of a run said, while it runs and after. */
import { historyFolder, historyNames } from '../../supervisor/history-files.ts';
import { historyFallback, sourcesHere } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { MergedHistory, printLines, styleOf, wantedLines } from '../merged-history.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Between two looks at growing files. */
const followIntervalMs = 100;

export async function logs(names: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const folders = sourcesHere(options, given).map((source) => historyFolder(source, process.env, historyFallback()));
  const folder = folders.find((one) => historyNames(one).length > 0);
  if (folder === undefined) return failed('no log history here: name the Procfile that was started with --procfile');
  const known = historyNames(folder);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) return failed(`no log history of ${unknown} (there is: ${known.join(', ')})`);

  const shown = names.length === 0 ? known : names;
  const history = new MergedHistory(folder);
  for (const name of shown) history.add(name);
  const style = styleOf(shown, options);
  const wanted = wantedLines(options.since === null ? 0 : Date.now() - options.since, options);

  const past = history.read().filter(wanted);
  printLines(options.lines === null ? past : past.slice(Math.max(0, past.length - options.lines)), known, style);
  if (!options.follow) return exitCode.ok;
  process.stdout.on('error', () => process.exit(exitCode.ok)); // nobody reads any more
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, followIntervalMs));
    printLines(history.read().filter(wanted), known, style);
  }
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

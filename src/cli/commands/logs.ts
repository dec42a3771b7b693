/** `clusterctl logs`: what the processes of a run said, while it runs and after. */
import { accessSync, constants } from 'node:fs';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import { historyFolder, historyNames } from '../../supervisor/history-files.ts';
import { findSupervisor, historyFallback, sourcesHere } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { MergedHistory, printLines, styleOf, wantedLines } from '../merged-history.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Between two looks at growing files. */
const followIntervalMs = 100;

export async function logs(names: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const found = options['control-tcp'] === null ? await folderHere(options, given) : await folderOfRun(options, given);
  if (!found.ok) return failed(found.error);
  const folder = found.value;
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

async function folderHere(options: Options, given: ReadonlySet<string>): Promise<Result<string, string>> {
  const folders = sourcesHere(options, given).map((source) => historyFolder(source, process.env, historyFallback()));
  const folder = folders.find((one) => historyNames(one).length > 0);
  if (folder !== undefined) return ok(folder);
  const target = await findSupervisor(options, given);
  return target.ok
    ? folderOfRun(options, given)
    : err('no log history here: name the Procfile that was started with --procfile');
}

/** What a run that is asked says; a port is one of this machine, and so are the files. */
async function folderOfRun(options: Options, given: ReadonlySet<string>): Promise<Result<string, string>> {
  const target = await findSupervisor(options, given);
  if (!target.ok) return target;
  const { history, pid } = target.value.status;
  if (!history) return err(`process ${pid} keeps no log history: clusterctl attach shows what is said from now on`);
  try {
    accessSync(history, constants.R_OK | constants.X_OK);
    return ok(history);
  } catch {
    return err(`${history}: the log history of process ${pid} is not yours to read`);
  }
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

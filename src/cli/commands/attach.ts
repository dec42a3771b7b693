/** `clusterctl attach`: the output of a running supervisor in another terminal, until it ends or Ctrl-C, which stops nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { supervisorGone } from '../../supervisor/control-client.ts';
import type { RunStatus } from '../../supervisor/control-protocol.ts';
import { historyNames } from '../../supervisor/history-files.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { MergedHistory, printLines, styleOf, wantedLines } from '../merged-history.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Between two looks at growing files. */
const intervalMs = 50;
/** Shown of what was said before, unless --lines or --since ask for more. */
const linesBefore = 10;
/** How long the last lines of a supervisor may take to its files after it has closed its control. */
const lastWordsMs = 2_000;

export async function attach(names: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const target = await findSupervisor(options, given);
  if (!target.ok) return failed(target.error);
  const { status, address } = target.value;
  // A supervisor of an older version does not say.
  if (!status.history) return failed(`process ${status.pid} keeps no log history to follow`);
  const { processes } = status;
  const unknown = names.find((name) => !processes.some((one) => one.name === name || one.entry === name));
  if (unknown !== undefined) return failed(`unknown proc: ${unknown}`);

  process.once('SIGINT', () => process.exit(exitCode.ok));
  process.stdout.on('error', () => process.exit(exitCode.ok)); // nobody reads any more
  let over = false;
  void supervisorGone(address).then(() => {
    over = true;
  });
  const history = new MergedHistory(status.history);
  const isChosen = chooser(names, status, historyNames(status.history));
  const look = (folder: string) => {
    for (const name of historyNames(folder)) if (isChosen(name)) history.add(name);
    return history.read();
  };
  for (const { name } of processes) if (isChosen(name)) history.add(name);

  const sinceMs = options.since === null ? Date.parse(status.startedAt) : Date.now() - options.since;
  const wanted = wantedLines(sinceMs, options);
  const past = look(status.history).filter(wanted);
  const count = options.lines ?? (options.since === null ? linesBefore : past.length);
  const show = (lines: typeof past) => printLines(lines, history.names, styleOf(history.names, options));
  show(past.slice(Math.max(0, past.length - count)));
  while (!over) {
    await sleep(intervalMs);
    show(look(status.history).filter(wanted));
  }
  for (const endMs = performance.now() + lastWordsMs; isAlive(status.pid) && performance.now() < endMs; ) {
    await sleep(intervalMs);
  }
  show(look(status.history).filter(wanted));
  return exitCode.ok;
}

/** Without names all are meant, those that a reload adds too; but what is only `kept` of an earlier run is not. */
function chooser(
  names: readonly string[],
  { processes }: RunStatus,
  kept: readonly string[],
): (name: string) => boolean {
  const entries = new Map(processes.map((one) => [one.name, one.entry]));
  return (name) =>
    names.length === 0
      ? entries.has(name) || !kept.includes(name)
      : names.includes(name) || names.includes(entries.get(name) ?? name);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

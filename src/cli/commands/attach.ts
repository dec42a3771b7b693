/** `clusterctl attach`: the output of a running supervisor in another terminal, until it ends or Ctrl-C, which stops nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { followLines, supervisorGone } from '../../supervisor/control-client.ts';
import type { RunStatus } from '../../supervisor/control-protocol.ts';
import { historyNames } from '../../supervisor/history-files.ts';
import { isAlive } from '../../supervisor/process-alive.ts';
import type { Target } from '../control-target.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import type { HistoryLine } from '../merged-history.ts';
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
  const { processes } = status;
  const unknown = names.find((name) => !processes.some((one) => one.name === name || one.entry === name));
  if (unknown !== undefined) return failed(`unknown proc: ${unknown}`);

  process.once('SIGINT', () => process.exit(exitCode.ok));
  process.stdout.on('error', () => process.exit(exitCode.ok)); // nobody reads any more
  // A supervisor of an older version does not say.
  if (!status.history) return attachLive(target.value, names, options);
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

/** Without a history: what is said from now on, as the supervisor tells it. */
async function attachLive({ status, address }: Target, names: readonly string[], options: Options): Promise<number> {
  complain(`process ${status.pid} keeps no log history: what was said before is not shown`);
  const known = status.processes.map((one) => one.name);
  const wanted = wantedLines(0, options);
  const refusal = await followLines(address, names, (record) => {
    const line = lineOf(record);
    if (line === null || !wanted(line)) return;
    if (options.output === 'ndjson') {
      process.stdout.write(`${record}\n`);
      return;
    }
    if (!known.includes(line.name)) known.push(line.name);
    printLines([line], known, styleOf(known, options));
  });
  if (refusal !== null) return failed(`process ${status.pid} keeps no log history to follow, and says: ${refusal}`);
  for (const endMs = performance.now() + lastWordsMs; isAlive(status.pid) && performance.now() < endMs; ) {
    await sleep(intervalMs);
  }
  return isAlive(status.pid)
    ? failed('cut off: the lines came faster than they were printed; with a log history they would wait')
    : exitCode.ok;
}

/** A line or a note of the supervisor, from a record of `start --output ndjson`. */
function lineOf(record: string): HistoryLine | null {
  const { time, process: name, stream, line, base64, text }: Readonly<Record<string, unknown>> = JSON.parse(record);
  const said = line ?? text;
  if (typeof time !== 'string' || typeof name !== 'string' || typeof said !== 'string') return null;
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : Buffer.from(said);
  const kind = line === undefined ? 'n' : stream === 'stderr' ? 'e' : 'o';
  return { timeMs: Date.parse(time), name, stream: kind, bytes: Buffer.concat([bytes, Buffer.of(0x0a)]) };
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

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

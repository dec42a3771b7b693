/** `clusterctl __complete -- WORD… CURRENT`: what the scripts of `clusterctl completion` ask at every press of the tab key. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import type { RunStatus } from '../../supervisor/control-protocol.ts';
import { parseProcfile } from '../../supervisor/procfile/parse.ts';
import { answer } from '../completion/answer.ts';
import { whatIsWanted } from '../completion/wanted.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import type { Options } from '../syntax.ts';

/** A supervisor that takes longer has its names guessed: nobody waits for a tab key. */
const patienceMs = 250;

/** Whatever goes wrong, there is nothing to complete and nothing to say. */
export async function complete(typed: readonly string[]): Promise<number> {
  const words = typed.slice(0, -1).map(withHome);
  const current = typed.at(-1) ?? '';
  const question = whatIsWanted(words, current);
  if (question === null) return exitCode.failed;
  const { wanted, values, given } = question;
  try {
    if (values.basedir !== '') process.chdir(values.basedir);
  } catch {
    return exitCode.failed;
  }
  const entries = async () => entryNames(values);
  const processes = async () => (await runningNames(values, given)) ?? entryNames(values);
  const faults = async () => (await runningStatus(values, given))?.faults.map((one) => one.id) ?? [];
  process.stdout.write(await answer(wanted, current, { entries, processes, faults }));
  return exitCode.ok;
}

/** Shells hand over what was typed, before they expand it. */
function withHome(word: string): string {
  return word.startsWith('~/') ? homedir() + word.slice(1) : word;
}

function entryNames({ procfile, members }: Options): readonly string[] {
  if (members !== null) return Array.from({ length: members }, (_, at) => `etcd${at + 1}`);
  try {
    // A pipe or a terminal would be waited for.
    if (!statSync(procfile).isFile()) return [];
    return parseProcfile(procfile, readFileSync(procfile, 'utf8')).entries.map((entry) => entry.name);
  } catch {
    return [];
  }
}

async function runningNames(values: Options, given: ReadonlySet<string>): Promise<readonly string[] | null> {
  const status = await runningStatus(values, given);
  return status === null ? null : status.processes.map((one) => one.name);
}

/** Null if no supervisor answers soon. */
async function runningStatus(values: Options, given: ReadonlySet<string>): Promise<RunStatus | null> {
  const patience = new Promise<null>((resolve) => setTimeout(() => resolve(null), patienceMs).unref());
  const found = await Promise.race([findSupervisor(values, given), patience]);
  return found?.ok === true ? found.value.status : null;
}

/**
 * Remembers in a file what a run has started, so that the next run of this user can end what a supervisor that was killed has
 * left behind. For systems where nothing else finds it: on Linux the guard does, by the tags in /proc. What is left cannot be
 * taken over, since its output went to the supervisor that is gone.
 */
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tagsIn } from './process-scan.ts';
import type { ListedProcess } from './process-table.ts';
import { processTable } from './process-table.ts';
import { readIfThere, removeIfThere } from './small-files.ts';

const suffix = '.run';
/** Looks at what was forked while the others were killed. */
const roundsMax = 10;

/** The file: `run TAG`, then `+ID TIME` for each process group that started, `-ID` when it was over; TIME is that of ps. */
export class RunRecord {
  readonly #file: string;
  readonly #table: typeof processTable;
  /** Groups whose time is not written yet. */
  readonly #unwritten = new Set<number>();
  #looking: Promise<void> | null = null;
  #closed = false;

  /** `runTag` begins the tags of all instances. */
  constructor(folder: string, runTag: string, table = processTable) {
    this.#file = join(folder, `${process.pid}${suffix}`);
    this.#table = table;
    removeIfThere(this.#file);
    this.#append(`run ${runTag}`);
    this.groupStarted(process.pid); // the supervisor: whoever lives is not cleaned up after
  }

  groupStarted(groupId: number): void {
    this.#unwritten.add(groupId);
    // One look for all that start together.
    this.#looking ??= new Promise((resolve) => setImmediate(resolve))
      .then(() => this.#look())
      .catch(() => {}) // no ps: the tags may still be found by the next run
      .finally(() => {
        this.#looking = null;
      });
  }

  groupOver(groupId: number): void {
    this.#unwritten.delete(groupId);
    this.#append(`-${groupId}`);
  }

  /** To be called when nothing of the run is alive any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#looking;
    removeIfThere(this.#file);
  }

  /** Resolves when all groups that have started are in the file. */
  async written(): Promise<void> {
    while (this.#looking !== null) await this.#looking;
  }

  async #look(): Promise<void> {
    const wanted = [...this.#unwritten];
    const table = await this.#table();
    for (const id of wanted) {
      const found = table.find((one) => one.pid === id);
      if (found !== undefined && this.#unwritten.has(id)) this.#append(`+${id} ${found.startedAt}`);
      this.#unwritten.delete(id);
    }
    if (this.#unwritten.size > 0) await this.#look();
  }

  #append(line: string): void {
    if (this.#closed) return;
    try {
      appendFileSync(this.#file, `${line}\n`, { mode: 0o600 });
    } catch {
      // No space, no folder: the guard is still there.
    }
  }
}

/** Kills what runs of this user's have left behind whose supervisors are gone; resolves to what that was, in words. */
export async function endLeftBehind(folder: string, table = processTable): Promise<string[]> {
  const files = list(folder).filter((name) => name.endsWith(suffix));
  if (files.length === 0) return [];
  const said: string[] = [];
  for (const name of files) {
    const file = join(folder, name);
    const record = parseRecord(Number(name.slice(0, -suffix.length)), readIfThere(file));
    if (record === null || (await table()).some((one) => isSame(one, record.supervisor))) continue;
    const ended = await endRun(record, table);
    said.push(...ended.map((one) => `${one}, left behind by supervisor ${record.supervisor.pid}`));
    removeIfThere(file);
  }
  return said;
}

interface Started {
  readonly pid: number;
  readonly startedAt: string;
}

interface RunLeft {
  readonly tag: string;
  readonly supervisor: Started;
  readonly leaders: readonly Started[];
}

/** Null if it is not whole: it has just been begun, or is none of ours. */
function parseRecord(pid: number, text: string): RunLeft | null {
  const leaders = new Map<number, string>();
  let tag = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const [, sign, id, time = ''] = /^([+-])(\d+)(?: (.*))?$/.exec(line) ?? [];
    if (sign === '+') leaders.set(Number(id), time);
    else if (sign === '-') leaders.delete(Number(id));
    else if (line.startsWith('run ')) tag = line.slice('run '.length);
  }
  const startedAt = leaders.get(pid);
  if (startedAt === undefined || tag === '') return null;
  leaders.delete(pid);
  const all = [...leaders].map(([id, time]) => ({ pid: id, startedAt: time }));
  return { tag, supervisor: { pid, startedAt }, leaders: all };
}

function isSame(listed: ListedProcess, { pid, startedAt }: Started): boolean {
  return listed.pid === pid && listed.startedAt === startedAt && !listed.zombie;
}

/** What belongs to the run: groups whose leader is still the same process, and whoever carries its tag. */
async function endRun({ tag, leaders }: RunLeft, table: typeof processTable): Promise<string[]> {
  const ended = new Set<number>();
  for (let round = 0; round < roundsMax; round++) {
    const listed = (await table()).filter((one) => !one.zombie && one.pid !== process.pid);
    const groups = new Set(leaders.filter((one) => listed.some((two) => isSame(two, one))).map((one) => one.pid));
    const left = listed.filter((one) => groups.has(one.groupId) || carries(one, tag));
    if (left.length === 0) break;
    for (const { pid } of left) {
      ended.add(pid);
      kill(pid);
    }
  }
  return [...ended].map((pid) => `ended process ${pid}`);
}

/** Its tag is `RUN.number`, in a path of tags. */
function carries({ text }: ListedProcess, runTag: string): boolean {
  return tagsIn(text).some((tag) => tag.startsWith(runTag));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

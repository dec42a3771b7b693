/**
 * Finds what is left of an instance after its leader has ended: the rest of its process group, and strays that made a session
 * of their own but still carry the instance's tag in their environment. On Linux by /proc, elsewhere by what ps shows. Daemons
 * write over their environment, or start with an empty one: on Linux those are known by the output that they have in common
 * with the leader, if they kept it.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processTable } from './process-table.ts';

/** The variable that marks every process of an instance. Its value is a path: a supervisor inside another appends to it. */
export const tagVariable = 'CLUSTERCTL_INSTANCE';

export interface Leftovers {
  /** The process group has a member that is alive, not just a zombie. */
  readonly group: boolean;
  /** Process ids outside of the group. */
  readonly strays: readonly number[];
}

/** What of an instance is looked for. */
export interface Instance {
  readonly groupId: number;
  readonly tag: string;
  /** The sockets that are its standard output and error, as `outputsOf` gives them. */
  readonly outputs: readonly string[];
}

interface Request extends Instance {
  readonly resolve: (leftovers: Leftovers) => void;
}

/** A walk over so many processes is of no account. */
const shortMs = 10;
/** In the middle of an exec a process shows no environment: whoever is met so for the first time is looked at again after this. */
const execMs = 5;
/** As long as a walk counts at most: one machine that was suspended meanwhile must not stop the next. */
const walkMsMax = 500;

/** One walk over all processes answers all questions asked in one turn of the event loop. */
export class ProcessScan {
  #requests: Request[] = [];
  readonly #byProc: boolean;
  /** Processes without an environment that the last walk met. */
  #bare: ReadonlySet<number> = new Set();
  /** How long the last walk took, and when it ended. */
  #tookMs = 0;
  #lastMs = 0;

  constructor(byProc = process.platform === 'linux') {
    this.#byProc = byProc;
  }

  leftovers(instance: Instance): Promise<Leftovers> {
    return new Promise((resolve) => {
      this.#requests.push({ ...instance, resolve });
      if (this.#requests.length > 1) return;
      // Where a walk takes long, no more than half of the time goes into walks: others wait for an answer too.
      const waitMs = this.#tookMs < shortMs ? 0 : this.#lastMs + this.#tookMs - performance.now();
      if (waitMs > 1) setTimeout(() => this.#answer(), waitMs);
      else setImmediate(() => this.#answer());
    });
  }

  #answer(): void {
    const requests = this.#requests;
    this.#requests = [];
    if (this.#byProc) this.#answerByProc(requests, true);
    else void answerByTable(requests);
  }

  #answerByProc(requests: readonly Request[], mayLookAgain: boolean): void {
    const startMs = performance.now();
    const { found: tagged, bare } = taggedProcesses(requests, this.#bare);
    this.#lastMs = performance.now();
    this.#tookMs = Math.min(this.#lastMs - startMs, walkMsMax);
    const isNew = [...bare].some((pid) => !this.#bare.has(pid));
    this.#bare = bare;
    if (isNew && mayLookAgain) {
      setTimeout(() => this.#answerByProc(requests, false), execMs);
      return;
    }
    for (const request of requests) {
      const found = tagged.get(request.tag) ?? [];
      const strays = found.filter((one) => one.groupId !== request.groupId).map((one) => one.pid);
      const group = found.length > strays.length || (groupExists(request.groupId) && groupAlive(request.groupId));
      request.resolve({ group, strays });
    }
  }
}

async function answerByTable(requests: readonly Request[]): Promise<void> {
  const table = await processTable().catch(() => null);
  for (const { groupId, tag, resolve } of requests) {
    if (table === null) {
      resolve({ group: groupExists(groupId), strays: [] });
      continue;
    }
    const alive = table.filter((one) => !one.zombie && one.pid !== process.pid);
    const strays = alive.filter((one) => one.groupId !== groupId && tagsIn(one.text).includes(tag));
    resolve({ group: alive.some((one) => one.groupId === groupId), strays: strays.map((one) => one.pid) });
  }
}

/** Of a process whose environment stands somewhere in the text. */
export function tagsIn(text: string): string[] {
  const [, value = ''] = new RegExp(`(?:^|\\s)${tagVariable}=(\\S+)`).exec(text) ?? [];
  return value.split('/');
}

interface Found {
  readonly pid: number;
  readonly groupId: number;
}

/** `bare` are those alive without an environment; those of `knownBare` need no second look at whether they are. */
function taggedProcesses(
  requests: readonly Request[],
  knownBare: ReadonlySet<number>,
): { readonly found: ReadonlyMap<string, readonly Found[]>; readonly bare: ReadonlySet<number> } {
  const bare = new Set<number>();
  const tags = new Set(requests.map((request) => request.tag));
  const byOutput = new Map(requests.flatMap(({ outputs, tag }) => outputs.map((output) => [output, tag])));
  const found = new Map<string, Found[]>();
  for (const pid of processIds()) {
    const environment = readProc(pid, 'environ');
    if (environment === null) continue;
    const carried = tagsInEnvironment(environment);
    const kept = carried.length > 0 ? undefined : outputsOf(pid).find((output) => byOutput.has(output));
    const own = kept === undefined ? carried.filter((tag) => tags.has(tag)) : [byOutput.get(kept) ?? ''];
    if (environment === '' && own.length === 0 && (knownBare.has(pid) || statOf(pid)?.zombie === false)) bare.add(pid);
    if (own.length === 0) continue;
    const stat = statOf(pid);
    if (stat === null || stat.zombie) continue;
    for (const tag of own) found.set(tag, [...(found.get(tag) ?? []), { pid, groupId: stat.groupId }]);
  }
  return { found, bare };
}

/** The sockets that are standard output and error of a process, as in `socket:[123]`; none if it has others, or is not ours to see. */
export function outputsOf(pid: number): string[] {
  if (process.platform !== 'linux') return [];
  return [1, 2]
    .map((descriptor) => linkOf(`/proc/${pid}/fd/${descriptor}`))
    .filter((link) => link.startsWith('socket:'));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // it is closed, or the process has ended
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
}

/** True if all that is alive of a process group is suspended; null where nobody can tell. */
export function isGroupSuspended(groupId: number): boolean | null {
  if (process.platform !== 'linux') return null;
  const states = processIds().flatMap((pid) => {
    const stat = statOf(pid);
    return stat === null || stat.groupId !== groupId || stat.zombie ? [] : [stat.suspended];
  });
  return states.length > 0 && states.every((suspended) => suspended);
}

/** The tags of the instances that a process of this environment belongs to, outermost first. */
function tagsInEnvironment(environment: string): string[] {
  const at = `\0${environment}`.indexOf(`\0${tagVariable}=`);
  if (at < 0) return [];
  const from = at + tagVariable.length + 1;
  const end = environment.indexOf('\0', from);
  return environment.slice(from, end < 0 ? undefined : end).split('/');
}

function statOf(
  pid: number,
): { readonly groupId: number; readonly zombie: boolean; readonly suspended: boolean } | null {
  const text = readProc(pid, 'stat');
  if (text === null) return null;
  // "pid (name) state ppid pgrp …"; the name may hold spaces and parentheses.
  const [state, , groupId] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { groupId: Number(groupId), zombie: state === 'Z' || state === 'X', suspended: state === 'T' };
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null; // it has ended, or belongs to another user
  }
}

function groupExists(groupId: number): boolean {
  try {
    process.kill(-groupId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // errors of kill(2) are always of this type
  }
}

function groupAlive(groupId: number): boolean {
  return processIds().some((pid) => {
    const stat = statOf(pid);
    return stat !== null && stat.groupId === groupId && !stat.zombie;
  });
}

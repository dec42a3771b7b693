/** Reads what processes use of the machine from /proc; nothing is known where there is none. */
import { readFileSync } from 'node:fs';

export interface Usage {
  /** CPU time so far, in seconds. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** Stopped by a signal, and by nobody's debugger. */
  readonly paused: boolean;
}

/** Linux counts CPU time for users in hundredths of a second, whatever its clock. */
const ticksPerSecond = 100;
/** Of one process that the supervisor started; more are not counted. */
const descendantsMax = 64;

/** Of a process and everything that it has started and not orphaned; null if it is not there, or not to be seen. */
export function usageOf(pid: number): Usage | null {
  let [cpuTicks, rssBytes] = [0, 0];
  let paused = false;
  const pids = [pid];
  for (const [at, one] of pids.entries()) {
    const stat = statOf(one);
    if (stat === null && at === 0) return null;
    if (stat === null) continue;
    cpuTicks += stat.ticks;
    rssBytes += rssOf(one);
    paused ||= stat.state === 'T';
    if (pids.length < descendantsMax) pids.push(...childrenOf(one));
  }
  return { cpuSeconds: cpuTicks / ticksPerSecond, rssBytes, paused };
}

function statOf(pid: number): { readonly state: string; readonly ticks: number } | null {
  // The name of the program, in parentheses, may hold anything.
  const [state = '', ...fields] = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  const ticks = Number(fields[10]) + Number(fields[11]); // utime, stime
  return Number.isFinite(ticks) ? { state, ticks } : null;
}

function rssOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes ?? 0) * 1024;
}

function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`).trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

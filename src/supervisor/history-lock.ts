/** Lets one supervisor at a time write the log history of a source: lines of two runs in one file would read as those of one. */
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';
import { isAlive } from './process-alive.ts';
import { readIfThere, removeIfThere } from './small-files.ts';

const lockName = 'writer';

export type HistoryLock =
  | { readonly type: 'locked'; release(): void }
  /** A living process writes there. */
  | { readonly type: 'taken'; readonly pid: number };

/** Locks the folder, which is made if it is missing. The lock of a process that is gone counts for nothing. Throws if it cannot. */
export function lockHistory(folder: string): HistoryLock {
  makeFolder(folder, 0o700);
  const file = join(folder, lockName);
  const mine = `${process.pid} ${startOf(process.pid)}\n`;
  for (;;) {
    if (tryCreate(file, mine)) return { type: 'locked', release: () => removeIfThere(file) };
    const pid = livingOwner(file);
    if (pid !== null) return { type: 'taken', pid };
    removeStale(file);
  }
}

/** Throws if it cannot: whoever went on would find the same lock for ever. */
function removeStale(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function tryCreate(file: string, text: string): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    writeSync(descriptor, text);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function livingOwner(file: string): number | null {
  const [word = '', start = ''] = readIfThere(file).trim().split(' ');
  const pid = Number(word);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (!isAlive(pid)) return null;
  return startOf(pid) === start ? pid : null;
}

/** Tells a process from a later one of the same id; the same for all where there is no /proc. */
function startOf(pid: number): string {
  const fields = readIfThere(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return fields[19] ?? '-';
}

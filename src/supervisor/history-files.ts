/** The files of the log history: one folder for a source, for each process the current file and older ones, `.1` the youngest of them. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Source } from './control-path.ts';
import { sourceText } from './control-path.ts';

/** What is kept of each process. */
export interface HistoryLimits {
  /** A file that has grown beyond this is left for a new one. */
  readonly fileBytes: number;
  /** The oldest goes when there would be more. At least 1. */
  readonly files: number;
}

export const defaultHistoryLimits: HistoryLimits = { fileBytes: 16 * 1024 * 1024, files: 2 };

const suffix = '.log';

/**
 * The folder for the history of a source, by the XDG convention, `fallback` if there is no home. `environment` is the
 * supervisor's.
 */
export function historyFolder(
  source: Source,
  environment: Readonly<Record<string, string | undefined>>,
  fallback: string,
): string {
  const home = environment['HOME'] ?? '';
  const state = environment['XDG_STATE_HOME'] ?? (home === '' ? '' : join(home, '.local/state'));
  const key = createHash('sha256')
    .update(`${source.type}:${sourceText(source)}`)
    .digest('hex')
    .slice(0, 16);
  return join(state === '' ? fallback : join(state, 'clusterctl'), `${key}-logs`);
}

/** The current file of a process in the folder. */
export function historyFile(folder: string, name: string): string {
  return join(folder, `${encodeURIComponent(name)}${suffix}`);
}

/** Names of the processes that have a history in the folder, sorted; none if there is no folder. */
export function historyNames(folder: string): string[] {
  return list(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => decodeURIComponent(file.slice(0, -suffix.length)))
    .sort();
}

/** An older file of a process: 1 is the one before the current. */
export function olderFile(file: string, age: number): string {
  return `${file}.${age}`;
}

/** Ages of the older files that there are, the oldest first. */
export function agesOf(folder: string, name: string): number[] {
  const start = `${encodeURIComponent(name)}${suffix}.`;
  return list(folder)
    .filter((file) => file.startsWith(start) && /^\d{1,3}$/.test(file.slice(start.length)))
    .map((file) => Number(file.slice(start.length)))
    .sort((a, b) => b - a);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

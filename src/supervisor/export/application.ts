/** What an export describes: an application of instances, each a command in an environment; and the words all formats share. Pure. */

import type { Signal } from '../process-machine.ts';
import type { RestartPolicy } from '../restart-policy.ts';

/** One instance of an entry. */
export interface Unit {
  readonly entry: string;
  /** From 1. */
  readonly instance: number;
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** Everything that its environment has beyond what the init system gives; PORT and PS among it. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  readonly stopSignal: Signal;
  /** From that signal until SIGKILL. */
  readonly graceMs: number;
  /** Null if nothing is said of it: it is started again whenever it ends, as init systems do. */
  readonly restart: RestartPolicy | null;
  /** It does something once, and is ready when it has ended with code 0. */
  readonly finishes: boolean;
  /** What is started before it. */
  readonly dependsOn: readonly Pick<Unit, 'entry' | 'instance' | 'finishes'>[];
}

export interface Application {
  /** Begins the name of every file; matches `applicationName`. */
  readonly name: string;
  /** Who runs it; null for whoever runs the init system. */
  readonly user: string | null;
  /** Absolute folder for logs; null for where the format puts them by itself. */
  readonly log: string | null;
  readonly units: readonly Unit[];
}

export interface ExportFile {
  /** Without a folder. */
  readonly name: string;
  readonly text: string;
}

/** Letters and digits, with single dots, dashes and underscores between them: safe in every format and file system. */
export const applicationName = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** Where formats without a journal put logs. */
export function logFolder(app: Application): string {
  return app.log ?? `/var/log/${app.name}`;
}

/** A name of the Procfile as a part of a file name: what some format would take amiss becomes `_`. */
export function fileSafe(entry: string): string {
  return entry.replace(/[^A-Za-z0-9_.-]/gu, '_');
}

/** As whole seconds, at least 1: what all formats count in. */
export function graceSeconds(unit: Unit): number {
  return wholeSeconds(unit.graceMs);
}

export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** When it is started again: never, if it does something once that has been done. */
export function restartsWhen({ restart, finishes }: Unit): RestartPolicy['when'] {
  if (restart === null) return finishes ? 'no' : 'always';
  return finishes && restart.when === 'always' ? 'on-failure' : restart.when;
}

/** Says in a file who wrote it, and lets a later export tell its own files from others. */
export function signature(format: string, app: string): string {
  return `Written by clusterctl export ${format} for ${app}: the next export replaces it.`;
}

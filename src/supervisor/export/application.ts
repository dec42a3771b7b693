/** What an export describes: an application of instances, each a command in an environment; and the words all formats share. Pure. */

/** One instance of an entry. */
export interface Unit {
  readonly entry: string;
  /** From 1. */
  readonly instance: number;
  /** For `/bin/sh -c`. */
  readonly command: string;
  /** Everything that its environment has beyond what the init system gives; PORT and PS among it. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Application {
  /** Begins the name of every file; matches `applicationName`. */
  readonly name: string;
  /** Who runs it; null for whoever runs the init system. */
  readonly user: string | null;
  /** Absolute folder for logs; null for where the format puts them by itself. */
  readonly log: string | null;
  /** Absolute. */
  readonly cwd: string;
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT';
  /** From that signal until SIGKILL. */
  readonly graceMs: number;
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
export function graceSeconds(app: Application): number {
  return Math.max(1, Math.ceil(app.graceMs / 1000));
}

/** Says in a file who wrote it, and lets a later export tell its own files from others. */
export function signature(format: string, app: string): string {
  return `Written by clusterctl export ${format} for ${app}: the next export replaces it.`;
}

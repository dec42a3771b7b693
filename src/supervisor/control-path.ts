/** Where supervisors of this user listen: one private folder, one socket for each Procfile or generated cluster. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { makeFolder } from './make-folder.ts';

/** What a supervisor runs; two with the same have the same socket. */
export type Source =
  | { readonly type: 'procfile'; readonly file: string }
  | { readonly type: 'cluster'; readonly stateDir: string }
  /** goreman's `-p`, which tells apart supervisors by a number. */
  | { readonly type: 'number'; readonly number: number };

/** Paths of sockets end at 107 bytes on Linux and 103 on macOS. */
const folderBytesMax = 80;

/** The folder, made if it is missing; nobody else may look into it. The error says what is wrong with it. */
export function controlFolder(): Result<string, string> {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const user = process.getuid?.() ?? 0;
  const shared = tmpdir().length <= folderBytesMax - 20 ? tmpdir() : '/tmp';
  const folder =
    runtime !== undefined && runtime !== '' && runtime.length <= folderBytesMax - 20
      ? join(runtime, 'clusterctl')
      : join(shared, `clusterctl-${user}`);
  try {
    makeFolder(folder, 0o700);
    const stat = lstatSync(folder);
    const isPrivate = stat.isDirectory() && stat.uid === user && (stat.mode & 0o077) === 0;
    return isPrivate ? ok(folder) : err(`${folder} is not a private folder of this user`);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

/** The socket of a source in the folder. */
export function socketPath(folder: string, source: Source): string {
  return join(folder, `${createHash('sha256').update(keyOf(source)).digest('hex').slice(0, 16)}.sock`);
}

/** All sockets in the folder, of supervisors that live or are gone. */
export function socketsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => join(folder, name));
}

/** In words. */
export function sourceText(source: Source): string {
  switch (source.type) {
    case 'procfile':
      return realPath(source.file);
    case 'cluster':
      return realPath(source.stateDir);
    case 'number':
      return `-p ${source.number}`;
  }
}

function keyOf(source: Source): string {
  return `${source.type}:${sourceText(source)}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

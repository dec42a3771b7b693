/**
 * An exclusive lock on a directory that dies with the process, also by kill -9, so that two members never write one data
 * directory.
 *
 * Node has no flock(2). But a lock belongs to the open file description, not to the process that asked for it: `flock -x -n 3`,
 * run once with our descriptor as its descriptor 3, leaves the lock with us when it exits. Where there is no flock(1), a file
 * naming the process and its start time has to do.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../base/result.ts';
import { errorCode } from './os-error.ts';

/** Gives the lock back. Idempotent. */
export type Release = () => Promise<void>;

export type LockError =
  /** Another process, or this one, holds it. */
  | { readonly type: 'held'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string; readonly cause: unknown };

export interface LockOptions {
  /** The flock(1) of util-linux or busybox. Default `flock`, found on the PATH. */
  readonly flockCommand?: string;
}

/** Locks a directory that exists, without waiting. Takes a few milliseconds, nearly all of them outside of this process. */
export async function lockDirectory(directory: string, options: LockOptions = {}): Promise<Result<Release, LockError>> {
  try {
    const locked = await lockDescriptor(directory, options.flockCommand ?? 'flock');
    return locked ?? (await lockByFile(directory));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return err({ type: 'failed', message: `cannot lock ${directory}: ${reason}`, cause });
  }
}

/**
 * Locks a file that exists as bbolt does (flock(2)), so that neither etcd nor its tools open it meanwhile. Where there is no flock(1) it is
 * not locked: the lock of its directory must do.
 */
export async function lockFile(path: string, options: LockOptions = {}): Promise<Result<Release, LockError>> {
  try {
    return (await lockDescriptor(path, options.flockCommand ?? 'flock')) ?? ok(async () => undefined);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return err({ type: 'failed', message: `cannot lock ${path}: ${reason}`, cause });
  }
}

/** Null if there is no flock(1). */
async function lockDescriptor(directory: string, command: string): Promise<Result<Release, LockError> | null> {
  const handle = await fs.open(directory, 'r');
  let kept = false;
  try {
    const { code, complaint } = await runFlock(command, handle.fd);
    if (code === null) return null;
    if (code === 0) {
      kept = true;
      return ok(once(() => handle.close()));
    }
    if (code === exitHeld && complaint === '') return err(held(directory, 'another process'));
    throw new Error(`${command} exited with ${code}: ${complaint}`);
  } finally {
    if (!kept) await handle.close();
  }
}

/** What flock(1) exits with, silently, when -n finds the lock taken. */
const exitHeld = 1;

interface FlockExit {
  /** Null if the command does not exist. */
  readonly code: number | null;
  readonly complaint: string;
}

function runFlock(command: string, fd: number): Promise<FlockExit> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => {
      complaint += text.toString('utf8');
    });
    child.on('error', (error) => {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'EACCES') resolve({ code: null, complaint: '' });
      else reject(error);
    });
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${command} was ended by ${signal}`));
      else resolve({ code, complaint: complaint.trim() });
    });
  });
}

const lockFileName = 'clusterctl.lock';
/** Each attempt removes a lock whose process is gone; more than a few means that others do the same. */
const attemptsMax = 3;

/** The fallback. A process that is gone, or whose id is another process's now, does not hold the lock. */
async function lockByFile(directory: string): Promise<Result<Release, LockError>> {
  const path = join(directory, lockFileName);
  const own = `${process.pid} ${(await startTime(process.pid)) ?? ''}\n`;
  // A link appears with its whole content or not at all, so that nobody reads half of it.
  const draft = `${path}.${process.pid}`;
  await fs.writeFile(draft, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (await linked(draft, path)) return ok(once(() => fs.unlink(path)));
      const holder = await fs.readFile(path, 'utf8').catch(() => '');
      if (await isAlive(holder)) return err(held(directory, `process ${holder.split(' ')[0]}`));
      await removeStale(path, holder);
    }
  } finally {
    await fs.unlink(draft);
  }
  return err(held(directory, 'another process'));
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Another process may have done the same since and hold the lock by now: what is moved away is looked at, and put back if live. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  try {
    await fs.rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await fs.readFile(aside, 'utf8');
  if (moved !== stale) await linked(aside, path);
  await fs.unlink(aside);
}

async function isAlive(holder: string): Promise<boolean> {
  const match = /^(\d+) (\d*)\n$/.exec(holder);
  if (match === null) return false;
  const pid = Number(match[1]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
  }
  const started = await startTime(pid);
  return started === null || match[2] === '' || started === match[2];
}

/** When a process started, in clock ticks since boot (/proc/PID/stat, field 22); null where that cannot be known. */
async function startTime(pid: number): Promise<string | null> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The command name, field 2, is in parentheses and may hold spaces and parentheses itself.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[22 - 3] ?? null;
}

function held(directory: string, by: string): LockError {
  return { type: 'held', message: `${directory} is in use by ${by}: a data directory belongs to one member at a time` };
}

function once(action: () => Promise<void>): Release {
  let released: Promise<void> | null = null;
  return () => {
    released ??= action();
    return released;
  };
}

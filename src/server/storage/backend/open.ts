/** Opens the member's database: the file, the engine that writes it, the lock that keeps other processes out. */
import { basename, dirname, join } from 'node:path';
import type { Clock, Disk } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import { defaultPageSize } from '../bolt/db.ts';
import { createDatabase, readMeta } from '../bolt/file.ts';
import { removeSumsLog } from '../bolt/sums-log.ts';
import { openSums } from '../bolt/sums-open.ts';
import type { LockError, Release } from '../directory-lock.ts';
import type { Backend, TimedAction } from './backend.ts';
import { CommittedView } from './committed-view.ts';
import { BackendHost } from './host.ts';
import { type Defer, InProcessLink } from './in-process-link.ts';
import type { EngineLink } from './messages.ts';
import { SharedFile } from './shared-file.ts';
import { WorkerLink } from './worker-link.ts';

export interface BackendOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Of the file, etcd's `member/snap/db`; its directory must exist. */
  readonly path: string;
  /** The program of a thread for the engine, see `bundledWorkerScript`; it uses Node's file system. Default, also for null: this thread. */
  readonly workerScript?: string | null;
  /** Orders faults of the disk that the thread uses (SyncFaults.shared). */
  readonly syncFaults?: SharedArrayBuffer;
  /** When a reply of an engine in this thread arrives. Default: after the promises that are settled. */
  readonly defer?: Defer;
  /** --backend-batch-interval. Default, also for 0: 100 ms. */
  readonly batchIntervalMs?: number;
  /** --backend-batch-limit, in puts and deletes. Default, also for 0: 10,000. */
  readonly batchLimit?: number;
  /** Pages that reads keep in memory. Default 64 MiB. The engine has 16 MiB of its own. */
  readonly cacheBytesMax?: number;
  /** bbolt's InitialMmapSize, which decides how the file grows. Default etcd's, 10 GiB. */
  readonly initialMapBytes?: number;
  /**
   * Where the checksums of the file's pages are kept, see `pageSumsPath`. Default, also for null: there are none, and what is read is taken
   * as it is.
   */
  readonly sumsPath?: string | null;
  /** Told of what becomes of the checksums that were kept. */
  readonly onSums?: (news: SumsNews) => void;
  /** Told of everything of that kind that came to its end. */
  readonly onTimed?: (action: TimedAction, tookMs: number) => void;
  /** Of a new file. Default 4096. */
  readonly pageSize?: number;
  /** Keeps other processes from opening the file, as etcd's own lock does. Default: no lock, for disks that only this process has. */
  readonly lock?: (path: string) => Promise<Result<Release, LockError>>;
}

export type SumsNews =
  /** Another program has written to the database, or power was lost: pages count as sound as they are now. */
  | { readonly type: 'discarded'; readonly path: string }
  /** They cannot be written any more; pages are checked until the member ends, and count as sound at its next start. */
  | { readonly type: 'lost'; readonly path: string; readonly reason: string };

/** Beside the folder of etcd's `db`, for in it, as in the data directory itself, etcd warns of files that it does not know. */
export function pageSumsPath(databasePath: string): string {
  return join(dirname(dirname(databasePath)), `${basename(databasePath)}.sums`);
}

const defaults = {
  batchIntervalMs: 100,
  batchLimit: 10_000,
  cacheBytesMax: 64 * 1024 * 1024,
  initialMapBytes: 10 * 1024 * 1024 * 1024,
};

/**
 * Opens the file, or makes a new one. Resolves as soon as reads are served; meanwhile the engine starts, walks all of the file and creates
 * the buckets that are missing. The error says what is wrong with which file: it is locked, no database, or the operating system's word.
 * What only the walk finds out is told by `onFailed`, and by `commit`, which waits for it.
 */
export async function openBackend(options: BackendOptions): Promise<Result<Backend, string>> {
  const { disk, workerScript = null, syncFaults = null, defer = queueMicrotask } = options;
  // First of all: a thread takes longer to start than all else here.
  const link = workerScript === null ? new InProcessLink(disk, defer) : new WorkerLink(workerScript, syncFaults);
  const opened: (() => Promise<void>)[] = [() => link.end()];
  try {
    return ok(await openThrough(link, options, opened));
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    return err(error instanceof Error ? error.message : String(error));
  }
}

async function openThrough(
  link: EngineLink,
  options: BackendOptions,
  opened: (() => Promise<void>)[],
): Promise<BackendHost> {
  const { disk, clock, path, initialMapBytes = defaults.initialMapBytes, sumsPath = null, onSums } = options;
  const timed = options.onTimed ?? (() => undefined);
  await createIfMissing(disk, path, options.pageSize, sumsPath);
  const lock = () => takeLock(options);
  const unlock = await lock();
  opened.push(unlock);
  const file = await disk.open(path, 'read');
  opened.push(() => file.close());
  const meta = await readMeta(file, path);
  const size = meta.highWater * meta.pageSize;
  const cacheBytesMax = options.cacheBytesMax ?? defaults.cacheBytesMax;
  const kept = sumsPath === null ? null : await openSums(disk, sumsPath, file, meta);
  if (sumsPath !== null && kept?.isForeign) onSums?.({ type: 'discarded', path: sumsPath });
  const state = { meta, size, inUse: size };
  const view = new CommittedView(path, new SharedFile(file), state, cacheBytesMax, kept?.sums ?? null);
  const batchIntervalMs = options.batchIntervalMs || defaults.batchIntervalMs;
  const batchLimit = options.batchLimit || defaults.batchLimit;
  const sumsLost = (reason: string) => onSums?.({ type: 'lost', path: sumsPath ?? '', reason });
  const hostOptions = { disk, clock, path, batchIntervalMs, batchLimit, cacheBytesMax, lock, sumsLost, timed };
  const host = new BackendHost(hostOptions, link, view, unlock);
  const sums =
    sumsPath === null || kept === null ? null : { path: sumsPath, buffers: kept.sums.buffersFrom(0), end: kept.end };
  link.send({ type: 'open', options: { path, initialMapBytes, sums } });
  return host;
}

/** As bbolt, takes an empty file for a new one. */
async function createIfMissing(
  disk: Disk,
  path: string,
  pageSize: number | undefined,
  sumsPath: string | null,
): Promise<void> {
  if (await disk.exists(path)) {
    const file = await disk.open(path, 'read');
    const bytes = await file.size();
    await file.close();
    if (bytes > 0) return;
  }
  if (sumsPath !== null) await removeSumsLog(disk, sumsPath);
  await createDatabase(disk, path, pageSize ?? defaultPageSize);
}

async function takeLock({ path, lock }: BackendOptions): Promise<Release> {
  if (lock === undefined) return async () => undefined;
  const locked = await lock(path);
  if (locked.ok) return locked.value;
  throw new Error(
    locked.error.type === 'held'
      ? `the database ${path} is in use by another process, perhaps another etcd: stop it first`
      : locked.error.message,
  );
}

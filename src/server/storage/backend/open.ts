/** Opens the member's database: the file, the engine that writes it, the lock that keeps other processes out. */
import type { Clock, Disk } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { LockError, Release } from '../directory-lock.ts';
import type { Backend } from './backend.ts';
import { CommittedView } from './committed-view.ts';
import { BackendHost } from './host.ts';
import { InProcessLink } from './links.ts';
import type { EngineLink, EngineReply, FileState } from './messages.ts';
import { SharedFile } from './shared-file.ts';

export interface BackendOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Of the file, etcd's `member/snap/db`; its directory must exist. */
  readonly path: string;
  /** --backend-batch-interval. Default, also for 0: 100 ms. */
  readonly batchIntervalMs?: number;
  /** --backend-batch-limit, in puts and deletes. Default, also for 0: 10,000. */
  readonly batchLimit?: number;
  /** Pages that reads keep in memory. Default 64 MiB. The engine has 16 MiB of its own. */
  readonly cacheBytesMax?: number;
  /** bbolt's InitialMmapSize, which decides how the file grows. Default etcd's, 10 GiB. */
  readonly initialMapBytes?: number;
  /** Of a new file. Default 4096. */
  readonly pageSize?: number;
  /** Keeps other processes from opening the file, as etcd's own lock does. Default: no lock, for disks that only this process has. */
  readonly lock?: (path: string) => Promise<Result<Release, LockError>>;
}

const defaults = {
  batchIntervalMs: 100,
  batchLimit: 10_000,
  cacheBytesMax: 64 * 1024 * 1024,
  initialMapBytes: 10 * 1024 * 1024 * 1024,
};

/**
 * Opens the file, or makes a new one; buckets that are missing are created. The error says what is wrong with which file: it is locked,
 * damaged, or the operating system's word.
 */
export async function openBackend(options: BackendOptions): Promise<Result<Backend, string>> {
  const link = new InProcessLink(options.disk);
  const opened: (() => Promise<void>)[] = [];
  try {
    return ok(await openThrough(link, options, opened));
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    await link.end();
    return err(error instanceof Error ? error.message : String(error));
  }
}

async function openThrough(
  link: EngineLink,
  options: BackendOptions,
  opened: (() => Promise<void>)[],
): Promise<BackendHost> {
  const { disk, clock, path } = options;
  const lock = () => takeLock(options);
  // A file that is not there yet cannot be locked; nobody else can have it open either.
  const early = (await disk.exists(path)) ? await lock() : null;
  if (early !== null) opened.push(early);
  const state = await openEngine(link, options);
  opened.push(() => closeEngine(link));
  const unlock = early ?? (await lock());
  if (early === null) opened.push(unlock);
  const cacheBytesMax = options.cacheBytesMax ?? defaults.cacheBytesMax;
  const file = await disk.open(path, 'read');
  opened.push(() => file.close());
  const view = new CommittedView(path, new SharedFile(file), state, cacheBytesMax);
  const batchIntervalMs = options.batchIntervalMs || defaults.batchIntervalMs;
  const batchLimit = options.batchLimit || defaults.batchLimit;
  return new BackendHost({ disk, clock, path, batchIntervalMs, batchLimit, cacheBytesMax, lock }, link, view, unlock);
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

function openEngine(link: EngineLink, options: BackendOptions): Promise<FileState> {
  const { path, initialMapBytes = defaults.initialMapBytes, pageSize = null } = options;
  return new Promise((resolve, reject) => {
    link.onReply = (reply: EngineReply) => {
      if (reply.type === 'opened') resolve(reply.state);
      else if (reply.type === 'refused' || reply.type === 'failed') reject(reply.error);
    };
    link.send({ type: 'open', options: { path, initialMapBytes, pageSize } });
  });
}

function closeEngine(link: EngineLink): Promise<void> {
  return new Promise((resolve) => {
    link.onReply = (reply) => {
      if (reply.type === 'closed') resolve();
    };
    link.send({ type: 'close' });
  });
}

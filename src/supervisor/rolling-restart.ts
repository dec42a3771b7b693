/** Restarts processes one at a time, the next only when the one before is ready again and its etcd cluster is whole. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

/** One process, as far as a rolling restart is concerned. */
export interface RollingProcess {
  readonly name: string;
  /**
   * For an etcd: resolves to null when all members of its cluster know a leader, or when they do not within a time that it knows,
   * to why. None is restarted before that. Null for other processes.
   */
  readonly health: (() => Promise<string | null>) | null;
  /** Resolves when it has ended and started again. */
  restart(): Promise<void>;
  /** Resolves to null when it is ready, or when it will not be, to why. */
  ready(): Promise<string | null>;
}

/** The error says where it stopped; what comes after that is as it was. */
export async function rollingRestart(processes: readonly RollingProcess[]): Promise<Result<null, string>> {
  for (const [at, process] of processes.entries()) {
    const left = processes.slice(at).map((one) => one.name);
    const unfit = (await process.health?.()) ?? null;
    if (unfit !== null) return err(`not restarted: ${left.join(', ')}: ${unfit}`);
    await process.restart();
    const reason = await process.ready();
    const rest = left.slice(1);
    const consequence = rest.length === 0 ? '' : `; not restarted: ${rest.join(', ')}`;
    if (reason !== null) return err(`${process.name} is not ready after its restart: ${reason}${consequence}`);
  }
  // The last restart of each cluster has not been looked at yet.
  for (const { health } of processes) {
    const unfit = (await health?.()) ?? null;
    if (unfit !== null) return err(`all are restarted, but ${unfit}`);
  }
  return ok(null);
}

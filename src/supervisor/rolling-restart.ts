/** Restarts processes one at a time, the next only when the one before is ready again and the etcd cluster is whole. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

/** One process, as far as a rolling restart is concerned. */
export interface RollingProcess {
  readonly name: string;
  /** An etcd: no other is restarted before all are healthy. */
  readonly isMember: boolean;
  /** Resolves when it has ended and started again. */
  restart(): Promise<void>;
  /** Resolves to null when it is ready, or when it will not be, to why. */
  ready(): Promise<string | null>;
}

/**
 * `health` resolves to null when all members of the cluster know a leader, or when they do not within a time that it knows, to
 * why. The error says where it stopped; what comes after that is as it was.
 */
export async function rollingRestart(
  processes: readonly RollingProcess[],
  health: () => Promise<string | null>,
): Promise<Result<null, string>> {
  for (const [at, process] of processes.entries()) {
    const left = processes.slice(at).map((one) => one.name);
    const unfit = process.isMember ? await health() : null;
    if (unfit !== null) return err(`not restarted: ${left.join(', ')}: ${unfit}`);
    await process.restart();
    const reason = await process.ready();
    const rest = left.slice(1);
    const consequence = rest.length === 0 ? '' : `; not restarted: ${rest.join(', ')}`;
    if (reason !== null) return err(`${process.name} is not ready after its restart: ${reason}${consequence}`);
  }
  const unfit = processes.some((process) => process.isMember) ? await health() : null;
  return unfit === null ? ok(null) : err(`all are restarted, but ${unfit}`);
}

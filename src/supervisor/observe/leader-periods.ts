/** Who led from when to when, out of the events of a run. Pure. */
import type { RunEvent } from './model.ts';

export interface LeaderPeriod {
  readonly cluster: string;
  /** Name of the process, or the id of a member that is none of this run. */
  readonly leader: string;
  readonly term: number;
  readonly fromMs: number;
  /** Null: it leads now. */
  readonly toMs: number | null;
  /** How long nobody led before it; null for the first. */
  readonly downtimeMs: number | null;
}

/** In order of their beginnings. */
export function leaderPeriods(events: readonly RunEvent[]): LeaderPeriod[] {
  const periods: LeaderPeriod[] = [];
  /** By cluster, the place of the period that goes on. */
  const open = new Map<string, number>();
  const end = (cluster: string, atMs: number) => {
    const at = open.get(cluster);
    const period = at === undefined ? undefined : periods[at];
    if (at !== undefined && period !== undefined) periods[at] = { ...period, toMs: atMs };
    open.delete(cluster);
  };
  for (const event of events) {
    if (event.type === 'leader-lost') end(event.cluster, event.atMs);
    if (event.type !== 'leader-changed') continue;
    const { cluster, to: leader, term, atMs: fromMs, downtimeMs } = event;
    end(cluster, fromMs);
    open.set(cluster, periods.push({ cluster, leader, term, fromMs, toMs: null, downtimeMs }) - 1);
  }
  return periods;
}

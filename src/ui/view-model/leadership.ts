/** Who led when, which processes were down and which faulted, out of the events of a run. Pure. */
import type { FaultFacts, Observation, RunEvent } from '../../supervisor/observe/model.ts';

/** From `fromMs` up to, and without, `toMs`; Infinity: it goes on. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Lane {
  readonly leads: readonly Interval[];
  readonly down: readonly Interval[];
  readonly faulted: readonly Interval[];
}

/** The name of the process that a member id or a name in an event means. */
export type NameOf = (name: string) => string;

/** An event may know a member by its id alone, as long as nobody has said whose it is. */
export function namesIn({ processes }: Pick<Observation, 'processes'>): NameOf {
  const names = new Map(
    processes.flatMap(({ name, member }) => (member?.memberId ? [[member.memberId, name] as const] : [])),
  );
  return (name) => names.get(name) ?? name;
}

/** By the names of processes; those that no event names are missing. */
export function lanesOf(events: readonly RunEvent[], nameOf: NameOf): ReadonlyMap<string, Lane> {
  const lanes = new Map<string, OpenLane>();
  const lane = (said: string) => {
    const name = nameOf(said);
    const known = lanes.get(name) ?? new OpenLane();
    lanes.set(name, known);
    return known;
  };
  const leaders = new Map<string, string>();
  const targets = new Map<string, readonly string[]>();
  for (const event of events) {
    switch (event.type) {
      case 'leader-changed': {
        const before = leaders.get(event.cluster);
        if (before !== undefined) lane(before).leads.end(event.atMs);
        leaders.set(event.cluster, event.to);
        lane(event.to).leads.begin(event.atMs);
        break;
      }
      case 'leader-lost':
        lane(event.from).leads.end(event.atMs);
        leaders.delete(event.cluster);
        break;
      case 'member-exited':
        lane(event.name).down.begin(event.atMs);
        break;
      case 'member-started':
        lane(event.name).down.end(event.atMs);
        break;
      case 'fault-injected':
        targets.set(event.fault.id, hit(event.fault));
        for (const name of hit(event.fault)) lane(name).faulted.begin(event.atMs);
        break;
      case 'fault-healed':
        for (const name of targets.get(event.id) ?? []) lane(name).faulted.end(event.atMs);
        targets.delete(event.id);
        break;
      case 'fault-effective':
      case 'election':
        break;
    }
  }
  return new Map(
    [...lanes].map(([name, { leads, down, faulted }]) => [
      name,
      { leads: leads.all(), down: down.all(), faulted: faulted.all() },
    ]),
  );
}

/** Whom a fault is about: who is at an end of each link that it touches, if there is one such; its peers are not. */
function hit({ targets, links }: FaultFacts): readonly string[] {
  const common = targets.filter((name) => links.every((link) => link.from === name || link.to === name));
  return links.length > 0 && common.length > 0 ? common : targets;
}

class OpenLane {
  readonly leads = new Intervals();
  readonly down = new Intervals();
  readonly faulted = new Intervals();
}

/** Of several that overlap the first begins it and the last ends it. */
class Intervals {
  readonly #closed: Interval[] = [];
  #openMs: number | null = null;
  #depth = 0;

  begin(atMs: number): void {
    this.#depth++;
    this.#openMs ??= atMs;
  }

  end(atMs: number): void {
    this.#depth = Math.max(0, this.#depth - 1);
    if (this.#openMs === null || this.#depth > 0) return;
    this.#closed.push({ fromMs: this.#openMs, toMs: atMs });
    this.#openMs = null;
  }

  all(): readonly Interval[] {
    return this.#openMs === null
      ? this.#closed
      : [...this.#closed, { fromMs: this.#openMs, toMs: Number.POSITIVE_INFINITY }];
  }
}

/** What changes when a run goes over to what its files say now. Pure. */
import type { Spec } from './plan.ts';
import type { ProcessSpec } from './process.ts';

/** Names of processes; each process is in one of these. */
export interface ReloadPlan {
  readonly start: readonly string[];
  readonly stop: readonly string[];
  /** What runs would be another command, folder or environment. */
  readonly restart: readonly string[];
  /** Changed only in how the supervisor treats it: nothing happens to what runs. */
  readonly adjust: readonly string[];
  readonly keep: readonly string[];
}

export function planReload(before: readonly ProcessSpec[], after: readonly ProcessSpec[]): ReloadPlan {
  const old = new Map(before.map((spec) => [spec.name, spec]));
  const fresh = new Set(after.map((spec) => spec.name));
  const plan = { start: [], restart: [], adjust: [], keep: [] } as Record<keyof Omit<ReloadPlan, 'stop'>, string[]>;
  for (const spec of after) {
    const known = old.get(spec.name);
    if (known === undefined) plan.start.push(spec.name);
    else if (programText(known) !== programText(spec)) plan.restart.push(spec.name);
    else if (treatmentText(known) !== treatmentText(spec)) plan.adjust.push(spec.name);
    else plan.keep.push(spec.name);
  }
  return { ...plan, stop: before.filter((spec) => !fresh.has(spec.name)).map((spec) => spec.name) };
}

/** Equal for equal programs. */
function programText({ command, cwd, env }: ProcessSpec): string {
  const variables = Object.entries(env).filter(([, value]) => value !== undefined);
  return JSON.stringify([command, cwd, variables.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function treatmentText({ graceMs, stopSignal, restart, ready, dependsOn, endpoint }: ProcessSpec): string {
  return JSON.stringify([graceMs, stopSignal, restart, ready, dependsOn, endpoint]);
}

/** Between the ports of two entries. */
const portStep = 100;
const portMax = 65_535;

/**
 * The specs of `after` with the ports that they have in `before`, so that an entry that moved in the file goes on untouched;
 * new ones keep clear of those, and of the ports of what is about to stop.
 */
export function keepPorts(before: readonly Spec[], after: readonly Spec[]): Spec[] {
  const known = new Map(before.map((spec) => [spec.name, spec.port]));
  const taken = new Set([...known.values()].filter((port) => port !== null));
  return after.map((spec) => {
    if (spec.port === null) return spec;
    const kept = known.get(spec.name) ?? null;
    const port = kept ?? freePort(spec.port, taken);
    taken.add(port);
    return port === spec.port ? spec : { ...spec, port, env: { ...spec.env, PORT: String(port) } };
  });
}

function freePort(wanted: number, taken: ReadonlySet<number>): number {
  for (let port = wanted; port <= portMax; port += portStep) if (!taken.has(port)) return port;
  for (let port = portMax; port > 0; port--) if (!taken.has(port)) return port;
  return wanted;
}

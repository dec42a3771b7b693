/** Who waits for whom: cycles in it, and whether a process may start now. Pure. */

/** What each process waits for, by name. Names that are no key wait for nothing. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

/** Of a process that others wait for. */
export type DependencyState =
  | 'ready'
  /** It runs or is about to. */
  | 'coming'
  /** It has ended and nothing will start it again. */
  | 'over';

export type StartDecision =
  | { readonly type: 'start' }
  | { readonly type: 'wait'; readonly for: readonly string[] }
  /** One of these has ended before it was ready. */
  | { readonly type: 'never'; readonly because: readonly string[] };

/** Whether a process with these dependencies may start. */
export function decideStart(names: readonly string[], stateOf: (name: string) => DependencyState): StartDecision {
  const over = names.filter((name) => stateOf(name) === 'over');
  if (over.length > 0) return { type: 'never', because: over };
  const coming = names.filter((name) => stateOf(name) === 'coming');
  return coming.length > 0 ? { type: 'wait', for: coming } : { type: 'start' };
}

/** The names and everything that they wait for, directly or not. */
export function withDependencies(dependencies: Dependencies, names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  // A set hands out what is added to it during the loop too.
  for (const name of found) for (const other of dependencies.get(name) ?? []) found.add(other);
  return found;
}

/**
 * Circles, each as the names on it in the order of waiting, beginning with the one that comes first in `dependencies`. Every
 * process that waits for itself through others is on a circle, or waits for one, that is in the answer.
 */
export function findCycles(dependencies: Dependencies): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  for (const start of dependencies.keys()) {
    // Depth first without recursion: the path, and what is still to be tried at each of its steps.
    const path: string[] = [];
    const untried: string[][] = [[start]];
    while (untried.length > 0) {
      const next = untried.at(-1)?.shift();
      if (next === undefined) {
        untried.pop();
        const left = path.pop();
        if (left !== undefined) done.add(left);
        continue;
      }
      const at = path.indexOf(next);
      if (at >= 0) cycles.push(path.slice(at));
      if (at >= 0 || done.has(next)) continue;
      path.push(next);
      untried.push([...(dependencies.get(next) ?? [])]);
    }
  }
  return cycles;
}

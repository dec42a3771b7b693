/** What the flags of `start` and `export` choose to run: the Procfile's entries, or members of a generated cluster. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { loadOrCreateCluster } from '../supervisor/cluster-state.ts';
import type { GeneratedCluster, PeerLinks } from '../supervisor/etcd-members.ts';
import { peerScheme } from '../supervisor/etcd-members.ts';
import type { Spec } from '../supervisor/plan.ts';
import { planMembers, planProcesses } from '../supervisor/plan.ts';
import { exitCode } from './exit-codes.ts';
import type { Say } from './read-procfile.ts';
import { complain, readProcfile } from './read-procfile.ts';
import type { Options } from './syntax.ts';

export interface RunRequest {
  /** Entries or instances to run; empty for all. */
  readonly names: readonly string[];
  readonly options: Options;
  /** Flags that were given. */
  readonly given: ReadonlySet<string>;
}

/** What there is, whether it is to run now or not. */
export interface Planned {
  /** To run, in file order. */
  readonly specs: readonly Spec[];
  /** Of the same formation. */
  readonly all: readonly Spec[];
  /** Names in the Procfile; none of a generated cluster. */
  readonly entries: readonly string[];
}

/** What to run, or the exit code after the errors have been said. `added` is what env files set. */
export function planAll(
  request: RunRequest,
  added: Readonly<Record<string, string>>,
  say: Say = complain,
): Result<Planned, number> {
  const { options, names, given } = request;
  if (options.members !== null) {
    const clash = ['procfile', 'formation'].find((flag) => given.has(flag));
    if (clash === undefined) {
      const all = planMembers(options.members);
      const specs = chosenMembers(all, names, say);
      return specs.ok ? ok({ specs: specs.value, all, entries: ['etcd'] }) : specs;
    }
    say(`--members makes a cluster without a Procfile: leave out --${clash}, or use -m etcd=${options.members}`);
    return err(exitCode.usage);
  }
  const procfile = readProcfile(options.procfile, say);
  if (!procfile.ok) return procfile;
  const { entries } = procfile.value;
  const { formation, 'set-ports': setPorts } = options;
  const choice = { formation, basePort: basePortIn(request, added) ?? options['base-port'], setPorts };
  const planned = planProcesses(entries, { ...choice, only: names });
  if (planned.ok) {
    const all = names.length === 0 ? planned : planProcesses(entries, { ...choice, only: [] });
    return ok({
      specs: planned.value,
      all: all.ok ? all.value : planned.value,
      entries: entries.map((entry) => entry.name),
    });
  }
  for (const message of planned.error) say(message);
  return err(exitCode.failed);
}

function chosenMembers(members: readonly Spec[], names: readonly string[], say: Say): Result<readonly Spec[], number> {
  const unknown = names.find((name) => !members.some((member) => member.name === name));
  if (unknown === undefined)
    return ok(names.length === 0 ? members : members.filter((one) => names.includes(one.name)));
  say(`unknown proc: ${unknown} (members: ${members.map((member) => member.name).join(', ')})`);
  return err(exitCode.failed);
}

/** foreman takes the base port from PORT of an env file; goreman knows only its flag. Null if it is not taken from `added`. */
export function basePortIn({ options, given }: RunRequest, added: Readonly<Record<string, string>>): number | null {
  const fromFile = options['env-rules'] === 'foreman' && !given.has('base-port') ? Number(added['PORT']) : Number.NaN;
  return Number.isInteger(fromFile) && fromFile >= 0 ? fromFile : null;
}

/**
 * The generated clusters of these specs by name, as they were at the last start or made anew; the ports of those that are
 * `starting` are free. New ones get links of that `route`.
 */
export async function clustersOf(
  specs: readonly Spec[],
  stateDir: string,
  starting: readonly Spec[],
  route: PeerLinks['route'],
): Promise<Result<ReadonlyMap<string, GeneratedCluster>, string>> {
  const clusters = new Map<string, GeneratedCluster>();
  for (const { cluster: name, clusterMembers, command } of specs) {
    if (name === null || clusters.has(name)) continue;
    const members = starting.filter((spec) => spec.cluster === name).map((spec) => spec.name);
    const cluster = await loadOrCreateCluster(stateDir, name, clusterMembers, members, {
      // A cluster of one has no links.
      route: clusterMembers.length > 1 ? route : 'direct',
      scheme: peerScheme(command),
    });
    if (!cluster.ok) return cluster;
    clusters.set(name, cluster.value);
  }
  return ok(clusters);
}

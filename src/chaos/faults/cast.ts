/** Finds out who is meant by the words of a fault, when it is injected. Pure. */
import { unreachable } from '../../base/assert.ts';
import type { Random } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { roleTargets, type Target } from './command.ts';
import type { ProcessView } from './view.ts';

export class Cast {
  private readonly processes: readonly ProcessView[];
  private readonly random: Random;

  constructor(processes: readonly ProcessView[], random: Random) {
    this.processes = processes;
    this.random = random;
  }

  /** Any process. */
  process(target: Target): Result<ProcessView, string> {
    const named = this.processes.find(({ name }) => name === target);
    if (named !== undefined) return ok(named);
    const role = roleTargets.find((one) => one === target);
    if (role !== undefined) return this.byRole(role);
    const names = this.processes.map(({ name }) => name).join(', ');
    return err(`there is no process ${target} (processes: ${names}; or leader, follower, random)`);
  }

  /** An etcd, whether it runs or not. */
  member(target: Target): Result<ProcessView, string> {
    const found = this.process(target);
    if (!found.ok || found.value.member !== null) return found;
    const names = this.members().map(({ name }) => name);
    return err(
      `${target} is no etcd${names.length === 0 ? ', nor is any other process' : ` (etcds: ${names.join(', ')})`}`,
    );
  }

  members(): readonly ProcessView[] {
    return this.processes.filter(({ member }) => member !== null);
  }

  /** All members of the cluster of one of them, in the order of the processes. */
  clusterOf(name: string): readonly ProcessView[] {
    const known = new Set(this.members().flatMap(({ member }) => (member?.cluster == null ? [] : [member.cluster])));
    // Those that do not say where they belong, belong to the only cluster there is.
    if (known.size < 2) return this.members();
    const cluster = this.members().find((one) => one.name === name)?.member?.cluster ?? null;
    return this.members().filter((one) => one.name === name || (cluster !== null && one.member?.cluster === cluster));
  }

  /** The members of the only cluster. */
  cluster(): Result<readonly ProcessView[], string> {
    const [first] = this.members();
    if (first === undefined) return err('no process is an etcd');
    const clusters = new Set(this.members().flatMap(({ member }) => (member?.cluster == null ? [] : [member.cluster])));
    return clusters.size < 2 ? ok(this.members()) : err(`there are ${clusters.size} clusters: name the members`);
  }

  private byRole(role: (typeof roleTargets)[number]): Result<ProcessView, string> {
    const cluster = this.cluster();
    if (!cluster.ok) return cluster;
    const running = cluster.value.filter(({ state, paused }) => state === 'running' && !paused);
    switch (role) {
      case 'leader': {
        const leader = running.find(({ member }) => member?.leads === true);
        return leader === undefined ? err('no member leads now: wait for an election, or name a member') : ok(leader);
      }
      case 'follower': {
        const follower = running.find(({ member }) => member?.leads === false);
        return follower === undefined ? err('no follower runs') : ok(follower);
      }
      case 'random': {
        const chosen = running[running.length === 0 ? 0 : this.random.below(running.length)];
        return chosen === undefined ? err('no member runs') : ok(chosen);
      }
      default:
        return unreachable(role);
    }
  }
}

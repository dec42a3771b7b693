/** `clusterctl wait`: returns when the processes of a run are ready, have a leader, or have ended. For scripts. */
import { unreachable } from '../../base/assert.ts';
import type { ProcessStatus, RunStatus } from '../../supervisor/control-protocol.ts';
import { etcdHealth } from '../../supervisor/probes.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Between two looks. */
const intervalMs = 50;
/** Of one health check; etcd itself gives up on finding a leader later. */
const healthTimeoutMs = 1_000;

/** Waits for a supervisor too, if none runs yet. Without a deadline it waits for ever. */
export async function wait(names: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const endMs = performance.now() + (options.deadline ?? Number.POSITIVE_INFINITY);
  for (;;) {
    const missing = await notYet(names, options, given);
    if (missing === null) return exitCode.ok;
    if (missing.type === 'never') {
      complain(missing.reason);
      return exitCode.failed;
    }
    if (performance.now() >= endMs) {
      complain(`gave up waiting: ${missing.reason}`);
      return exitCode.timedOut;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

/** What keeps the condition from holding; `never`: no waiting will help. Null if it holds. */
async function notYet(
  names: readonly string[],
  options: Options,
  given: ReadonlySet<string>,
): Promise<{ readonly type: 'later' | 'never'; readonly reason: string } | null> {
  const target = await findSupervisor(options, given);
  if (!target.ok) return options.for === 'exit' ? null : { type: 'later', reason: target.error };
  const chosen = choose(target.value.status, names);
  if (typeof chosen === 'string') return { type: 'never', reason: chosen };
  if (options.for === 'leader' && chosen.every((one) => one.clientUrl === null))
    return { type: 'never', reason: 'none of the processes is an etcd' };
  const failing = await firstFailing(chosen, options.for);
  return failing === null ? null : { type: 'later', reason: failing };
}

function choose({ processes }: RunStatus, names: readonly string[]): readonly ProcessStatus[] | string {
  const unknown = names.find((name) => !processes.some((one) => one.name === name || one.entry === name));
  if (unknown !== undefined) return `unknown proc: ${unknown}`;
  return names.length === 0
    ? processes
    : processes.filter((one) => names.some((name) => [one.name, one.entry].includes(name)));
}

/** Why the condition does not hold for one of the processes; null if it holds for all. */
async function firstFailing(processes: readonly ProcessStatus[], condition: Options['for']): Promise<string | null> {
  switch (condition) {
    case 'exit': {
      const alive = processes.find((one) => one.state !== 'stopped');
      return alive === undefined ? null : `${alive.name} is ${alive.state}`;
    }
    case 'ready': {
      const down = processes.find((one) => !one.ready);
      if (down === undefined) return firstUnhealthy(processes);
      return `${down.name} is ${down.state}${down.state === 'running' ? ', not ready yet' : ''}`;
    }
    case 'leader':
      return processes.some((one) => one.endpoint !== null)
        ? firstUnhealthy(processes)
        : 'none of the processes is an etcd';
    default:
      return unreachable(condition);
  }
}

/** An etcd is healthy once it knows a leader. */
async function firstUnhealthy(processes: readonly ProcessStatus[]): Promise<string | null> {
  const reasons = await Promise.all(
    processes.map(async ({ name, endpoint }) => {
      const reason = endpoint === null ? null : await etcdHealth(endpoint, healthTimeoutMs);
      return reason === null ? null : `${name}: ${reason}`;
    }),
  );
  return reasons.find((reason) => reason !== null) ?? null;
}

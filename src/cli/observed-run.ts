/** What a running supervisor knows of its run, for the commands that print it. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { askSupervisor } from '../supervisor/control-client.ts';
import type { RunStatus } from '../supervisor/control-protocol.ts';
import type { Observation } from '../supervisor/observe/model.ts';
import { findSupervisor } from './control-target.ts';
import type { Options } from './syntax.ts';

export interface ObservedRun {
  readonly status: RunStatus;
  readonly observation: Observation;
}

/** The error says why nobody tells. */
export async function observedRun(options: Options, given: ReadonlySet<string>): Promise<Result<ObservedRun, string>> {
  const target = await findSupervisor(options, given);
  if (!target.ok) return target;
  const reply = await askSupervisor(target.value.address, { command: 'observation' });
  if (reply === null) return err(`the supervisor (process ${target.value.status.pid}) ended without an answer`);
  if (!reply.ok) return err(reply.error);
  return reply.observation === undefined
    ? err(`the supervisor (process ${reply.status.pid}) is of another version`)
    : ok({ status: reply.status, observation: reply.observation });
}

/** `15:04:05.123`, local time. */
export function momentText(atMs: number): string {
  const at = new Date(atMs);
  const two = (part: number) => String(part).padStart(2, '0');
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

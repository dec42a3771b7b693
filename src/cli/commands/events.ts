/** `clusterctl events`: follows what happens to a run: leaders, elections, faults, members that start and end. */
import { followSupervisor } from '../../supervisor/control-client.ts';
import { runEventRecord } from '../../supervisor/ndjson-format.ts';
import { eventText } from '../../supervisor/observe/event-text.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { momentText } from '../observed-run.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Until the supervisor ends, or Ctrl-C, which ends nothing else. */
export async function events(options: Options, given: ReadonlySet<string>): Promise<number> {
  const target = await findSupervisor(options, given);
  if (!target.ok) {
    complain(target.error);
    return exitCode.failed;
  }
  process.once('SIGINT', () => process.exit(exitCode.ok));
  process.stdout.on('error', () => process.exit(exitCode.ok)); // nobody reads any more
  const sinceMs = options.since === null ? null : Date.now() - options.since;
  const refusal = await followSupervisor(target.value.address, sinceMs, (event) => {
    const line = options.json ? runEventRecord(event, null) : `${momentText(event.atMs)}  ${eventText(event)}\n`;
    process.stdout.write(line);
  });
  if (refusal === null) return exitCode.ok;
  complain(refusal);
  return exitCode.failed;
}

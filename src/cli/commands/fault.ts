/** `clusterctl fault VERB …`: breaks the processes of a running supervisor, and heals them. */
import { parseFault } from '../../chaos/faults/parse.ts';
import { askSupervisor } from '../../supervisor/control-client.ts';
import type { FaultReply } from '../../supervisor/control-protocol.ts';
import type { FaultFacts } from '../../supervisor/observe/model.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { momentText } from '../observed-run.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';
import { tableLines } from '../table.ts';

/** `words` begin with the verb. */
export async function fault(words: readonly string[], options: Options, given: ReadonlySet<string>): Promise<number> {
  const parsed = parseFault(words);
  if (!parsed.ok) {
    complain(`${parsed.error}\nRun clusterctl help fault for examples.`);
    return exitCode.usage;
  }
  const target = await findSupervisor(options, given);
  if (!target.ok) return failed(target.error);
  const { pid } = target.value.status;
  const reply = await askSupervisor(target.value.address, { command: 'fault', words });
  if (reply === null) return failed(`the supervisor (process ${pid}) ended without an answer`);
  if (!reply.ok) return failed(`fault ${parsed.value.type}: ${reply.error}`);
  if (reply.fault === undefined) return failed(`the supervisor (process ${pid}) is of another version`);
  print(options.json ? [JSON.stringify(reply.fault)] : linesOf(reply.fault, parsed.value.type === 'list'));
  return exitCode.ok;
}

function linesOf({ text, faults }: FaultReply, isList: boolean): readonly string[] {
  if (!isList || faults.length === 0) return [text];
  return tableLines([['ID', 'SINCE', 'SHOWN', 'FAULT'], ...faults.map(row)]);
}

function row({ id, text, injectedMs, bitMs }: FaultFacts): string[] {
  return [id, momentText(injectedMs), bitMs === null ? 'not yet' : `after ${bitMs - injectedMs} ms`, text];
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}

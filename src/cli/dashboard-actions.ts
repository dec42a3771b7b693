/** Does what the dashboard asks for, as the command line would: `run stop web`, `fault kill leader`. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { ControlCommand } from '../supervisor/control-protocol.ts';
import { controlCommands } from '../supervisor/control-protocol.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';

/** What injects and heals faults: words as after `clusterctl fault`; resolves to what has happened, as a sentence. */
export type FaultOrders = (words: readonly string[]) => Promise<Result<string, string>>;

export async function actOn(
  supervisor: Pick<Supervisor, 'obey'>,
  faults: FaultOrders,
  { words }: { readonly words: readonly string[] },
): Promise<Result<string, string>> {
  const [verb = '', word = '', ...rest] = words;
  if (verb === 'fault') return faults(words.slice(1));
  const command: ControlCommand | undefined = rest.includes('--rolling')
    ? 'rolling-restart'
    : controlCommands.find((one) => one === word);
  if (verb !== 'run' || command === undefined) return err(`there is no command ${words.join(' ')}`);
  const done = await supervisor.obey({ command, names: rest.filter((one) => !one.startsWith('--')) });
  return done.ok ? ok('done') : done;
}

/** What the dashboard needs of a run, whoever runs it: the facts to draw, and a way to act. The dashboard knows nothing else. */
import type { Result } from '../base/result.ts';
import type { Observation } from '../supervisor/observe/model.ts';

/**
 * Something to do to the run, as the words that do the same on the command line after `clusterctl`: `fault kill leader`,
 * `run restart web`. So whatever the dashboard does can be shown, copied and repeated.
 */
export interface DashboardAction {
  readonly words: readonly string[];
}

/** Where the log lines of the run are kept while it runs. */
export interface LogHistory {
  /** As HistoryReader reads it; a file for each process. */
  readonly folder: string;
}

export interface DashboardSource {
  /** What the run is called: its Procfile, or the folder of a generated cluster. */
  readonly title: string;
  /** The newest; the same object as long as nothing has changed. */
  observation(): Observation;
  /** Calls `listener` after each change, at most some times a second; the result ends that. */
  subscribe(listener: () => void): () => void;
  /** Null: the run keeps no history (`--history=false`). */
  readonly history: LogHistory | null;
  /** Resolves when it is done, to what there is to say about it; the error is a sentence for the user. */
  act(action: DashboardAction): Promise<Result<string, string>>;
}

/** The command line that does the same, ready for a shell. */
export function commandText(action: DashboardAction): string {
  return ['clusterctl', ...action.words].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

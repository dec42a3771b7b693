/** The log history of a run: what `clusterctl logs` reads. Without it the processes run all the same. */
import { HistoryWriter } from '../supervisor/history.ts';
import { historyFolder } from '../supervisor/history-files.ts';
import { lockHistory } from '../supervisor/history-lock.ts';
import { BlockPool } from '../supervisor/text-blocks.ts';
import { historyFallback, sourceOf } from './control-target.ts';
import type { RunRequest } from './planned-specs.ts';
import { complain } from './read-procfile.ts';

export interface RunHistory {
  /** Null if none is kept. */
  readonly folder: string | null;
  /** The writer for a process, the same each time; null if there is no history. */
  writerOf(name: string): HistoryWriter | null;
  close(): Promise<void>;
}

/** Says why, if there is none but should be. */
export function openHistory({ options, given }: RunRequest): RunHistory {
  if (!options.history) return none;
  try {
    const folder = historyFolder(sourceOf(options, given), process.env, historyFallback());
    const lock = lockHistory(folder);
    if (lock.type === 'taken') {
      complain(
        `warning: no log history: process ${lock.pid} writes that of this Procfile; -p NUMBER gives a run its own`,
      );
      return none;
    }
    return writing(folder, { fileBytes: options['history-size'], files: options['history-files'] }, lock.release);
  } catch (error) {
    cannot(error);
    return none;
  }
}

const none: RunHistory = { folder: null, writerOf: () => null, close: async () => {} };

function writing(folder: string, limits: { fileBytes: number; files: number }, release: () => void): RunHistory {
  const writers = new Map<string, HistoryWriter>();
  const pool = new BlockPool();
  let broken = false;
  return {
    folder,
    writerOf(name) {
      const known = writers.get(name);
      if (known !== undefined || broken) return known ?? null;
      try {
        const writer = new HistoryWriter(folder, name, limits, pool);
        writer.onFailed = (error) => ended(name, error);
        writers.set(name, writer);
        return writer;
      } catch (error) {
        broken = true;
        cannot(error);
        return null;
      }
    },
    async close() {
      await Promise.all([...writers.values()].map((writer) => writer.close()));
      release();
    },
  };
}

function ended(name: string, error: Error): void {
  complain(`warning: the log history of ${name} ends here: ${error.message}`);
}

function cannot(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  complain(`warning: no log history: ${reason} (--history=false says that you need none)`);
}

/** Log lines that the command line gives rise to before there is a logger. */
import type { Fields } from '../log/record.ts';

export interface StartupLine {
  readonly level: 'info' | 'warn' | 'fatal';
  readonly message: string;
  readonly fields: Fields;
  readonly caller: string;
  /** Printed by the default logger, whatever --log-… say: the line is older than the knowledge of those flags. */
  readonly early: boolean;
}

/** Collects lines in order; they stop being early once the logging flags are known to be good. */
export class StartupLines {
  readonly lines: StartupLine[] = [];
  #early = true;

  loggingIsConfigured(): void {
    this.#early = false;
  }

  add(level: StartupLine['level'], caller: string, message: string, fields: Fields = {}): void {
    this.lines.push({ level, message, fields, caller, early: this.#early });
  }
}

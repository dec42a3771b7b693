/** Turns a parsed command into a logger that has said everything there is to say before the member starts. */
import type { RootLogger } from '../log/logger.ts';
import { defaultLogConfig, type LogConfig, openLogger } from '../log/open.ts';
import type { StartupLine } from './startup-line.ts';

export type Started =
  | { readonly type: 'logging'; readonly logger: RootLogger }
  /** The lines are written; end the process with this code. */
  | { readonly type: 'exit'; readonly exitCode: number };

/** Opens the logger of a command to run and logs its lines. An output that cannot be opened ends the process, as in etcd. */
export function startLogging(log: LogConfig, lines: readonly StartupLine[]): Started {
  const opened = openLogger(log);
  if (opened.ok) {
    writeLines(lines, log, opened.value);
    return { type: 'logging', logger: opened.value };
  }
  const kept = lines.filter((line) => line.early || line.message === 'Running: ');
  const caller = 'config/startup.ts';
  const fields = { error: opened.error };
  const failure: StartupLine = { level: 'warn', message: 'failed to verify flags', fields, caller, early: true };
  return logAndExit({ exitCode: 1, log: null, lines: [...kept, failure] });
}

/** Logs the lines of an invalid command. */
export function logAndExit(command: {
  readonly exitCode: number;
  readonly log: LogConfig | null;
  readonly lines: readonly StartupLine[];
}): { readonly type: 'exit'; readonly exitCode: number } {
  const log = command.log ?? defaultLogConfig;
  const opened = openLogger(log);
  const logger = opened.ok ? opened : openLogger(defaultLogConfig);
  if (logger.ok) {
    writeLines(command.lines, log, logger.value);
    logger.value.close();
  }
  return { type: 'exit', exitCode: command.exitCode };
}

function writeLines(lines: readonly StartupLine[], log: LogConfig, configured: RootLogger): void {
  const isDefault = log.format === 'json' && log.level === 'info' && log.outputs.join() === 'default';
  const early = isDefault ? null : openLogger(defaultLogConfig);
  for (const line of lines) {
    const logger = line.early && early?.ok === true ? early.value : configured;
    const write = logger.at(line.caller);
    switch (line.level) {
      case 'info':
        write.info(line.message, line.fields);
        break;
      case 'warn':
        write.warn(line.message, line.fields);
        break;
      case 'fatal':
        write.fatal(line.message, line.fields);
        break;
    }
    if (line.early) logger.flush(); // two loggers on one descriptor keep their order
  }
  if (early?.ok === true) early.value.close();
}

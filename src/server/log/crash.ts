/** Keeps stderr to log lines when things go wrong that no code handles: readers expect JSON there, even from a crash. */
import type { RootLogger } from './logger.ts';

/** What a Go program exits with after a panic. */
const exitPanic = 2;
const exitFailed = 1;

/** What is said of it wherever it is found. */
export const corruptDataText = 'the data directory is corrupt; the member must not serve it';

/**
 * From now on an uncaught exception or unhandled rejection becomes one fatal line with its stack, and exit code 2; Node's own
 * warnings (deprecations, experimental features) become warn lines instead of bare text. Call once per process.
 *
 * Damage to the data, as `isCorruption` tells, may be met by any read. It is nobody's bug: its line has no stack, and the code is 1.
 */
export function installCrashLogging(logger: RootLogger, isCorruption: (error: unknown) => error is Error): void {
  const log = logger.at('log/crash.ts');
  process.on('uncaughtException', (error: unknown, origin) => {
    if (isCorruption(error)) {
      log.fatal(corruptDataText, { error });
      logger.close();
      process.exit(exitFailed);
    }
    try {
      const stack = error instanceof Error ? (error.stack ?? '') : '';
      const cause = error instanceof Error ? error : new Error(String(error));
      log.fatal(`crashed: ${origin}`, { error: cause, stacktrace: stack });
    } finally {
      process.exit(exitPanic);
    }
  });
  process.removeAllListeners('warning'); // Node's own listener prints plain text
  process.on('warning', (warning) => log.warn('runtime warning', { name: warning.name, error: warning }));
}

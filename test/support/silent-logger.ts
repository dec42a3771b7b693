/** A logger for tests that do not look at lines. */
import type { Logger } from '../../src/server/log/logger.ts';

const nothing = (): void => {};

export const silentLogger: Logger = {
  level: 'fatal',
  enabled: () => false,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  named: () => silentLogger,
  at: () => silentLogger,
};

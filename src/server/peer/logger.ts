/** The logger as this folder needs it; the server's own satisfies it. */
import type { Duration } from '../../base/duration.ts';

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | Duration>>;

export interface StructuredLogger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

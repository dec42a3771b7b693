import { createLogger, type Logger } from '../../../src/server/log/logger.ts';

/** A logger that hands over each line as an object. */
export function recordingLogger(line: (fields: Record<string, unknown>) => void): Logger {
  const write = (text: string) => line(JSON.parse(text) as Record<string, unknown>);
  return createLogger({
    level: 'info',
    format: 'json',
    nowUs: () => 0,
    sinks: [{ write, flush: () => {}, close: () => {}, takeDropped: () => 0 }],
  });
}

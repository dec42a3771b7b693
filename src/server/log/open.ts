/** Opens the outputs that --log-outputs names. */
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errnoText } from '../../base/go-errno.ts';
import { goQuote } from '../../base/go-quote.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { RootLogger } from './logger.ts';
import { createLogger } from './logger.ts';
import type { Level, LogFormat } from './record.ts';
import type { Sink } from './sink.ts';
import { DescriptorSink } from './sink.ts';

export interface LogConfig {
  readonly level: Level;
  readonly format: LogFormat;
  /** 'default', 'stderr', 'stdout', 'systemd/journal' (all but stdout mean stderr here), or paths to append to. */
  readonly outputs: readonly string[];
}

export const defaultLogConfig: LogConfig = { level: 'info', format: 'json', outputs: ['default'] };

/** A logger on all outputs, each once; '/dev/null' among them silences all. The error is etcd's text for a file that cannot be opened. */
export function openLogger(config: LogConfig): Result<RootLogger, string> {
  const sinks = new Map<string, Sink>();
  const outputs = config.outputs.includes('/dev/null') ? [] : config.outputs;
  for (const output of outputs) {
    switch (output) {
      case 'default':
      case 'stderr':
      case 'systemd/journal': // systemd connects stderr to the journal
        sinks.set('stderr', new DescriptorSink(2, false));
        break;
      case 'stdout':
        sinks.set('stdout', new DescriptorSink(1, false));
        break;
      default: {
        if (sinks.has(output)) break;
        const opened = openFile(output);
        if (!opened.ok) {
          for (const sink of sinks.values()) sink.close();
          return opened;
        }
        sinks.set(output, opened.value);
      }
    }
  }
  const all = [...sinks.values()];
  const { level, format } = config;
  const logger = createLogger({ level, format, sinks: all, nowUs: wallClockUs() });
  const flushAtExit = (): void => logger.flush();
  process.on('exit', flushAtExit);
  const close = (): void => {
    process.off('exit', flushAtExit);
    for (const sink of all) sink.close();
  };
  return ok(Object.assign(logger, { close }));
}

function openFile(output: string): Result<Sink, string> {
  try {
    const path = output.startsWith('file://') ? fileURLToPath(output) : output;
    return ok(new DescriptorSink(openSync(path, 'a', 0o666), true));
  } catch (error) {
    return err(`open sink ${goQuote(output)}: open ${output}: ${errnoText(error)}`);
  }
}

/** How far the fine clock may stray from the wall clock before it is set again. */
const strayMaxMs = 5;

/** Date.now has whole milliseconds only: this adds the digits of the monotonic clock, and follows jumps of the wall clock. */
function wallClockUs(): () => number {
  let offsetMs = Date.now() - performance.now();
  return () => {
    const fine = performance.now();
    const wall = Date.now();
    if (Math.abs(offsetMs + fine - wall) > strayMaxMs) offsetMs = wall - fine;
    return Math.floor((offsetMs + fine) * 1000);
  };
}

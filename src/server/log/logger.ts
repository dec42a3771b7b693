/** The member's logger: structured lines as etcd prints them. */
import { encodeRecord } from './encode.ts';
import type { Fields, Level, LogFormat } from './record.ts';
import { levels } from './record.ts';
import { Sampler } from './sampler.ts';
import type { Sink } from './sink.ts';

export interface Logger {
  /** The lowest level that is printed. */
  readonly level: Level;
  /** Whether lines of `level` are printed: ask before building costly fields. */
  enabled(level: Level): boolean;
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Prints and flushes; unlike zap's, it does not end the process: its caller does. */
  fatal(message: string, fields?: Fields): void;
  /** A logger whose lines carry "logger": `name`, dotted behind this one's name. */
  named(name: string): Logger;
  /** A logger whose lines carry this "caller": the source file below src/server, such as "member/driver.ts". */
  at(caller: string): Logger;
}

/** A logger that owns its outputs. */
export interface RootLogger extends Logger {
  /** Writes all pending lines, waiting for slow readers up to a second. Call before ending the process by a signal. */
  flush(): void;
  /** Flushes and closes the outputs; later lines are dropped. */
  close(): void;
}

export interface LoggerOptions {
  readonly level: Level;
  readonly format: LogFormat;
  readonly sinks: readonly Sink[];
  /** Microseconds since the Unix epoch. */
  readonly nowUs: () => number;
}

export function createLogger(options: LoggerOptions): RootLogger {
  const core = new LogCore(options);
  return Object.assign(new CoreLogger(core, '', 'etcd/main.ts'), {
    flush: () => core.flush(),
    close: () => core.close(),
  });
}

class LogCore {
  readonly level: Level;
  readonly threshold: number;
  readonly #options: LoggerOptions;
  readonly #sampler = new Sampler();

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.level = options.level;
    this.threshold = levels.indexOf(options.level);
  }

  print(level: Level, logger: string, caller: string, message: string, fields: Fields): void {
    const timeUs = this.#options.nowUs();
    if (!this.#sampler.passes(level, message, timeUs)) return;
    const line = encodeRecord({ level, timeUs, logger, caller, message, fields }, this.#options.format);
    for (const sink of this.#options.sinks) {
      const dropped = sink.takeDropped();
      if (dropped > 0) sink.write(this.#droppedLine(timeUs, dropped));
      sink.write(line);
    }
  }

  #droppedLine(timeUs: number, lines: number): string {
    const message = 'dropped log lines because the reader did not keep up';
    const record = { level: 'warn', timeUs, logger: '', caller: 'log/logger.ts', message, fields: { lines } } as const;
    return encodeRecord(record, this.#options.format);
  }

  flush(): void {
    for (const sink of this.#options.sinks) sink.flush();
  }

  close(): void {
    for (const sink of this.#options.sinks) sink.close();
  }
}

const noFields: Fields = {};

class CoreLogger implements Logger {
  readonly #core: LogCore;
  readonly #name: string;
  readonly #caller: string;

  constructor(core: LogCore, name: string, caller: string) {
    this.#core = core;
    this.#name = name;
    this.#caller = caller;
  }

  get level(): Level {
    return this.#core.level;
  }

  enabled(level: Level): boolean {
    return levels.indexOf(level) >= this.#core.threshold;
  }

  debug(message: string, fields?: Fields): void {
    this.#print('debug', message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.#print('info', message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.#print('warn', message, fields);
  }

  error(message: string, fields?: Fields): void {
    this.#print('error', message, fields);
  }

  fatal(message: string, fields?: Fields): void {
    this.#print('fatal', message, fields);
    this.#core.flush();
  }

  named(name: string): Logger {
    return new CoreLogger(this.#core, this.#name === '' ? name : `${this.#name}.${name}`, this.#caller);
  }

  at(caller: string): Logger {
    return new CoreLogger(this.#core, this.#name, caller);
  }

  #print(level: Level, message: string, fields: Fields | undefined): void {
    if (this.enabled(level)) this.#core.print(level, this.#name, this.#caller, message, fields ?? noFields);
  }
}

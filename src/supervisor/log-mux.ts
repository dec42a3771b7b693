/**
 * Brings the output of all processes together, line by line: a line of one stream is never torn, merged with another or lost,
 * and lines of one stream keep their order.
 */
import type { Readable } from 'node:stream';
import type { HistoryWriter } from './history.ts';
import { lastLines } from './last-lines.ts';
import type { LineStyle, OutputStyle } from './line-format.ts';
import { linePrefix, prefixLines, prefixLinesForTerminal } from './line-format.ts';
import { LineSplitter, lineBytesMax } from './line-splitter.ts';
import type { LogEvent } from './ndjson-format.ts';
import { eventRecord, lineRecords } from './ndjson-format.ts';
import type { Output } from './output.ts';
import { StreamReader } from './stream-reader.ts';

/** How long the output of an ended process may keep coming, if something outside of the instance holds the pipe open. */
const drainMs = 250;

/** The lines of one process, or of the supervisor speaking about it. */
export interface LogChannel {
  /** Reads a stream of the process to its end. */
  attach(stream: Readable, kind: 'stdout' | 'stderr', pid: number): void;
  /** Lets `hear` have the lines of attached streams too, in whole blocks that it must not keep, until `signal` aborts. */
  listen(hear: (block: Buffer) => void, signal: AbortSignal): void;
  /** A line of the supervisor about the process; `event` says the same to programs. */
  note(text: string, event?: LogEvent): void;
  /** Resolves when all attached streams have ended; 250 ms from now they are closed, whoever still holds them. */
  drain(): Promise<void>;
}

/** Takes records, as NDJSON, of what the process of this name says. */
export type Tap = (name: string, records: Buffer) => void;

export class LogMux {
  readonly #output: Output;
  readonly #style: OutputStyle | 'ndjson';
  readonly #reader = new StreamReader();
  readonly #open = new Set<Readable>();
  /** Those who hear all that is printed. */
  readonly #taps = new Set<Tap>();
  /** Writers that cannot take more at the moment. */
  readonly #congested = new Set<Output | HistoryWriter>();

  constructor(output: Output, style: OutputStyle | 'ndjson') {
    this.#output = output;
    this.#style = style;
    output.onCongestion = (congested) => this.#setCongested(output, congested);
  }

  /** Lets `tap` hear all that is printed, until the result is called. */
  tap(tap: Tap): () => void {
    this.#taps.add(tap);
    return () => this.#taps.delete(tap);
  }

  /** `history` keeps what the channel says, if it is not null. */
  channel(name: string, colourIndex: number, history: HistoryWriter | null): LogChannel {
    const style = this.#style;
    const format = style !== 'ndjson' && style.contained ? prefixLinesForTerminal : prefixLines;
    const head = (time: Date) => ({ time, monotonicMs: performance.now(), process: name });
    const prefixAt = prefixClock(name, colourIndex);
    const listeners = new Set<(block: Buffer) => void>();
    const print = (block: Buffer, kind: 'stdout' | 'stderr', pid: number) => {
      const now = new Date();
      history?.append(now.getTime(), kind === 'stdout' ? 'o' : 'e', block);
      const { linesWanted } = this.#output;
      const shown = linesWanted === null ? block : lastLines(block, linesWanted);
      if (style === 'ndjson') this.#output.write(lineRecords(block, head(now), pid, kind));
      else if (style.contained) this.#output.writeLatin1(prefixLinesForTerminal(shown, prefixAt(now, style)));
      else this.#output.writeLines(shown, prefixAt(now, style));
      for (const hear of listeners) hear(block);
      if (this.#taps.size > 0) this.#tell(name, lineRecords(block, head(now), pid, kind));
    };
    const note = (text: string, event: LogEvent) => {
      const now = new Date();
      const block = Buffer.from(`${text}\n`);
      history?.append(now.getTime(), 'n', block);
      if (this.#taps.size > 0) this.#tell(name, eventRecord(text, head(now), event));
      if (style === 'ndjson') this.#output.write(eventRecord(text, head(now), event));
      else this.#output.writeLatin1(format(block, prefixAt(now, style)));
    };
    if (history !== null) history.onCongestion = (congested) => this.#setCongested(history, congested);
    let streams: Attached[] = [];
    return {
      attach: (stream, kind, pid) => {
        streams.push(this.#attach(stream, (block) => print(block, kind, pid)));
      },
      listen: (hear, signal) => {
        listeners.add(hear);
        signal.addEventListener('abort', () => listeners.delete(hear), { once: true });
      },
      note: (text, event = { type: 'note' }) => note(text, event),
      drain: async () => {
        const draining = streams;
        streams = [];
        await Promise.all(draining.map((attached) => this.#drain(attached)));
      },
    };
  }

  #tell(name: string, records: Buffer): void {
    for (const tap of this.#taps) tap(name, records);
  }

  #attach(from: Readable, print: (block: Buffer) => void): Attached {
    const hear = (chunk: Buffer) => {
      const block = splitter.push(chunk);
      if (block !== null) print(block);
    };
    const { stream, headroom } = this.#reader.read(from, hear);
    const splitter = new LineSplitter(lineBytesMax, headroom);
    this.#open.add(stream);
    const end = () => {
      this.#open.delete(stream);
      const tail = splitter.end();
      if (tail !== null) print(tail);
    };
    const closed = new Promise<void>((resolve) => stream.once('close', resolve)).then(end);
    stream.on('error', () => {}); // a broken pipe ends the stream like any other end: 'close' follows
    if (this.#congested.size > 0) stream.pause();
    return { stream, closed, end };
  }

  async #drain({ stream, closed, end }: Attached): Promise<void> {
    // What an ended process has left in its pipe is little: it does not wait for a slow reader of ours.
    this.#open.delete(stream);
    stream.resume();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        // Where the event loop was late itself, what is in the pipe is read before the check phase.
        setImmediate(() => {
          stream.destroy();
          timer = setTimeout(resolve, drainMs);
        });
      }, drainMs);
    });
    await Promise.race([closed, late]);
    clearTimeout(timer);
    end();
  }

  #setCongested(writer: Output | HistoryWriter, congested: boolean): void {
    if (congested) this.#congested.add(writer);
    else this.#congested.delete(writer);
    for (const stream of this.#open) {
      if (this.#congested.size > 0) stream.pause();
      else stream.resume();
    }
  }
}

interface Attached {
  readonly stream: Readable;
  readonly closed: Promise<void>;
  /** Prints what never got its newline; the second time there is nothing. */
  end(): void;
}

/** The prefix of a process, worked out once a second. */
function prefixClock(name: string, colourIndex: number): (now: Date, style: LineStyle) => string {
  let [second, prefix] = [-1, ''];
  return (now, style) => {
    const wanted = Math.floor(now.getTime() / 1000);
    if (wanted !== second) prefix = linePrefix(name, colourIndex, clockText(now), style);
    second = wanted;
    return prefix;
  };
}

/** `15:04:05`, local time. */
export function clockText(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

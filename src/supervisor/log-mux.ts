/**
 * Brings the output of all processes together, line by line: a line of one stream is never torn, merged with another or lost,
 * and lines of one stream keep their order.
 */
import type { Readable } from 'node:stream';
import type { LineStyle } from './line-format.ts';
import { linePrefix, prefixLines, prefixLinesForTerminal } from './line-format.ts';
import { LineSplitter } from './line-splitter.ts';
import type { Output } from './output.ts';

/** How long the output of an ended process may keep coming, if something outside of the instance holds the pipe open. */
const drainMs = 250;

/** The lines of one process, or of the supervisor speaking about it. */
export interface LogChannel {
  /** Reads a stream of the process to its end. */
  attach(stream: Readable): void;
  /** A line of the supervisor about the process. */
  note(text: string): void;
  /** Resolves when all attached streams have ended; 250 ms from now they are closed, whoever still holds them. */
  drain(): Promise<void>;
}

export class LogMux {
  readonly #output: Output;
  readonly #style: LineStyle;
  readonly #open = new Set<Readable>();
  #congested = false;

  constructor(output: Output, style: LineStyle) {
    this.#output = output;
    this.#style = style;
    output.onCongestion = (congested) => this.#setCongested(congested);
  }

  channel(name: string, colourIndex: number): LogChannel {
    const format = this.#style.colour ? prefixLinesForTerminal : prefixLines;
    const print = (block: Buffer) =>
      this.#output.write(format(block, linePrefix(name, colourIndex, clockText(new Date()), this.#style)));
    let streams: Attached[] = [];
    return {
      attach: (stream) => {
        const attached = this.#attach(stream, print);
        streams.push(attached);
      },
      note: (text) => print(Buffer.from(`${text}\n`)),
      drain: async () => {
        const draining = streams;
        streams = [];
        await Promise.all(draining.map((attached) => this.#drain(attached)));
      },
    };
  }

  #attach(stream: Readable, print: (block: Buffer) => void): Attached {
    const splitter = new LineSplitter();
    this.#open.add(stream);
    const closed = new Promise<void>((resolve) => {
      stream.once('close', () => {
        this.#open.delete(stream);
        const tail = splitter.end();
        if (tail !== null) print(tail);
        resolve();
      });
    });
    stream.on('error', () => {}); // a broken pipe ends the stream like any other end: 'close' follows
    stream.on('data', (chunk: Buffer) => {
      const block = splitter.push(chunk);
      if (block !== null) print(block);
    });
    if (this.#congested) stream.pause();
    return { stream, closed };
  }

  async #drain({ stream, closed }: Attached): Promise<void> {
    // What an ended process has left in its pipe is little: it does not wait for a slow reader of ours.
    this.#open.delete(stream);
    stream.resume();
    const timer = setTimeout(() => stream.destroy(), drainMs);
    await closed;
    clearTimeout(timer);
  }

  #setCongested(congested: boolean): void {
    this.#congested = congested;
    for (const stream of this.#open) {
      if (congested) stream.pause();
      else stream.resume();
    }
  }
}

interface Attached {
  readonly stream: Readable;
  readonly closed: Promise<void>;
}

/** `15:04:05`, local time. */
function clockText(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

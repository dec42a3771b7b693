/**
 * The terminal as the dashboard uses it: its alternate screen, raw keys, mouse and paste reports, and all of that taken back however the
 * process ends. Writing never blocks: what a held terminal (Ctrl-S) does not take is kept, and no more is offered until it has.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream, WriteStream } from 'node:tty';

/** Alternate screen, no cursor, no automatic wrap, bracketed paste, mouse buttons with drags in SGR form. */
export const enterSequence = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[?1000h\x1b[?1002h\x1b[?1006h\x1b[0m\x1b[2J';
/** Cancels a sequence that was cut short, then takes back all of the above. */
export const leaveSequence =
  '\x18\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l';

/** How soon to try again when the terminal takes nothing. */
const retryMs = 5;
/** For a SIGTSTP that stops nobody, as in a session without job control: then we come back at once. */
const stopPatienceMs = 50;

/** These end a process without more ado, and nobody else here listens to them. */
const endingSignals = ['SIGQUIT', 'SIGALRM', 'SIGXCPU', 'SIGUSR2'] as const;

type Output = WriteStream & { readonly fd: number };

export interface TerminalEvents {
  onText(text: string): void;
  onResize(): void;
  /** The screen must be drawn anew: we were away. */
  onReturned(): void;
  /** What was written has been taken. */
  onDrained(): void;
}

export class Terminal {
  readonly #input: ReadStream;
  readonly #output: Output;
  readonly #events: TerminalEvents;
  readonly #descriptor: number;
  readonly #decoder = new StringDecoder('utf8');
  #inside = false;
  #broken = false;
  #unsent: Buffer = Buffer.alloc(0);
  #retry: NodeJS.Timeout | null = null;
  readonly #leave = () => this.leave();
  readonly #onEnding = (signal: NodeJS.Signals) => {
    this.leave();
    process.kill(process.pid, signal);
  };
  readonly #onStop = () => this.suspend();
  readonly #onContinue = () => this.#returnFromStop();
  readonly #onData = (chunk: Buffer) => this.#events.onText(this.#decoder.write(chunk));
  readonly #onResize = () => this.#events.onResize();

  constructor(input: ReadStream, output: Output, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
    this.#descriptor = nonBlocking(output.fd);
  }

  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#output.columns || 80, height: this.#output.rows || 24 };
  }

  /** It has not taken yet what it was given. */
  get busy(): boolean {
    return this.#unsent.length > 0;
  }

  enter(): void {
    if (this.#inside) return;
    this.#inside = true;
    this.#setRaw(true);
    this.#input.on('data', this.#onData);
    this.#input.on('error', ignore); // EIO when the window is closed
    this.#input.resume();
    this.#output.on('resize', this.#onResize);
    process.on('exit', this.#leave);
    // Before Node prints what was thrown.
    process.on('uncaughtExceptionMonitor', this.#leave);
    for (const signal of endingSignals) process.on(signal, this.#onEnding);
    process.on('SIGTSTP', this.#onStop);
    process.on('SIGCONT', this.#onContinue);
    this.write(enterSequence);
  }

  /** At once, whatever is on its way. */
  leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    clearTimeout(this.#retry ?? undefined);
    this.#retry = null;
    this.#unsent = Buffer.alloc(0);
    this.#input.off('data', this.#onData);
    this.#input.pause();
    this.#output.off('resize', this.#onResize);
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
    for (const signal of endingSignals) process.off(signal, this.#onEnding);
    process.off('SIGTSTP', this.#onStop);
    process.off('SIGCONT', this.#onContinue);
    this.#send(Buffer.from(leaveSequence));
    this.#setRaw(false);
  }

  close(): void {
    this.leave();
    if (this.#descriptor !== this.#output.fd) closeSync(this.#descriptor);
  }

  write(text: string): void {
    if (!this.#inside || this.#broken) return;
    this.#unsent = this.#unsent.length === 0 ? Buffer.from(text) : Buffer.concat([this.#unsent, Buffer.from(text)]);
    if (this.#retry === null) this.#flush();
  }

  /** What Ctrl-Z is where it is a signal: the whole foreground group stops, npm and shells around us too. */
  suspend(): void {
    this.leave();
    const back = setTimeout(this.#onContinue, stopPatienceMs);
    process.once('SIGCONT', () => {
      clearTimeout(back);
      this.#returnFromStop();
    });
    process.kill(0, 'SIGTSTP');
  }

  #returnFromStop(): void {
    // A terminal forgets its raw mode when a shell had it meanwhile.
    if (this.#inside) {
      this.#setRaw(false);
      this.#setRaw(true);
      this.write(enterSequence);
    } else this.enter();
    this.#events.onReturned();
  }

  #setRaw(raw: boolean): void {
    try {
      this.#input.setRawMode(raw);
    } catch {
      // The terminal is gone.
    }
  }

  #flush(): void {
    this.#retry = null;
    const sent = this.#send(this.#unsent);
    this.#unsent = this.#unsent.subarray(sent);
    if (this.#broken) return;
    if (this.#unsent.length > 0) this.#retry = setTimeout(() => this.#flush(), retryMs);
    else this.#events.onDrained();
  }

  /** How many bytes it took. */
  #send(bytes: Buffer): number {
    let sent = 0;
    while (sent < bytes.length) {
      try {
        sent += writeSync(this.#descriptor, bytes, sent);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return sent;
        this.#broken = true; // the window is closed: SIGHUP follows
        return bytes.length;
      }
    }
    return sent;
  }
}

function ignore(): void {}

/** The terminal opened anew: O_NONBLOCK on the descriptor itself would be shared with the user's shell. */
function nonBlocking(descriptor: number): number {
  try {
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return descriptor;
  }
}

/** A pseudo-terminal that remembers what its screen shows, as far as the dashboard's painting needs it, and all bytes that came. */
import { join } from 'node:path';
import type { IPty } from '@lydell/node-pty';
import { spawn } from '@lydell/node-pty';

export interface TerminalOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
}

/** What a dashboard of its own sees: a folder for everything, which holds a folder `run` for sockets. */
export function environmentIn(cwd: string): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    TERM: 'xterm-256color',
    XDG_RUNTIME_DIR: join(cwd, 'run'),
    XDG_STATE_HOME: join(cwd, 'state'),
  };
}

export class DashboardTerminal {
  readonly #pty: IPty;
  readonly ended: Promise<number>;
  #changed: (() => void)[] = [];
  #rows: string[];
  #row = 0;
  #over = false;
  /** Everything that was written to it. */
  bytes = '';
  #taken = 0;

  constructor({ file, args, cwd, env, columns, rows }: TerminalOptions) {
    this.#rows = new Array<string>(rows).fill('');
    this.#pty = spawn(file, [...args], { cols: columns, rows, cwd, env, name: env['TERM'] ?? 'xterm' });
    this.#pty.onData((text) => {
      this.bytes += text;
      this.#take();
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => {
        this.#over = true;
        this.#wake();
        resolve(exitCode);
      });
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** What is on the screen, without colours. */
  get screen(): string {
    return this.#rows.map((row) => row.trimEnd()).join('\n');
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#rows = new Array<string>(rows).fill('');
    this.#pty.resize(columns, rows);
  }

  /** Resolves once the screen matches; rejects, showing it, when that takes too long or the program has ended. */
  async shows(pattern: RegExp, patienceMs = 20_000): Promise<void> {
    await this.#until(() => pattern.test(this.screen), pattern, patienceMs);
  }

  /** The same for all that was written, wherever it went. */
  async wrote(pattern: RegExp, patienceMs = 20_000): Promise<void> {
    await this.#until(() => pattern.test(this.bytes), pattern, patienceMs);
  }

  kill(signal: string): void {
    if (!this.#over) this.#pty.kill(signal);
  }

  async #until(condition: () => boolean, pattern: RegExp, patienceMs: number): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, patienceMs);
    while (!condition()) {
      if (late || this.#over)
        throw new Error(`no ${pattern} on:\n${this.screen}\nlast bytes: ${JSON.stringify(this.bytes.slice(-600))}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    clearTimeout(timer);
  }

  /** Rows are painted whole, each after a movement to its start; that is all there is to know. */
  #take(): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
    const sequence = /\x1b\[(\d+);1H|\x1b\[2J|\x1b\[K|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[^\x1b]+/y;
    sequence.lastIndex = this.#taken;
    for (let match = sequence.exec(this.bytes); match !== null; match = sequence.exec(this.bytes)) {
      const [text, row] = match;
      // The last piece of a chunk may go on in the next one; text cannot do harm.
      this.#taken = sequence.lastIndex;
      if (row !== undefined) {
        this.#row = Number(row) - 1;
        if (this.#row < this.#rows.length) this.#rows[this.#row] = '';
      } else if (text === '\x1b[2J') this.#rows.fill('');
      else if (!text.startsWith('\x1b')) this.#rows[this.#row] = (this.#rows[this.#row] ?? '') + text;
    }
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}

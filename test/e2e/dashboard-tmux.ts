/** A terminal of a tmux server of its own: typed into, resized, and read as a user would see it. */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect } from 'vitest';
import { environmentIn } from './dashboard-terminal.ts';

const run = promisify(execFile);

/** For one thing to be seen, on the slowest machine. */
export const patienceMs = 40_000;
/** How soon to look again at a screen that does not show it yet. */
const lookAgainMs = 40;

/** Null if there is a tmux here; else why tests that need one are skipped. */
export function whyNoTmux(): string | null {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no tmux here';
  }
}

/** A folder for each test of a file, and the terminal in it, whose program does not outlive its test. */
export interface TmuxPlace {
  readonly cwd: string;
  /** A terminal of 80 columns and 24 rows, in which /bin/sh runs `command`. */
  open(command: string): Promise<Tmux>;
}

/** To be called once in a file, outside of its tests. */
export function tmuxPlace(): TmuxPlace {
  let cwd = '';
  let terminal: Tmux | null = null;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'clusterctl-tmux-'));
    mkdirSync(join(cwd, 'run'), { mode: 0o700 });
  });
  afterEach(async () => {
    await terminal?.end();
    terminal = null;
    rmSync(cwd, { recursive: true, force: true });
  });
  return {
    get cwd() {
      return cwd;
    },
    async open(command) {
      const env = { ...environmentIn(cwd), TMUX_TMPDIR: join(cwd, 'run') };
      terminal = await Tmux.open({ cwd, env, columns: 80, rows: 24, command });
      return terminal;
    },
  };
}

interface TmuxOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
  /** What /bin/sh is to run in the pane. */
  readonly command: string;
}

export class Tmux {
  readonly #socket = `clusterctl-${process.pid}-${randomBytes(4).toString('hex')}`;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** Resolves when the pane is there. The server's socket is in the folder that TMUX_TMPDIR of `env` names. */
  static async open({ cwd, env, columns, rows, command }: TmuxOptions): Promise<Tmux> {
    const tmux = new Tmux({ ...env, LC_ALL: 'C.UTF-8' });
    const size = ['-x', String(columns), '-y', String(rows)];
    const first = ['set', '-g', 'remain-on-exit', 'on', ';', 'set', '-s', 'set-clipboard', 'on', ';'];
    const session = ['set', '-g', 'status', 'off', ';', 'new-session', '-d', '-s', 'test', ...size, '-c', cwd, command];
    await tmux.#run('start-server', ';', ...first, ...session);
    return tmux;
  }

  /** What the pane shows, a line for each row, without colours and without spaces at the ends of rows. */
  async capture(): Promise<string> {
    return this.#run('capture-pane', '-p', '-t', 'test');
  }

  /** The escape sequences in what the pane shows that set colours. */
  async colours(): Promise<readonly string[]> {
    const screen = await this.#run('capture-pane', '-p', '-e', '-t', 'test');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one.
    return [...screen.matchAll(/\x1b\[[\d;]*\b(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])\b[\d;]*m/g)].map(
      ([sequence]) => sequence,
    );
  }

  /** Text as it is typed. */
  async type(text: string): Promise<void> {
    await this.#run('send-keys', '-t', 'test', '-l', text);
  }

  /** Keys by tmux's names: Enter, Up, C-c. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#run('send-keys', '-t', 'test', ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#run('resize-window', '-t', 'test', '-x', String(columns), '-y', String(rows));
  }

  /** What tmux knows about the pane, such as `#{alternate_on}`. */
  async facts(format: string): Promise<string> {
    return (await this.#run('display-message', '-p', '-t', 'test', format)).trimEnd();
  }

  /** What was copied last; empty if nothing was. */
  async clipboard(): Promise<string> {
    return this.#run('show-buffer').catch(() => '');
  }

  /** What the pane shows a moment later: polling is how a user watches, too. */
  async next(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
    return this.capture();
  }

  /** The first screen that `wanted` gives something for, and that; rejects with the last screen when that takes too long. */
  async until<T>(what: string, wanted: (screen: string) => T | null | false): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const screen = await this.next();
      const found = wanted(screen);
      if (found !== null && found !== false) return found;
      if (performance.now() > deadline) throw new Error(`after ${patienceMs} ms not seen: ${what}, on:\n${screen}`);
    }
  }

  /** Takes the pane away from under whatever runs in it. */
  async killPane(): Promise<void> {
    await this.#run('kill-pane', '-t', 'test').catch(() => {});
  }

  /** Ends what runs in the pane, waits for it, and takes the server away. */
  async end(): Promise<void> {
    const facts = () => this.facts('#{pane_dead} #{pane_pid}').catch(() => '1 0');
    const [isOver, pid] = (await facts()).split(' ');
    if (isOver !== '1') process.kill(Number(pid), 'SIGTERM');
    await expect.poll(async () => (await facts()).startsWith('1'), { timeout: patienceMs }).toBe(true);
    await this.#run('kill-server').catch(() => {});
  }

  async #run(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-u', '-L', this.#socket, '-f', '/dev/null', ...args], { env: this.#env });
    return stdout;
  }
}

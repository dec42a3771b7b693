/** A terminal of a tmux server of its own: typed into, resized, and read as a user would see it. */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

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

export interface TmuxOptions {
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
  async until<T>(what: string, wanted: (screen: string) => T | null | false, patienceMs: number): Promise<T> {
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

  async close(): Promise<void> {
    await this.#run('kill-server').catch(() => {});
  }

  async #run(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-u', '-L', this.#socket, '-f', '/dev/null', ...args], { env: this.#env });
    return stdout;
  }
}

/** The supervisor that prints lines in a real terminal: what keys, a closed window and a reader that goes away do to it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IPty } from '@lydell/node-pty';
import { spawn } from '@lydell/node-pty';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install } from './supervisor-harness.ts';

let installation: Installation;
let cwd: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-pty-'));
});
afterEach(async () => {
  for (const terminal of terminals.splice(0)) await terminal.close();
  rmSync(cwd, { recursive: true, force: true });
});

/** An interactive shell in a pseudo-terminal of 80 by 24. */
class Terminal {
  readonly #pty: IPty;
  readonly #exited: Promise<void>;
  #changed: (() => void)[] = [];
  screen = '';

  constructor() {
    this.#pty = spawn('/bin/sh', ['-i'], {
      cols: 80,
      rows: 24,
      cwd,
      env: {
        PATH: process.env['PATH'] ?? '',
        PS1: '$ ',
        TERM: 'xterm',
        CLUSTERCTL: installation.bin,
        XDG_RUNTIME_DIR: join(installation.folder, 'run'),
        XDG_STATE_HOME: join(installation.folder, 'state'),
      },
    });
    this.#pty.onData((text) => {
      this.screen += text;
      this.#wake();
    });
    this.#exited = new Promise((resolve) => this.#pty.onExit(() => resolve()));
    terminals.push(this);
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  async seen(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.screen)) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  /** As closing the window does: everything in it gets SIGHUP. */
  async close(): Promise<void> {
    this.#pty.kill('SIGHUP');
    await Promise.race([this.#exited, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    this.#pty.kill('SIGKILL');
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}

/** Command lines of processes that run in this test's folder. */
function running(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, 'latin1');
      return environ.includes(`PWD=${cwd}\0`) ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1')] : [];
    } catch {
      return [];
    }
  });
}

const stubborn = "s: trap '' INT TERM HUP; echo ready; while :; do sleep 0.1; done\n";

describe('in a terminal, clusterctl', () => {
  it('colours the names, contains escape sequences, and ends on Ctrl-C with code 0', async () => {
    writeFileSync(join(cwd, 'Procfile'), `a: printf 'x\\033[2J\\033]0;title\\007y\\n'; echo ready; exec sleep 60\n`);
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false; echo code $?\r');
    await terminal.seen(/ready/);
    terminal.type('\x03');
    await terminal.seen(/code 0/);
    expect(terminal.screen.replaceAll('\x1b', 'ESC')).toMatch(/ESC\[32m\d\d:\d\d:\d\d a \| ESC\[mxy\r\n/);
    expect(terminal.screen).toContain('terminated by SIGINT');
  });

  it('contains escape sequences without colours too', async () => {
    writeFileSync(join(cwd, 'Procfile'), `a: printf 'x\\033[2J\\302\\2332J\\033]0;title\\007y\\n'; echo ready\n`);
    const terminal = new Terminal();
    terminal.type('NO_COLOR=1 $CLUSTERCTL start --tui=false; NO_COLOR=1 $CLUSTERCTL logs; echo done $?\r');
    await terminal.seen(/done 0/);
    const shown = terminal.screen.split('\r\n').filter((line) => line.includes('a | x'));
    expect(shown.map((line) => line.slice('15:04:05 '.length))).toEqual(['a | xy', 'a | xy']);
  });

  it('kills on a second Ctrl-C', async () => {
    writeFileSync(join(cwd, 'Procfile'), stubborn);
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false --grace 60s; echo code $?\r');
    await terminal.seen(/ready/);
    terminal.type('\x03');
    await new Promise((resolve) => setTimeout(resolve, 300)); // the second press of a person
    terminal.type('\x03');
    await terminal.seen(/code 0/);
  });

  it('stops and goes on with Ctrl-Z and fg', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo ready; while :; do sleep 0.05; echo tick; done\n');
    const terminal = new Terminal();
    terminal.type('set -m; $CLUSTERCTL start --tui=false; echo code $?\r');
    await terminal.seen(/ready/);
    terminal.type('\x1a');
    await terminal.seen(/Stopped/);
    terminal.screen = '';
    terminal.type('fg\r');
    await terminal.seen(/tick/);
    terminal.type('\x03');
    await terminal.seen(/exited with|terminated by/);
  });

  it('ends on Ctrl-C while the output is held with Ctrl-S', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo ready; exec yes\n');
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false --history=false; echo code $?\r');
    await terminal.seen(/ready/);
    terminal.type('\x13');
    await new Promise((resolve) => setTimeout(resolve, 300)); // lets the buffers fill
    terminal.type('\x03');
    await new Promise((resolve) => setTimeout(resolve, 300)); // Ctrl-C frees the output
    terminal.type('\x11');
    await terminal.seen(/code 0/);
  });

  it('ends on a signal while what it says of itself is held with Ctrl-S', async () => {
    const steps = [
      'echo pid $PPID.',
      'read x < fifo',
      'kill -HUP $PPID',
      'sleep 0.5',
      'touch reloaded',
      'exec sleep 60',
    ];
    writeFileSync(join(cwd, 'Procfile'), `a: ${steps.join('; ')}\n`);
    execFileSync('mkfifo', [join(cwd, 'fifo')]);
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false\r');
    await terminal.seen(/pid \d+\./);
    const pid = Number(/pid (\d+)\./.exec(terminal.screen)?.[1]);
    terminal.type('\x13');
    writeFileSync(join(cwd, 'fifo'), 'go\n');
    await expect.poll(() => existsSync(join(cwd, 'reloaded')), { timeout: 5_000 }).toBe(true);
    process.kill(pid, 'SIGTERM');
    const isAlive = () => running().some((command) => command.includes('start'));
    await expect.poll(isAlive, { timeout: 5_000 }).toBe(false);
  });

  it('takes SIGHUP for a reload as long as the window is there', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo ready; kill -HUP $PPID; exec sleep 60\n');
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false; echo code $?\r');
    await terminal.seen(/reloaded: nothing has changed/);
    terminal.type('\x03');
    await terminal.seen(/code 0/);
  });

  it.each([
    ['obedient', 'a: echo ready; exec sleep 60\n'],
    ['stubborn', stubborn],
  ])('leaves nothing when the window is closed on a process that is %s', async (_, text) => {
    writeFileSync(join(cwd, 'Procfile'), text);
    const terminal = new Terminal();
    terminal.type('$CLUSTERCTL start --tui=false --grace 1s\r');
    await terminal.seen(/ready/);
    await terminal.close();
    await expect.poll(running, { timeout: 10_000 }).toEqual([]);
  });

  it('ends when the reader of its output goes away', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: while :; do echo tick; sleep 0.05; done\nb: exec sleep 60\n');
    const pipeline = '"$0" start | head -1';
    const shown = execFileSync('/bin/sh', ['-c', pipeline, installation.bin], {
      cwd,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        PWD: cwd,
        XDG_RUNTIME_DIR: join(installation.folder, 'run'),
        XDG_STATE_HOME: join(installation.folder, 'state'),
      },
    });
    expect(shown).toMatch(/^\d\d:\d\d:\d\d a \| Starting a on port 5000\n$/);
    await expect.poll(running, { timeout: 5_000 }).toEqual([]);
  });
});

/** Completion in real shells, at a real terminal: what a press of the tab key makes of a line. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { IPty } from '@lydell/node-pty';
import { spawn } from '@lydell/node-pty';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

let installation: Installation;
let cwd: string;
let terminal: IPty | null = null;

beforeAll(async () => {
  installation = await install();
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-tab-'));
  writeFileSync(join(cwd, 'Procfile'), 'web: sleep 100\nwork: sleep 100\nname with space: true\n');
  writeFileSync(join(cwd, 'other file'), 'lone: true\n');
  mkdirSync(join(cwd, 'units'));
});
afterEach(() => {
  terminal?.kill('SIGKILL');
  terminal = null;
});
afterAll(() => {
  installation.remove();
  rmSync(cwd, { recursive: true, force: true });
});

const shells = {
  bash: ['--norc', '--noprofile', '-i'],
  zsh: ['-f', '-i'],
  fish: ['--no-config', '-i', '-C', 'function fish_prompt; printf "ready> "; end; function fish_greeting; end'],
};
const setUp = {
  bash: 'eval "$(clusterctl completion bash)"',
  zsh: 'autoload -U compinit; compinit -u -D; source <(clusterctl completion zsh)',
  fish: 'clusterctl completion fish | source',
};
/** Makes the line as it is after the tab an argument of printf instead of running it. */
const show = "\x01printf '<%s>' \x05 fin\r";

/** The words of a line that is typed at a prompt, tabs and all. */
async function wordsOf(shell: keyof typeof shells, line: string): Promise<string[]> {
  const env = {
    PATH: `${dirname(installation.bin)}:${process.env['PATH'] ?? ''}`,
    PS1: 'ready> ',
    TERM: 'xterm',
    HOME: cwd,
    XDG_RUNTIME_DIR: join(installation.folder, 'run'),
  };
  const pty = spawn(shell, shells[shell], { cols: 200, rows: 50, cwd, env });
  terminal = pty;
  let screen = '';
  let changed = () => {};
  pty.onData((text) => {
    screen += text;
    changed();
  });
  const seen = async (pattern: RegExp) => {
    while (!pattern.test(screen)) await new Promise<void>((resolve) => (changed = resolve));
    return pattern.exec(screen)?.[0] ?? '';
  };
  await seen(/ready> /);
  // The words of the command itself must not look like its output.
  pty.write(`${setUp[shell]}; printf '%s' set; echo up\r`);
  await seen(/setup/);
  pty.write(line + show);
  const shown = await seen(/<clusterctl>(?:<[^<>]*>)*<fin>/);
  // zsh takes the slash of a folder back when the word ends.
  return [...shown.matchAll(/<([^<>]*)>/g)].map((match) => (match[1] ?? '').replace(/\/$/, '')).slice(0, -1);
}

describe.each(['bash', 'zsh', 'fish'] as const)('the tab key in %s', (shell) => {
  const missing = spawnSync(shell, ['--version']).error !== undefined;

  it.skipIf(missing).each([
    ['clusterctl expo\t', ['clusterctl', 'export']],
    ['clusterctl start wo\t', ['clusterctl', 'start', 'work']],
    ['clusterctl start name\t', ['clusterctl', 'start', 'name with space']],
    ['clusterctl run resta\t-al\t', ['clusterctl', 'run', 'restart-all']],
    ['clusterctl run stop we\t', ['clusterctl', 'run', 'stop', 'web']],
    ['clusterctl start --set\t', ['clusterctl', 'start', '--set-ports=false']],
    ['clusterctl start --color=al\t', ['clusterctl', 'start', '--color=always']],
    ['clusterctl start -m wo\t2', ['clusterctl', 'start', '-m', 'work=2']],
    ['clusterctl start --formation=web=1,wo\t2', ['clusterctl', 'start', '--formation=web=1,work=2']],
    ['clusterctl -f oth\tstart lo\t', ['clusterctl', '-f', 'other file', 'start', 'lone']],
    ['clusterctl export systemd un\t', ['clusterctl', 'export', 'systemd', 'units']],
    ['clusterctl start zz\t', ['clusterctl', 'start', 'zz']],
  ])('makes of %j: %j', async (line, words) => expect(await wordsOf(shell, line)).toEqual(words));
});

describe('completion of what runs', () => {
  it('offers the names that the supervisor has', async () => {
    const supervisor = new Run(installation, { cwd, args: ['start', '-m', 'web=2', 'web'] });
    await supervisor.seen(/web\.2 +\| Starting/);
    const offered = async () => {
      const asked = new Run(installation, { cwd, args: ['__complete', '--', 'run', 'stop', ''] });
      await asked.ended;
      return asked.stdout.toString();
    };
    // A supervisor that does not answer within a quarter of a second, as on a busy machine, has its names guessed.
    await expect.poll(offered, { timeout: 20_000 }).toBe('words\nweb.1\nweb.2\n');
    await supervisor.endBy('SIGTERM');
  });

  it('has nothing to say to a line that makes no sense', async () => {
    const asked = new Run(installation, { cwd, args: ['__complete', '--', 'start', '--nosuch', ''] });
    expect((await asked.ended).code).toBe(1);
    expect(asked.stdout.toString() + asked.stderr).toBe('');
  });

  it('names the shells that there are scripts for', async () => {
    const asked = new Run(installation, { cwd, args: ['completion', 'tcsh'] });
    expect((await asked.ended).code).toBe(2);
    expect(asked.stderr).toBe('clusterctl: completion needs a shell: bash, zsh, fish\n');
  });
});

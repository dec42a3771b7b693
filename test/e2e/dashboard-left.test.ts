/** What the dashboard, as installed, leaves of a terminal in tmux: after each way to end, while a pager has it, in a storm of sizes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Tmux } from './dashboard-tmux.ts';
import { patienceMs, tmuxPlace, whyNoTmux } from './dashboard-tmux.ts';

const bin = fileURLToPath(new URL('../../bin/clusterctl', import.meta.url));
const skipped = whyNoTmux();
const place = tmuxPlace();

describe.skipIf(skipped !== null)(`a terminal that the dashboard had${skipped === null ? '' : ` (${skipped})`}`, () => {
  const modes = '#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{wrap_flag}';
  const pidOf = (name: string) => Number(readFileSync(join(place.cwd, `${name}.pid`), 'utf8'));
  const lives = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  /** The dashboard over a program that goes on and on, in a shell that says afterwards what is left of the terminal. */
  async function openPlain(env = ''): Promise<Tmux> {
    const ticks = 'i=0; while :; do echo "tick $i"; i=$((i+1)); sleep 0.1; done';
    writeFileSync(join(place.cwd, 'Procfile'), `web: echo $$ >web.pid; ${ticks}\n`);
    const start = `sh -c 'echo $$ >dashboard.pid; ${env} exec ${bin} start'`;
    const flags = `stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo' -e '-*isig' | sort | xargs echo`;
    const terminal = await place.open(`trap : INT QUIT; ${start}; echo "left with $?"; ${flags}; exec sleep 1000`);
    await terminal.until('the program', (screen) => /web +● running[\s\S]*tick \d/.test(screen));
    expect(await terminal.facts(modes)).toBe('1 0 1 0');
    return terminal;
  }

  const signal = (name: NodeJS.Signals) => async () => process.kill(pidOf('dashboard'), name);
  it.each<[string, (terminal: Tmux) => Promise<unknown>, RegExp]>([
    ['q', (terminal) => terminal.type('q'), /left with 0/],
    ['Ctrl-C', (terminal) => terminal.press('C-c'), /left with 0/],
    ['SIGINT', signal('SIGINT'), /left with \d/],
    ['SIGTERM', signal('SIGTERM'), /left with \d/],
    ['SIGQUIT', signal('SIGQUIT'), /left with \d/],
  ])('is as it was before after %s, and nothing runs any more', async (_, end, left) => {
    const terminal = await openPlain();
    await end(terminal);
    await terminal.until('the shell', (screen) => left.test(screen) && /^echo icanon isig/m.test(screen));
    expect(await terminal.facts(modes)).toBe('0 1 0 1');
    await expect.poll(() => lives(pidOf('web')), { timeout: patienceMs }).toBe(false);
  });

  it('is as it was before after a bug, which is told of on the screen that stays', async () => {
    const bug = join(place.cwd, 'bug.cjs');
    const look = "if (require('node:fs').existsSync('bug.now')) throw new Error('found by nobody')";
    writeFileSync(bug, `if (process.argv[1].endsWith('clusterctl.js')) setInterval(() => { ${look}; }, 20).unref();\n`);
    const terminal = await openPlain(`NODE_OPTIONS="--require ${bug}"`);
    writeFileSync(join(place.cwd, 'bug.now'), '');
    const isTold = (screen: string) =>
      /Error: found by nobody[\s\S]*left with [1-9][\s\S]*^echo icanon isig/m.test(screen);
    await terminal.until('the shell', isTold);
    expect(await terminal.facts(modes)).toBe('0 1 0 1');
    await expect.poll(() => lives(pidOf('web')), { timeout: patienceMs }).toBe(false);
  });

  it('stays with the dashboard after SIGHUP, which reads the Procfile again', async () => {
    const terminal = await openPlain();
    writeFileSync(
      join(place.cwd, 'Procfile'),
      `${readFileSync(join(place.cwd, 'Procfile'), 'utf8')}late: sleep 1000\n`,
    );
    await signal('SIGHUP')();
    await terminal.until('the new process', (screen) => /late +● running/.test(screen));
    expect(await terminal.facts(modes)).toBe('1 0 1 0');
  });

  it('leaves nothing behind when its pane is taken away', async () => {
    const terminal = await openPlain();
    await terminal.killPane();
    await expect.poll(() => lives(pidOf('dashboard')), { timeout: patienceMs }).toBe(false);
    await expect.poll(() => lives(pidOf('web')), { timeout: patienceMs }).toBe(false);
  });

  it('shows the whole frame after a storm of sizes, and no more than fits', async () => {
    const terminal = await openPlain();
    for (let at = 0; at < 40; at++) await terminal.resize(15 + ((at * 37) % 180), 4 + ((at * 13) % 50));
    for (const { columns, rows } of [
      { columns: 12, rows: 5 },
      { columns: 80, rows: 24 },
      { columns: 60, rows: 15 },
      { columns: 200, rows: 60 },
    ]) {
      await terminal.resize(columns, rows);
      const isWhole = (screen: string) => {
        const lines = screen.trimEnd().split('\n');
        const ends = columns < 20 || / {2}\? help {2}q quit$/.test(lines[rows - 1] ?? '');
        return lines.length === rows && ends && /^━━ Members/.test(lines[1] ?? '') && /▸ web/.test(lines[3] ?? '');
      };
      await terminal.until(`a frame of ${columns}x${rows}`, isWhole);
    }
  });

  it('shows no colours where NO_COLOR is set', async () => {
    const terminal = await openPlain('NO_COLOR=1');
    const colours = await terminal.colours();
    expect(colours).toEqual([]);
  });

  it('is the pager while one is open, and then the dashboard again', async () => {
    const pager = join(place.cwd, 'less');
    writeFileSync(pager, '#!/bin/sh\ngrep -c tick; read answer </dev/tty; echo "read $answer"\n', { mode: 0o755 });
    const terminal = await openPlain(`PAGER=${pager}`);
    await terminal.type('4o');
    await terminal.until('the pager', (screen) => /^\d+\n/m.test(screen) && !screen.includes('━━ Logs'));
    expect(await terminal.facts(modes)).toBe('0 1 0 1');
    await terminal.type('x');
    await terminal.press('Enter');
    await terminal.until('the dashboard', (screen) => /^━━ Logs[\s\S]*tick \d/m.test(screen));
    expect(await terminal.facts(modes)).toBe('1 0 1 0');
  });
});

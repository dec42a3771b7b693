/** The dashboard as built, in a pseudo-terminal, over a real cluster of three bundled members: keys in, screen out. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enterSequence, leaveSequence } from '../../src/ui/terminal/terminal.ts';
import { DashboardTerminal, environmentIn } from './dashboard-terminal.ts';

const bin = fileURLToPath(new URL('../../bin/clusterctl', import.meta.url));
let cwd: string;
const terminals: DashboardTerminal[] = [];

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-dashboard-'));
  mkdirSync(join(cwd, 'run'), { mode: 0o700 });
});
afterEach(async () => {
  for (const terminal of terminals.splice(0)) {
    terminal.kill('SIGTERM');
    await Promise.race([terminal.ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
    terminal.kill('SIGKILL');
  }
  rmSync(cwd, { recursive: true, force: true });
});

interface Size {
  readonly columns: number;
  readonly rows: number;
}

function open(
  args: readonly string[],
  { columns, rows }: Size,
  env: Readonly<Record<string, string>> = {},
): DashboardTerminal {
  const terminal = new DashboardTerminal({
    file: bin,
    args,
    cwd,
    env: { ...environmentIn(cwd), ...env },
    columns,
    rows,
  });
  terminals.push(terminal);
  return terminal;
}

/** An interactive shell that knows the command as $BIN. */
function shell(): DashboardTerminal {
  const runtime = join(cwd, 'run');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    PS1: '$ ',
    TERM: 'xterm',
    XDG_RUNTIME_DIR: runtime,
    BIN: bin,
  };
  const terminal = new DashboardTerminal({ file: '/bin/sh', args: ['-i'], cwd, env, ...small });
  terminals.push(terminal);
  return terminal;
}

const cluster = ['start', '--members', '3'];
const small = { columns: 80, rows: 24 };

/** Of the row that says so; fails if nobody leads. */
function leaderOn(screen: string): string {
  const [, name] = /^[ ▸] (\S+) +★ leader/m.exec(screen) ?? [];
  if (name === undefined) throw new Error(`nobody leads on:\n${screen}`);
  return name;
}

/** Processes that run in this test's folder. */
function running(): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`HOME=${cwd}\0`)
        ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1')]
        : [];
    } catch {
      return [];
    }
  });
}

describe('the dashboard', () => {
  it('shows a new leader after the old one was killed by a key, and heals', async () => {
    const terminal = open(cluster, { columns: 120, rows: 40 });
    await terminal.shows(/3\/3 up.*★ etcd\d[\s\S]*★ leader/);
    expect(terminal.bytes).toContain(enterSequence);
    const first = leaderOn(terminal.screen);
    terminal.type('K');
    await terminal.shows(/2\/3 up/);
    await terminal.shows(new RegExp(`${first} +✗ down, SIGKILL`));
    await terminal.shows(new RegExp(`★ etcd\\d leads in term \\d+, \\d+(?:\\.\\d+)?m?s after ${first}`));
    await terminal.shows(/★ leader/);
    expect(leaderOn(terminal.screen)).not.toBe(first);
    await terminal.shows(/y copies: clusterctl fault kill leader/);
    terminal.type('H');
    await terminal.shows(/3\/3 up/);
  });

  it('cuts the leader off: the others elect another, and a heal brings it back', async () => {
    const terminal = open(cluster, { columns: 120, rows: 40 });
    await terminal.shows(/3\/3 up.*★ etcd\d[\s\S]*★ leader/);
    const first = leaderOn(terminal.screen);
    terminal.type(':');
    await terminal.shows(/Commands/);
    terminal.type('isol lead');
    await terminal.shows(/▸ Isolate the leader/);
    terminal.type('\r');
    await terminal.shows(new RegExp(`${first} +≠ cut off`));
    await terminal.shows(new RegExp(`★ etcd\\d leads in term \\d+, .* after ${first}`));
    terminal.type('3');
    await terminal.shows(/≠ cut ≠f1/);
    expect(terminal.screen).toMatch(/f1 .* is cut off from/);
    terminal.type('H');
    await terminal.shows(/No faults\./);
    await terminal.shows(new RegExp(`${first} +● follower\\s`));
  });

  it('gives the terminal back on q, says what there was, and leaves no process', async () => {
    const terminal = open(cluster, small);
    await terminal.shows(/3\/3 up +★/); // nothing is said of a run that nobody has led
    terminal.type('q');
    expect(await terminal.ended).toBe(0);
    const after = terminal.bytes.slice(terminal.bytes.lastIndexOf(leaveSequence));
    expect(after.startsWith(leaveSequence)).toBe(true);
    expect(after).toMatch(/etcd\d \| .*terminated by|etcd\d \| .*exited with code/s);
    expect(after).toMatch(/clusterctl: ran \d+/);
    await expect.poll(running, { timeout: 5_000 }).toEqual([]);
  });

  it('gives the terminal back when it is told to end from outside', async () => {
    const terminal = open(cluster, small);
    await terminal.shows(/3\/3 up/);
    terminal.kill('SIGTERM');
    await terminal.ended;
    expect(terminal.bytes).toContain(leaveSequence);
    await expect.poll(running, { timeout: 5_000 }).toEqual([]);
  });

  it('leaves nothing alive when its window is closed', async () => {
    const terminal = shell();
    terminal.type('$BIN start --members 3\r');
    await terminal.shows(/3\/3 up/);
    terminal.kill('SIGHUP'); // with the shell, who leads the session, the terminal goes
    await terminal.ended;
    await expect.poll(running, { timeout: 10_000 }).toEqual([]);
  });

  it('follows the size of its window, and shows members and logs in the smallest', async () => {
    const terminal = open(cluster, small);
    await terminal.shows(/3\/3 up/);
    for (const [columns, rows] of [
      [60, 15],
      [200, 60],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.shows(
        /3\/3 up +★[\s\S]*━━ Members[\s\S]*etcd1[\s\S]*etcd3[\s\S]*── Logs [\s\S]*\d\d:\d\d:\d\d(?:\.\d+)? etcd[\s\S]* quit/,
      );
      const widest = Math.max(...terminal.screen.split('\n').map((row) => [...row].length));
      expect(widest).toBeLessThanOrEqual(columns);
    }
  });

  it('selects what is clicked on, and acts on it', async () => {
    const terminal = open(cluster, small);
    await terminal.shows(/3\/3 up/);
    await terminal.shows(/▸ etcd1/);
    const click = (row: number, column: number) => terminal.type(`\x1b[<0;${column};${row}M\x1b[<0;${column};${row}m`);
    click(6, 10);
    await terminal.shows(/▸ etcd3/);
    terminal.type('p');
    await terminal.shows(/▸ etcd3 +‖ paused/);
    terminal.type('p');
    await terminal.shows(/▸ etcd3 +[●★]/);
  });

  it('takes keys and a theme from clusterctl.yaml, and refuses keys that are none', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'web: while :; do echo tick; sleep 0.2; done\n');
    writeFileSync(join(cwd, 'clusterctl.yaml'), 'theme: mono\nkeys: { help: f5, stop: ctrl-s }\n');
    const terminal = open(['start'], small);
    await terminal.shows(/web +● running/);
    expect(terminal.bytes).not.toContain('38;5;');
    terminal.type('\x1b[15~');
    await terminal.shows(/\^S +Stop the selected process/);
    terminal.type('\x1b');
    await terminal.shows(/━━ Members/);
    terminal.type('\x13');
    expect(await terminal.ended).toBe(0); // nothing runs any more

    writeFileSync(join(cwd, 'clusterctl.yaml'), 'keys:\n  stopp: x\n  log-next: u\n  log-mark: [u]\n');
    const refused = open(['start'], small);
    expect(await refused.ended).toBe(2);
    expect(refused.bytes).toContain('clusterctl.yaml:2:3: keys: there is nothing called stopp (did you mean stop?)');
    expect(refused.bytes).toContain('clusterctl.yaml:4:14: keys: u cannot be both log-next and log-mark');
  });

  it('goes to the shell and comes back', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'web: while :; do echo tick; sleep 0.2; done\n');
    const terminal = shell();
    terminal.type('set -m; $BIN start\r');
    await terminal.shows(/web +● running/);
    terminal.type('\x1a');
    await terminal.wrote(/\[\?1049l[\s\S]*Stopped/);
    terminal.type('fg\r');
    await terminal.wrote(/Stopped[\s\S]*\[\?1049h/);
    await terminal.shows(/━━ Members/);
    terminal.type('q');
    await terminal.wrote(/\[\?1049h[\s\S]*\[\?1049l[\s\S]*terminated by SIG/);
    terminal.type('exit\r');
  });
});

describe('without a dashboard', () => {
  it('no command pays for it: React and Ink are in a file of their own', () => {
    const built = (file: string) => readFileSync(fileURLToPath(new URL(`../../dist/${file}`, import.meta.url)), 'utf8');
    expect(built('dashboard.mjs')).toContain('react');
    expect(built('clusterctl.js')).not.toMatch(/react\.element|reconciler|yoga/i);
  });

  it('prints lines in the background of a shell, which would stop whoever touches its terminal', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'web: echo hello; exec sleep 60\n');
    const terminal = shell();
    terminal.type('set -m; $BIN start & wait; echo over\r');
    await terminal.wrote(/web \| .*hello/);
    expect(terminal.bytes).not.toContain('\x1b[?1049h');
    terminal.type('\x03');
    terminal.type('kill %1; wait; exit\r');
    await terminal.ended;
  });

  it.each([
    ['with --tui=false', ['--tui=false'], {}],
    ['with CI=true', [], { CI: 'true' }],
    ['with TERM=dumb', [], { TERM: 'dumb' }],
    ['with --output ndjson', ['--output', 'ndjson'], {}],
  ] as const)('prints lines on a terminal %s', async (_, flags, env) => {
    writeFileSync(join(cwd, 'Procfile'), 'web: echo hello; exec sleep 60\n');
    const terminal = open(['start', ...flags], small, env);
    await terminal.wrote(/hello/);
    expect(terminal.bytes).not.toContain('\x1b[?1049h');
  });
});

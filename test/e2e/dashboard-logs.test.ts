/** The log pane of the dashboard as built, in a pseudo-terminal, over programs that only talk. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enterSequence, leaveSequence } from '../../src/ui/terminal/terminal.ts';
import { DashboardTerminal, environmentIn } from './dashboard-terminal.ts';

const bin = fileURLToPath(new URL('../../bin/clusterctl', import.meta.url));
let cwd: string;
let terminal: DashboardTerminal | null = null;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-dashboard-logs-'));
  mkdirSync(join(cwd, 'run'), { mode: 0o700 });
});
afterEach(async () => {
  terminal?.kill('SIGTERM');
  await Promise.race([terminal?.ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
  terminal?.kill('SIGKILL');
  terminal = null;
  rmSync(cwd, { recursive: true, force: true });
});

/** Two programs: one says a thousand lines, one waits for a file before it goes on. */
function open(env: Readonly<Record<string, string>> = {}): DashboardTerminal {
  const many = 'i=0; while [ $i -lt 1000 ]; do echo "line $i of many"; i=$((i+1)); done; exec sleep 1000';
  const later = `until [ -e go ]; do sleep 0.05; done; echo one later; echo two later; exec sleep 1000`;
  writeFileSync(join(cwd, 'Procfile'), `many: ${many}\nlater: ${later}\n`);
  terminal = new DashboardTerminal({
    file: bin,
    args: ['start'],
    cwd,
    env: { ...environmentIn(cwd), ...env },
    columns: 80,
    rows: 24,
  });
  return terminal;
}

describe('the log pane in a terminal', () => {
  it('follows, searches all of the run, and stands still while more comes', async () => {
    const screen = open();
    await screen.shows(/line 999 of many/);
    screen.type('4');
    await screen.shows(/line 985 of many[\s\S]*line 999 of many/);
    screen.type('/ 5[0-4] of\r');
    await screen.shows(/\/ 5\[0-4\] of 5 of 5/);
    await screen.shows(/^(?![\s\S]*line 999)[\s\S]*line 54 of many/);
    screen.type('n');
    await screen.shows(/on from the oldest.*1 of 5/);
    writeFileSync(join(cwd, 'go'), '');
    await screen.shows(/2 new lines|3 new lines/);
    screen.type('G');
    await screen.shows(/two later/);
    screen.type('.');
    await screen.shows(/^(?![\s\S]*two later)[\s\S]*following.* · many/);
    screen.type('vc');
    await screen.wrote(new RegExp(`\\]52;c;${Buffer.from('line 999 of many').toString('base64')}`));
  });

  it('hands the terminal to the pager, whose interrupt does not stop the run', async () => {
    const pager = join(cwd, 'less');
    writeFileSync(
      pager,
      '#!/bin/sh\necho "PAGER SAYS"; tail -1; read answer </dev/tty; echo "READ $answer"; exec sleep 1000\n',
    );
    chmodSync(pager, 0o755);
    const screen = open({ PAGER: pager });
    await screen.shows(/line 999 of many/);
    screen.type('4');
    await screen.shows(/line 985 of many/);
    screen.type('o');
    await screen.wrote(/PAGER SAYS[\s\S]*line 999 of many/);
    expect(screen.bytes).toContain(leaveSequence);
    screen.type('hello\r');
    await screen.wrote(/READ hello/);
    const entered = enterSequence.replaceAll(/[[\]?]/g, '\\$&');
    screen.type('\x03');
    await screen.wrote(new RegExp(`${entered}[\\s\\S]*${entered}`));
    screen.type('g');
    await screen.shows(/line 1 of many/);
  });

  it('takes keys from clusterctl.yaml, and shows them in help and bar', async () => {
    const keys = 'log-search: ctrl-f, log-one: [tab, "."], focus-next: f6, text-enter: f2';
    writeFileSync(join(cwd, 'clusterctl.yaml'), `keys: { ${keys} }\n`);
    const screen = open();
    await screen.shows(/line 999 of many/);
    screen.type('4');
    await screen.shows(/ \^F search/);
    screen.type('/');
    screen.type('\x06 5[0-4] of\x1bOQ');
    await screen.shows(/\/ 5\[0-4\] of 5 of 5/);
    screen.type('\t');
    await screen.shows(/ · many/);
    screen.type('?');
    await screen.shows(/Help/);
    screen.type(' '.repeat(4));
    await screen.shows(/\^F +Search the whole history/);
  });
});

/** The dashboard without a terminal: what it asks of its source, and what becomes of it when something is broken. */
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadStream, WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Result } from '../../src/base/result.ts';
import { err, ok } from '../../src/base/result.ts';
import type { Observation } from '../../src/supervisor/observe/model.ts';
import type { DashboardOptions } from '../../src/ui/dashboard.ts';
import { Dashboard } from '../../src/ui/dashboard.ts';
import type { KeyEvent } from '../../src/ui/input/event.ts';
import type { Pane } from '../../src/ui/pane.ts';
import type { DashboardAction } from '../../src/ui/source.ts';
import { plainText } from '../../src/ui/terminal/ansi.ts';
import { enterSequence, leaveSequence, Terminal } from '../../src/ui/terminal/terminal.ts';
import { keymap, keymapWith } from './keymap.ts';
import { calm, leaderKilled } from './observations.ts';

let folder: string;
let descriptor: number;
let dashboard: Dashboard | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-dashboard-'));
  descriptor = openSync(join(folder, 'screen'), 'w');
});
afterEach(() => {
  dashboard?.close();
  dashboard = null;
  closeSync(descriptor);
  rmSync(folder, { recursive: true, force: true });
});

const written = () => readFileSync(join(folder, 'screen'), 'utf8');

/** Stands in for a terminal's input: keys are emitted, raw mode is noted. */
class FakeInput extends EventEmitter {
  raw = false;
  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }
  resume(): this {
    return this;
  }
  pause(): this {
    return this;
  }
}

const quietPane: Pane = {
  typing: false,
  rows: () => [],
  status: () => '',
  key: () => false,
  mouse: () => false,
  paste: () => false,
  tick: () => false,
  close: () => {},
};

function open(
  changes: Partial<DashboardOptions['source']>,
  onFailed: (error: unknown) => void = () => {},
  pane: Pane | null = null,
  keys = keymap,
) {
  const input = new FakeInput();
  const output = Object.assign(new EventEmitter(), { fd: descriptor, columns: 80, rows: 24 });
  let quits = 0;
  dashboard = new Dashboard({
    source: {
      title: 'Procfile',
      observation: () => calm,
      subscribe: () => () => {},
      history: null,
      act: async () => ok('done'),
      ...changes,
    },
    keymap: keys,
    theme: 'mono',
    // Of both streams the dashboard uses what the stand-ins have.
    input: input as unknown as ReadStream,
    output: output as unknown as WriteStream & { fd: number },
    pane: () => pane,
    offsetMinutes: 0,
    onQuit: () => quits++,
    onFailed,
  });
  dashboard.open();
  return { input, output, quits: () => quits };
}

describe('the dashboard', () => {
  it('takes the terminal, draws, and gives it back', () => {
    const { input } = open({});
    expect(input.raw).toBe(true);
    expect(written().startsWith(enterSequence)).toBe(true);
    expect(plainText(written())).toContain('★ etcd1');
    dashboard?.close();
    expect(input.raw).toBe(false);
    expect(written().endsWith(leaveSequence)).toBe(true);
  });

  it('asks the source for what keys mean, and says what came of it', async () => {
    const done: (readonly string[])[] = [];
    let finish: (result: Result<string, string>) => void = () => {};
    const { input } = open({
      act: ({ words }) => {
        done.push(words);
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    });
    input.emit('data', Buffer.from('K'));
    expect(done).toEqual([['fault', 'kill', 'leader']]);
    expect(plainText(written())).toContain('… clusterctl fault kill leader');
    finish(err('nobody leads'));
    await expect.poll(() => plainText(written())).toContain('✗ nobody leads');
  });

  it('copies the last command by OSC 52', () => {
    const { input } = open({});
    input.emit('data', Buffer.from('Ky'));
    expect(written()).toContain(`\x1b]52;c;${Buffer.from('clusterctl fault kill leader').toString('base64')}\x07`);
  });

  it('decides by what is so now, not by what was drawn', () => {
    let now: Observation = calm;
    const done: (readonly string[])[] = [];
    const { input } = open({
      observation: () => now,
      act: async ({ words }) => {
        done.push(words);
        return ok('');
      },
    });
    now = leaderKilled;
    input.emit('data', Buffer.from('s'));
    expect(done).toEqual([['run', 'start', 'etcd1']]);
  });

  it('presses keys of the bar that are clicked on, those of the log pane too', () => {
    const done: (readonly string[])[] = [];
    const keys: string[] = [];
    const pane = { ...quietPane, key: ({ key }: KeyEvent) => keys.push(key) > 0 };
    const act = async ({ words }: DashboardAction) => {
      done.push(words);
      return ok('');
    };
    const { input } = open({ act }, () => {}, pane);
    const click = (column: number) => input.emit('data', Buffer.from(`\x1b[<0;${column};24M\x1b[<0;${column};24m`));
    click(3);
    expect(done).toEqual([['fault', 'kill', 'etcd1']]);
    input.emit('data', Buffer.from('4'));
    click(3);
    expect(keys).toEqual(['/']);
    click(79);
    expect(keys).toEqual(['/']);
  });

  it('gives a log pane Ctrl-C where that does not quit', () => {
    const keys: string[] = [];
    const pane = { ...quietPane, key: ({ key }: KeyEvent) => keys.push(key) > 0 };
    const { input, quits } = open({}, () => {}, pane, keymapWith({ quit: 'q', 'log-copy': 'ctrl-c' }));
    input.emit('data', Buffer.from('4\x03'));
    expect([keys, quits()]).toEqual([['ctrl-c'], 0]);
  });

  it('tells of each wish to quit, and stays', () => {
    const { input, quits } = open({});
    input.emit('data', Buffer.from('q'));
    input.emit('data', Buffer.from('\x03'));
    expect(quits()).toBe(2);
    expect(written()).not.toContain(leaveSequence);
  });

  it('draws anew when the window has another size', () => {
    const { output } = open({});
    output.columns = 60;
    output.rows = 15;
    output.emit('resize');
    const last = written().slice(written().lastIndexOf('\x1b[2J'));
    expect(last).toContain('\x1b[15;1H');
    expect(last).not.toContain('\x1b[16;1H');
  });

  it('gives the terminal back when drawing has a bug, and says so once', () => {
    const failures: unknown[] = [];
    const broken: Observation = { ...calm, processes: [null as never] };
    let now: Observation = calm;
    const { input } = open({ observation: () => now }, (error) => failures.push(error));
    now = broken;
    input.emit('data', Buffer.from('\x1b[B'));
    input.emit('data', Buffer.from('\x1b[B'));
    expect(failures).toHaveLength(1);
    expect(written().endsWith(leaveSequence)).toBe(true);
    expect(input.raw).toBe(false);
  });
});

describe('a terminal that takes nothing', () => {
  it('is not waited for: what it has not taken is kept, and sent when it takes again', async () => {
    const path = join(folder, 'held');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    let drained = 0;
    const nothing = () => {};
    const events = { onText: nothing, onResize: nothing, onReturned: nothing, onDrained: () => drained++ };
    const output = Object.assign(new EventEmitter(), { fd: writer, columns: 80, rows: 24 });
    const terminal = new Terminal(
      new FakeInput() as unknown as ReadStream,
      output as unknown as WriteStream & { fd: number },
      events,
    );
    terminal.enter();
    terminal.write('x'.repeat(1_000_000));
    expect(terminal.busy).toBe(true);
    const before = drained;
    let read = 0;
    const chunk = Buffer.alloc(65_536);
    await expect
      .poll(
        () => {
          try {
            read += readSync(reader, chunk);
          } catch {
            // nothing there at the moment
          }
          return terminal.busy;
        },
        { interval: 2, timeout: 10_000 },
      )
      .toBe(false);
    expect(drained).toBe(before + 1);
    expect(read).toBeGreaterThan(900_000);
    terminal.close();
    closeSync(reader);
    closeSync(writer);
  });
});

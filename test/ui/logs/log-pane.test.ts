import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { historyFile } from '../../../src/supervisor/history-files.ts';
import type { MouseEvent } from '../../../src/ui/input/event.ts';
import type { KeySettings } from '../../../src/ui/input/keymap.ts';
import type { LogPaneOptions } from '../../../src/ui/logs/log-pane.ts';
import { LogPane } from '../../../src/ui/logs/log-pane.ts';
import { plainText, visibleWidth } from '../../../src/ui/terminal/ansi.ts';
import { themeOf } from '../../../src/ui/theme.ts';
import { keymapWith } from '../keymap.ts';
import { withFolderAsync } from './history-fixture.ts';

const mono = themeOf('mono');

/** A pane over a folder, driven as the dashboard does. */
class Driver {
  readonly pane: LogPane;
  readonly copied: string[] = [];
  readonly said: string[] = [];
  names = ['etcd1', 'etcd2', 'web'];
  nowMs = localTime(15, 47, 50);
  readonly #folder: string;
  #changed: () => void = () => {};

  constructor(folder: string, environment: LogPaneOptions['environment'] = {}, keys: KeySettings = {}) {
    this.#folder = folder;
    this.pane = new LogPane({
      folder,
      host: {
        changed: () => this.#changed(),
        copy: (text) => this.copied.push(text),
        say: (text) => this.said.push(text),
        handOver: (run) => run(),
      },
      keymap: keymapWith(keys),
      processes: () => this.names.map((name, colourIndex) => ({ name, colourIndex })),
      now: () => this.nowMs,
      environment,
    });
  }

  append(name: string, timeMs: number, text: string): void {
    appendFileSync(historyFile(this.#folder, name), `#${timeMs} o ${Buffer.byteLength(text)}\n${text}`);
  }

  type(text: string): void {
    for (const character of text) this.key(character === ' ' ? 'space' : character, character);
  }

  key(key: string, text = ''): boolean {
    return this.pane.key({ type: 'key', key, text });
  }

  keys(...keys: readonly string[]): void {
    for (const key of keys) this.key(key);
  }

  mouse(event: Partial<MouseEvent>): boolean {
    return this.pane.mouse({ type: 'mouse', action: 'press', button: 'left', row: 0, column: 0, ...event });
  }

  /** Resolves when it has read and searched all. */
  async settled(): Promise<void> {
    this.pane.tick();
    while (this.pane.busy) await new Promise((resolve) => setImmediate(resolve));
    this.pane.tick();
  }

  /** The pane's plain rows once it has settled. */
  async rows(height = 24, width = 80): Promise<string[]> {
    await this.settled();
    const rows = this.pane.rows(width, height, mono);
    expect(rows.length).toBeLessThanOrEqual(height);
    for (const row of rows) expect(visibleWidth(row)).toBeLessThanOrEqual(width);
    return rows.map((row) => plainText(row).trimEnd());
  }

  get status(): string {
    return plainText(this.pane.status(200, mono));
  }

  /** Resolves when the pane says by itself that it has changed. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
  }
}

function localTime(hours: number, minutes: number, seconds: number, ms = 0): number {
  return new Date(2026, 10, 22, hours, minutes, seconds, ms).getTime();
}

async function withPane(
  use: (driver: Driver, folder: string) => void | Promise<void>,
  environment = {},
  keys: KeySettings = {},
): Promise<void> {
  await withFolderAsync(async (folder) => {
    const driver = new Driver(folder, environment, keys);
    try {
      await use(driver, folder);
    } finally {
      driver.pane.close();
    }
  });
}

describe('the log pane', () => {
  it('says when it has changed, and follows processes that come later', async () => {
    await withPane(async (driver) => {
      expect(driver.pane.tick()).toBe(true);
      await driver.settled();
      expect(driver.pane.tick()).toBe(false);
      driver.append('etcd1', localTime(15, 0, 0), 'hello\n');
      expect(driver.pane.tick()).toBe(true);
      expect(await driver.rows()).toEqual(['15:00:00 etcd1   hello']);
      expect(driver.pane.tick()).toBe(false);
      driver.names.push('late');
      driver.append('late', localTime(14, 0, 0), 'was here before\n');
      expect(driver.pane.tick()).toBe(true);
      expect(await driver.rows()).toEqual(['14:00:00 late    was here before', '15:00:00 etcd1   hello']);
    });
  });

  it('searches as one types, with count, any case and errors', async () => {
    await withPane(async (driver) => {
      for (let at = 0; at < 100; at++) driver.append('etcd1', localTime(15, 0, 0) + at, `line ${at} Leader\n`);
      await driver.rows(10);
      driver.key('/', '/');
      expect(driver.pane.typing).toBe(true);
      driver.type('[leader');
      expect((await driver.rows(10)).at(-1)).toMatch(
        /^\/\[leader {2}Unterminated character class|^\/\[leader {2}Lone quantifier/,
      );
      driver.key('enter');
      await driver.settled();
      expect(driver.pane.typing).toBe(true);
      driver.key('ctrl-u');
      driver.type('5 leader');
      driver.key('enter');
      await driver.settled();
      expect(driver.status).toContain('no match');
      driver.key('i');
      await driver.settled();
      expect(driver.status).toContain('/5 leader (any case) 10 matches');
      driver.key('n');
      await driver.settled();
      expect(driver.status).toContain('/5 leader (any case) 10 of 10');
      driver.key('n');
      await driver.settled();
      expect(driver.status).toContain('on from the oldest · /5 leader (any case) 1 of 10');
      expect((await driver.rows(10))[3]).toBe('15:00:00 etcd1   line 5 Leader');
      driver.key('N');
      await driver.settled();
      expect(driver.status).toMatch(/on from the newest · \/5 leader \(any case\) 10 of 10/);
      driver.append('etcd1', localTime(15, 0, 1), 'line 105 Leader\n');
      await driver.rows(10);
      expect(driver.status).toContain('10 of 11');
      expect(driver.key('escape')).toBe(true);
      expect(driver.status).not.toContain('/5');
      expect(driver.key('escape')).toBe(false);
    });
  });

  it('goes to the match nearest to the end if it follows, and offers what was typed before', async () => {
    await withPane(async (driver) => {
      for (let at = 0; at < 100; at++) driver.append('etcd1', localTime(15, 0, 0) + at, `line ${at}\n`);
      await driver.rows(10);
      driver.key('/', '/');
      driver.type('line 3');
      driver.key('enter');
      await driver.settled();
      await driver.rows(10);
      expect(driver.status).toMatch(/^paused · \/line 3 11 of 11/);
      driver.keys('g', '/');
      await driver.rows(10);
      driver.keys('up', 'enter');
      await driver.settled();
      expect(driver.status).toContain('1 of 11');
    });
  });

  it('shows only lines that match a filter, pasted too', async () => {
    await withPane(async (driver) => {
      for (let at = 0; at < 50; at++) driver.append('web', localTime(15, 0, 0) + at, `GET /${at}\n`);
      await driver.rows();
      driver.key('&', '&');
      expect(driver.pane.paste('/[24]7\nsecond line')).toBe(true);
      driver.key('enter');
      await driver.settled();
      expect(await driver.rows()).toEqual(['15:00:00 web     GET /27', '15:00:00 web     GET /47']);
      expect(driver.status).toBe('following · &/[24]7 · 2 lines');
      expect(driver.pane.words).toEqual(['logs', '-f', '--grep', '/[24]7']);
      expect(driver.pane.paste('x')).toBe(false);
      driver.key('escape');
      await driver.settled();
      expect(driver.status).toBe('following · 50 lines');
    });
  });

  it('switches processes on and off', async () => {
    await withPane(async (driver) => {
      for (const name of driver.names) driver.append(name, localTime(15, 0, 0), `I am ${name}\n`);
      expect(await driver.rows()).toHaveLength(3);
      driver.key('b');
      expect((await driver.rows()).at(-1)).toMatch(/^1 ● etcd1 {2}2 ● etcd2 {2}3 ● web .*⏎ done$/);
      driver.key('2');
      expect((await driver.rows()).at(-1)).toMatch(/^1 ● etcd1 {2}2 ○ etcd2 {2}3 ● web/);
      driver.keys('right', 'space', 'enter');
      expect(driver.pane.typing).toBe(false);
      expect(await driver.rows()).toEqual(['15:00:00 etcd1   I am etcd1']);
      expect(driver.pane.words).toEqual(['logs', '-f', 'etcd1']);
      driver.key('.');
      expect(driver.status).toContain('following · etcd2');
      driver.keys('.', '.');
      expect(await driver.rows()).toHaveLength(3);
      driver.key(',');
      expect(await driver.rows()).toEqual(['15:00:00 web   I am web']);
      driver.pane.showOnly(['etcd1', 'web']);
      expect(driver.status).toContain('etcd1, web');
    });
  });

  it('goes to a time', async () => {
    await withPane(async (driver) => {
      for (let at = 0; at < 60; at++) driver.append('web', localTime(15, 0, at), `second ${at}\n`);
      await driver.rows(5);
      driver.key('T', 'T');
      driver.type('25:00');
      expect((await driver.rows(5)).at(-1)).toContain('expected 15:04');
      driver.key('ctrl-u');
      driver.type('15:00:30');
      driver.key('enter');
      await driver.settled();
      expect((await driver.rows(5))[0]).toContain('second 30');
      expect(driver.status).toMatch(/^paused · line 31 of 60/);
      expect(driver.pane.jumpToTime(localTime(16, 0, 0))).toBe(false);
    });
  });

  it('copies what is selected, with a word on tmux', async () => {
    await withPane(
      async (driver) => {
        driver.append('web', localTime(15, 0, 0), 'one\ntwo\nthree\n');
        await driver.rows();
        driver.key('c');
        expect(driver.copied).toEqual([]);
        driver.keys('up', 'c');
        expect(driver.copied).toEqual(['two\nthree']);
        expect(driver.said[0]).toBe('2 lines copied; tmux passes it on with: set -g set-clipboard on');
        driver.key('f');
        expect(driver.mouse({ row: 0 })).toBe(false);
        expect(driver.status).toContain('following');
        driver.mouse({ action: 'drag', row: 1 });
        driver.key('enter');
        await driver.settled();
        expect(driver.copied[1]).toBe('one\ntwo');
        expect(driver.mouse({ row: 9 })).toBe(false);
        expect(driver.mouse({ row: 1 })).toBe(true);
        driver.key('c');
        expect(driver.copied[2]).toBe('two');
        driver.pane.showOnly(['web']);
        driver.key('Y');
        expect(driver.copied[3]).toBe('clusterctl logs web');
        expect(driver.mouse({ button: 'right' })).toBe(false);
      },
      { TMUX: '/tmp/tmux-0/default,1,0' },
    );
  });

  it('scrolls with the wheel, stands still and goes on', async () => {
    await withPane(async (driver) => {
      for (let at = 0; at < 30; at++) driver.append('web', localTime(15, 0, at), `second ${at}\n`);
      await driver.rows(5);
      driver.mouse({ action: 'wheel-up', button: 'none' });
      expect((await driver.rows(5))[0]).toContain('second 22');
      driver.append('web', localTime(15, 1, 0), 'a\nb\n');
      expect((await driver.rows(5))[0]).toContain('second 22');
      expect(driver.status).toMatch(/^paused, 2 new lines/);
      driver.key('f');
      expect((await driver.rows(5)).at(-1)).toContain('b');
      expect(driver.status).toBe('following · 32 lines');
    });
  });

  it('clears and marks the view', async () => {
    await withPane(async (driver) => {
      driver.append('web', localTime(15, 0, 0), 'old\n');
      await driver.rows();
      driver.key('C');
      driver.append('web', localTime(15, 0, 1), 'new\n');
      expect(await driver.rows()).toEqual(['15:00:01 web     new']);
      driver.key('m');
      expect((await driver.rows())[1]).toMatch(/^── mark 15:47:50 ─+$/);
      driver.key('C');
      expect(await driver.rows()).toHaveLength(3);
      driver.key('[');
      expect((await driver.rows(1))[0]).toContain('mark');
    });
  });

  it('gives up a pattern that would never end', async () => {
    await withPane(async (driver) => {
      driver.append('web', localTime(15, 0, 0), `${'a'.repeat(64)}!\n`);
      await driver.rows();
      driver.key('/', '/');
      driver.type('(a+)+$');
      driver.key('enter');
      await driver.settled();
      expect(driver.status).toContain('the pattern takes too long');
      expect(await driver.rows()).toHaveLength(1);
    });
  });

  it('reads a long history in turns, and tells when it is through', async () => {
    await withPane(async (driver) => {
      const block = `${'x'.repeat(99)}\n`.repeat(10_000);
      for (let at = 0; at < 30; at++) driver.append('etcd2', localTime(15, 0, at), block);
      driver.pane.tick();
      while (!driver.status.includes('300,000 lines')) await driver.changed();
      driver.key('/', '/');
      driver.type('x{98}');
      driver.key('enter');
      await driver.settled();
      while (!driver.status.includes('300,000 of 300,000')) await driver.changed();
      driver.key('g');
      expect(await driver.rows(3)).toHaveLength(3);
      expect(driver.status).toContain('line 1 of 300,000');
    });
  });

  it('opens what is shown in the pager, at the line that is on top', async () => {
    await withFolderAsync(async (folder) => {
      const pager = join(folder, 'less');
      const seen = join(folder, 'seen');
      writeFileSync(pager, `#!/bin/sh\necho "$@" >${seen}.tmp; cat >>${seen}.tmp; mv ${seen}.tmp ${seen}\n`);
      chmodSync(pager, 0o755);
      const driver = new Driver(folder, { PAGER: pager, PATH: process.env['PATH'] });
      for (let at = 0; at < 1000; at++) driver.append('web', localTime(15, 0, 0), `line ${at}\n`);
      await driver.rows(10);
      driver.key('o');
      await vi.waitFor(() => expect(existsSync(seen)).toBe(true), { timeout: 10_000, interval: 10 });
      const [first = '', ...lines] = readFileSync(seen, 'utf8').trimEnd().split('\n');
      expect(first).toBe('-R +991g');
      expect(lines).toHaveLength(1000);
      expect(plainText(lines[990] ?? '')).toBe('15:00:00   web | line 990');
      driver.pane.close();
    });
  });

  it('leaves keys that it has no use for', async () => {
    await withPane(async (driver) => {
      for (const key of ['z', 'k', 'x', 'tab', 'q', 'escape']) expect(driver.key(key)).toBe(false);
    });
  });

  it('takes the keys that the user gave, and no others', async () => {
    const keys = {
      'log-search': 'f2',
      'log-next': 'x',
      'log-oldest': 'a',
      'log-clear': 'ctrl-x',
      'log-switch': 'f3',
      'text-enter': 'f4',
      'text-case': 'f5',
      'switch-toggle': 't',
      'switch-done': 'z',
    };
    const use = async (driver: Driver) => {
      for (let at = 0; at < 30; at++) driver.append('etcd1', localTime(15, 0, 0) + at, `line ${at}\n`);
      await driver.rows(10);
      expect(['/', 'g', 'b', 'C'].map((key) => driver.key(key, key))).toEqual([false, false, false, false]);
      driver.key('n');
      expect(driver.key('x')).toBe(true);
      expect(driver.status).toContain('nothing is searched for: F2 begins a search');
      driver.key('f2');
      expect((await driver.rows(10)).at(-1)).toBe('/  a pattern (F5: in any case)');
      driver.type('2');
      driver.key('enter');
      expect(driver.pane.typing).toBe(true);
      driver.key('f4');
      await driver.settled();
      driver.key('x');
      await driver.settled();
      expect(driver.status).toContain('/2 1 of 12');
      driver.key('a');
      expect((await driver.rows(10))[0]).toBe('15:00:00 etcd1   line 0');
      driver.key('f3');
      expect((await driver.rows(10)).at(-1)).toMatch(/t on\/off {2}o only {2}a all {2}z done$/);
      driver.keys('t', 'z');
      expect(driver.pane.typing).toBe(false);
      expect(driver.status).toContain('etcd2, web');
      driver.key('ctrl-x');
      expect(driver.status).toContain('cleared: ^X again brings all back');
    };
    await withPane(use, {}, keys);
  });
});

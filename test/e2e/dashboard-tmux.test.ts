/**
 * The dashboard in a real terminal: the installed command over a Procfile of three bundled members, in a tmux of its own, at three sizes. What
 * the screen shows is in test/testdata/ui/tmux; `UPDATE_GOLDEN=1` writes it anew.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { freePorts } from '../support/ports.ts';
import type { Cast } from './dashboard-screen.ts';
import { masked, membersOn } from './dashboard-screen.ts';
import type { Tmux } from './dashboard-tmux.ts';
import { patienceMs, tmuxPlace, whyNoTmux } from './dashboard-tmux.ts';

const bin = fileURLToPath(new URL('../../bin/clusterctl', import.meta.url));
const goldens = fileURLToPath(new URL('../testdata/ui/tmux/', import.meta.url));
const update = (process.env['UPDATE_GOLDEN'] ?? '') !== '';
const skipped = whyNoTmux();

/** What stands still for so long is written as a golden. */
const settledMs = 3_000;
/** The command that was copied last is said again before the dashboard takes the words away. */
const sayAgainMs = 5_000;
/** Of elections that go wrong at first: two campaign at once, or a busy machine holds up the one that has won. */
const triesMax = 6;
/** How long the cut off side may take to refuse a write. */
const refusalMs = 1_500;

const sizes = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 15 },
  { columns: 200, rows: 60 },
] as const;
const [, , large] = sizes;

const place = tmuxPlace();
const clients = new Map<string, TestClient>();
afterEach(() => {
  for (const client of clients.values()) client.close();
  clients.clear();
});

/** Three members on free ports; the clients know them by their names. */
async function writeProcfile(): Promise<void> {
  const ports = await freePorts(6);
  const url = (at: number) => `http://127.0.0.1:${ports[at]}`;
  const names = ['etcd1', 'etcd2', 'etcd3'];
  const cluster = names.map((name, at) => `${name}=${url(at + 3)}`).join(',');
  const lines = names.map((name, at) => {
    clients.set(name, new TestClient(url(at)));
    const client = `--listen-client-urls ${url(at)} --advertise-client-urls ${url(at)}`;
    const peer = `--listen-peer-urls ${url(at + 3)} --initial-advertise-peer-urls ${url(at + 3)}`;
    return `${name}: etcd --name ${name} ${client} ${peer} --initial-cluster ${cluster} --initial-cluster-state new`;
  });
  writeFileSync(join(place.cwd, 'Procfile'), `${lines.join('\n')}\n`);
}

function clientOf(name: string): TestClient {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`no member is called ${name}`);
  return client;
}

/** The one that leads, with all others following it in its term; null: that is not so. */
function leaderOf(screen: string): string | null {
  const members = [...membersOn(screen)];
  const leaders = members.filter(([, { role }]) => role === '★ leader');
  const terms = new Set(members.map(([, { term }]) => term));
  const agree = members.every(([, { role }]) => role === '★ leader' || role === '● follower') && terms.size === 1;
  return agree && members.length === 3 && leaders.length === 1 ? (leaders[0]?.[0] ?? null) : null;
}

/** The row of the leader has the cursor: it is what keys are about. */
async function select(terminal: Tmux, name: string): Promise<void> {
  await terminal.press('Up', 'Up', 'Up');
  await terminal.until('the first row has the cursor', (screen) => screen.includes('▸ etcd1'));
  for (let at = 1; at < Number(name.slice(-1)); at++) await terminal.press('Down');
  await terminal.until(`${name} has the cursor`, (screen) => screen.includes(`▸ ${name}`));
}

/** Heals everything and waits until all follow one leader, who gets the cursor. */
async function whole(terminal: Tmux): Promise<string> {
  await terminal.type('H');
  const leader = await terminal.until(
    'all follow one leader, and there is no fault',
    (screen) => /3\/3 up +★/.test(screen) && !/! \d fault/.test(screen) && leaderOf(screen),
  );
  await select(terminal, leader);
  return leader;
}

/** The screen at each size is as in the golden, sooner or later. `copied` is the command of what was done last. */
async function expectScreens(terminal: Tmux, moment: string, cast: Cast, copied: string | null): Promise<void> {
  for (const size of sizes) {
    await terminal.resize(size.columns, size.rows);
    const file = join(goldens, `${moment}-${size.columns}x${size.rows}.txt`);
    const looks = looksAt(terminal, size, cast, copied);
    if (update || !existsSync(file)) {
      mkdirSync(goldens, { recursive: true });
      writeFileSync(file, await settled(looks));
      continue;
    }
    const golden = readFileSync(file, 'utf8');
    const deadline = performance.now() + patienceMs;
    let seen = '';
    while (seen !== golden && performance.now() < deadline) seen = await looks();
    expect(seen, file).toBe(golden);
  }
  if (copied !== null) expect(await terminal.clipboard()).toBe(copied);
  await terminal.resize(large.columns, large.rows);
}

/** One look after the other, masked; while it goes on, the screen says what was copied. */
function looksAt(terminal: Tmux, size: (typeof sizes)[number], cast: Cast, copied: string | null) {
  let saidMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (copied !== null && performance.now() - saidMs > sayAgainMs) {
      await terminal.type('y');
      saidMs = performance.now();
    }
    return masked(await terminal.next(), size, cast);
  };
}

/** What does not change any more for a while. */
async function settled(look: () => Promise<string>): Promise<string> {
  let seen = '';
  let sinceMs = performance.now();
  while (performance.now() - sinceMs < settledMs) {
    const now = await look();
    if (now !== seen) sinceMs = performance.now();
    seen = now;
  }
  return seen;
}

describe.skipIf(skipped !== null)(`the dashboard in tmux${skipped === null ? '' : ` (${skipped})`}`, () => {
  // An election that nobody asked for, on a machine that stands still for a second, is another story: it is told again.
  const story = { timeout: 300_000, retry: 2 };
  it('shows a start, a leader kill with the new leader, a cut off leader, and a heal', story, async () => {
    await writeProcfile();
    const terminal = await place.open(`exec ${bin} start`);
    await terminal.resize(large.columns, large.rows);

    const first = await terminal.until(
      'three members, one of which leads',
      (screen) => /3\/3 up +★/.test(screen) && leaderOf(screen),
    );
    await select(terminal, first);
    await expectScreens(terminal, 'started', { leads: first, hit: null }, null);

    const killed = await withNewLeader(terminal, first, async () => {
      await terminal.type('K');
      return /2\/3 up[\s\S]* ✗ down, SIGKILL /;
    });
    await expectScreens(terminal, 'leader-killed', killed, 'clusterctl fault kill leader');

    const second = await whole(terminal);
    const cut = await withNewLeader(terminal, second, async () => {
      await terminal.type(':');
      await terminal.until('the palette', (screen) => screen.includes('Commands'));
      await terminal.type('isol lead');
      await terminal.until('what is looked for', (screen) => screen.includes('▸ Isolate the leader'));
      await terminal.press('Enter');
      return / ≠ cut off, no leader [\s\S]*≠ cut ≠f\d/;
    });
    const [minority, majority] = [clientOf(cut.hit), clientOf(cut.leads)];
    const [refused, acknowledged] = await Promise.all([minority.put('a', '1', refusalMs), majority.put('b', '2')]);
    expect(refused).toMatchObject({ ok: false });
    expect(acknowledged).toMatchObject({ ok: true });
    await expectScreens(terminal, 'leader-cut-off', cut, 'clusterctl fault partition --isolate leader');

    await terminal.type('H');
    await terminal.until('all agree', (screen) => /3\/3 up/.test(screen) && leaderOf(screen) === cut.leads);
    await expectScreens(terminal, 'healed', cut, 'clusterctl fault heal --all');
    expect(await clientOf(cut.hit).get('b')).toMatchObject({ ok: true, answer: { count: '1' } });
  });
});

/**
 * Does something to the leader until a clean change of leadership follows: one election, after which nothing but the wanted is on the
 * screen. Whom it happened to, and who leads now.
 */
async function withNewLeader(
  terminal: Tmux,
  leader: string,
  act: () => Promise<RegExp>,
): Promise<{ readonly leads: string; readonly hit: string }> {
  let hit = leader;
  for (let attempt = 1; ; attempt++) {
    const wanted = await act();
    const after = await terminal.until(`a new leader, and ${wanted}`, (screen) => {
      const [, leads, how] = /★ (etcd\d) leads in term \d+, [\d.]+m?s (\S+ \S+ ?\S*)/.exec(screen) ?? [];
      const rows = membersOn(screen);
      const isShown = leads !== undefined && leads !== hit && /^★ leader/.test(rows.get(leads)?.role ?? '');
      return wanted.test(screen) && isShown && { leads, how };
    });
    if (after.how?.trim() === `after ${hit}` || attempt === triesMax) return { leads: after.leads, hit };
    hit = await whole(terminal);
  }
}

/** The observer with etcds that are nothing but what the tests say of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AdminRequest, AdminStatus } from '../../../src/base/admin-protocol.ts';
import { plainEndpoint } from '../../../src/base/member-endpoint.ts';
import type { MemberStatus } from '../../../src/base/member-status.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { RunEvent } from '../../../src/supervisor/observe/model.ts';
import type { Probe } from '../../../src/supervisor/observe/observed-member.ts';
import { ObservedMember } from '../../../src/supervisor/observe/observed-member.ts';
import type { ObservedProcess } from '../../../src/supervisor/observe/observer.ts';
import { Observer } from '../../../src/supervisor/observe/observer.ts';
import type { ProcessSpec } from '../../../src/supervisor/process.ts';
import { defaultRestart } from '../../../src/supervisor/restart-policy.ts';
import { adminStatus } from './admin-status.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function spec(name: string, changes: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name,
    entry: name,
    command: 'etcd',
    cwd: '/',
    env: {},
    graceMs: 1_000,
    port: null,
    endpoint: plainEndpoint(`http://${name}`),
    adminSocket: null,
    greeting: [],
    ready: { type: 'started' },
    dependsOn: [],
    restart: defaultRestart,
    stopSignal: null,
    ...changes,
  };
}

/** A process that runs: this one. */
function running(of: ProcessSpec): ObservedProcess {
  return {
    spec: of,
    pid: process.pid,
    state: { type: 'running' },
    status: () => ({
      name: of.name,
      entry: of.entry,
      state: 'running',
      ready: true,
      paused: false,
      pid: process.pid,
      port: null,
      clientUrl: of.endpoint?.url ?? null,
      endpoint: of.endpoint,
      startedAt: new Date(0).toISOString(),
      uptimeMs: 0,
      restarts: 0,
      exit: null,
    }),
  };
}

const polled: MemberStatus = {
  memberId: '1',
  clusterId: 'c1',
  version: '3.6.5',
  term: 2,
  leader: '1',
  isLearner: false,
  raftIndex: 10,
  appliedIndex: 10,
  dbBytes: 100,
  dbInUseBytes: 50,
};

/** Answers Status with what `answers` has for a URL. */
function observe(answers: ReadonlyMap<string, MemberStatus>): {
  observer: Observer;
  asked: string[];
  events: RunEvent[];
} {
  const asked: string[] = [];
  const probe: Probe = {
    status: async ({ url }) => {
      asked.push(url);
      const status = answers.get(url);
      return status === undefined ? err('nobody there') : ok(status);
    },
    health: async () => ok(1.23),
    page: async (_, path) =>
      path === '/metrics' ? ok('etcd_network_active_peers{Local="1",Remote="2"} 1\n') : err('no'),
    close: () => {},
  };
  const observer = new Observer({ colourIndexOf: () => 3, openProbe: async () => probe });
  closers.push(() => observer.close());
  const events: RunEvent[] = [];
  return { observer, asked, events };
}

function logLine(text: string): Buffer {
  return Buffer.from(`{"level":"info","ts":"${new Date().toISOString()}","msg":"${text}"}\n`);
}

function identityLine(member: string): Buffer {
  return Buffer.from(
    `{"level":"info","msg":"starting local member","local-member-id":"${member}","cluster-id":"c1"}\n`,
  );
}

describe('Observer', () => {
  it('tells leaders from the log of etcds, and asks nobody who speaks', () => {
    const { observer, asked, events } = observe(new Map());
    observer.follow((event) => events.push(event));
    const [a, b] = [spec('a'), spec('b')];
    observer.started(a, 11);
    observer.started(b, 12);
    observer.tap('a')(identityLine('1'));
    observer.tap('b')(identityLine('2'));
    observer.tap('a')(logLine('1 became candidate at term 2'));
    observer.tap('a')(logLine('1 became leader at term 2'));
    observer.tap('b')(logLine('raft.node: 2 elected leader 1 at term 2'));
    observer.exited(a, { code: null, signal: 'SIGKILL' });
    observer.tap('b')(logLine('2 became leader at term 3'));
    observer.tap('nobody')(logLine('3 became leader at term 9'));
    expect(events.map((event) => event.type)).toEqual([
      'member-started',
      'member-started',
      'election',
      'leader-changed',
      'member-exited',
      'leader-lost',
      'leader-changed',
    ]);
    expect(events.at(-1)).toMatchObject({ from: 'a', to: 'b', term: 3 });
    expect(observer.observation().events).toEqual(events);
    expect(asked).toEqual([]);
  });

  it('keeps what a log says of a cluster that is not known yet, until a status names it', async () => {
    const { observer, events } = observe(new Map([['http://a', polled]]));
    observer.started(spec('a'), 11);
    observer.tap('a')(logLine('1 became leader at term 2'));
    observer.follow((event) => events.push(event));
    expect(events).toEqual([]);
    await observer.look();
    expect(events).toMatchObject([{ type: 'leader-changed', from: null, to: 'a', term: 2, cluster: 'c1' }]);
  });

  it('believes a polled leader that says so twice, and asks again soon for that', async () => {
    const { observer, events } = observe(new Map([['http://a', polled]]));
    observer.started(spec('a'), 11);
    const changed = new Promise<RunEvent>((resolve) => observer.follow(resolve));
    await observer.look();
    expect(observer.observation().events.map((event) => event.type)).toEqual(['member-started']);
    expect(await changed).toMatchObject({ type: 'leader-changed', to: 'a' });
    expect(events).toEqual([]);
  });

  it('looks at everything when it is asked, and knows of links and faults', async () => {
    const [a, b] = [spec('a'), spec('b')];
    const other = { ...polled, memberId: '2', raftIndex: 7 };
    const { observer } = observe(
      new Map([
        ['http://a', polled],
        ['http://b', other],
      ]),
    );
    observer.watch(() => [running(a), running(b), running(spec('web', { endpoint: null }))]);
    observer.started(a, 11);
    observer.started(b, 12);
    observer.record({
      type: 'fault-injected',
      atMs: Date.now(),
      fault: {
        id: 'f1',
        command: 'cut a b',
        text: 'cut',
        targets: ['a'],
        links: [{ from: 'a', to: 'b' }],
        injectedMs: Date.now(),
        bitMs: null,
      },
    });
    const { processes, links, faults } = await observer.look();
    expect(processes.map(({ name, colourIndex, state, member }) => [name, colourIndex, state, member?.role])).toEqual([
      ['a', 3, 'running', 'leader'],
      ['b', 3, 'running', 'follower'],
      ['web', 3, 'running', undefined],
    ]);
    expect(processes[1]?.member).toMatchObject({ lag: [3], healthMs: 1.2, version: '3.6.5' });
    if (process.platform === 'linux') expect(processes[0]?.rssBytes).toBeGreaterThan(1_000_000);
    expect(links[0]).toEqual({ from: 'a', to: 'b', up: true, rttMs: null, faults: ['f1'] });
    expect(faults.map((fault) => fault.id)).toEqual(['f1']);
    observer.record({ type: 'fault-effective', atMs: Date.now(), id: 'f1', afterMs: 5 });
    expect(observer.observation().faults[0]?.bitMs).not.toBeNull();
    observer.record({ type: 'fault-healed', atMs: Date.now(), id: 'f1', command: 'cut a b' });
    expect(observer.observation().faults).toEqual([]);
    expect(observer.observation().links[0]?.faults).toEqual([]);
  });

  it('gives the same objects for what has not changed, and calls listeners once a turn', async () => {
    const [a, b] = [spec('a'), spec('b')];
    const { observer } = observe(new Map());
    observer.watch(() => [running(a), running(b)]);
    observer.started(a, 11);
    observer.started(b, 12);
    let calls = 0;
    const called = new Promise<void>((resolve) => {
      closers.push(
        observer.subscribe(() => {
          calls++;
          resolve();
        }),
      );
    });
    const before = observer.observation();
    expect(observer.observation()).toBe(before);
    observer.tap('a')(identityLine('1'));
    observer.tap('a')(logLine('1 became follower at term 1'));
    await called;
    const after = observer.observation();
    expect(after).not.toBe(before);
    expect(after.processes[0]).not.toBe(before.processes[0]);
    expect(after.processes[1]).toBe(before.processes[1]);
    expect(after.events).toBe(before.events);
    expect(calls).toBe(1);
  });

  it('leaves one that does not answer alone for a while', async () => {
    const member = new ObservedMember(spec('a'), { onInput: () => {}, onFacts: () => {} });
    closers.push(() => member.exited());
    const probeOf = (answer: Probe['status']): Probe => ({
      status: answer,
      health: async () => err(''),
      page: async () => err(''),
      close: () => {},
    });
    member.started(spec('a'), 0);
    expect(member.due).toBe(true);
    await member.poll(probeOf(async () => err('nobody there')));
    expect(member.due).toBe(false);
    await member.poll(probeOf(async () => ok(polled)));
    expect(member.due).toBe(true);
  });

  it('counts the downtime from a fault, but not from an order to hand over', () => {
    for (const [command, downtimeMs] of [
      ['pause leader', 500],
      ['move-leader b', 0],
    ] as const) {
      const { observer } = observe(new Map());
      observer.started(spec('a'), 11);
      observer.started(spec('b'), 12);
      observer.tap('a')(identityLine('1'));
      observer.tap('b')(identityLine('2'));
      observer.tap('a')(logLine('1 became leader at term 2'));
      const injectedMs = Date.now() - 500;
      const fault = { id: 'f1', command, text: '', targets: ['a'], links: [], injectedMs, bitMs: null };
      observer.record({ type: 'fault-injected', atMs: injectedMs, fault });
      observer.tap('b')(logLine('2 became leader at term 3'));
      const last = observer.observation().events.at(-1);
      const seen = last?.type === 'leader-changed' ? last.downtimeMs : null;
      expect(seen).toBeGreaterThanOrEqual(downtimeMs - 5);
      expect(seen).toBeLessThan(downtimeMs + 400);
    }
  });

  it('never lets the time of events fall', () => {
    const { observer } = observe(new Map());
    const nowMs = Date.now();
    observer.record({ type: 'fault-healed', atMs: nowMs, id: 'f1', command: '' });
    observer.record({ type: 'fault-healed', atMs: nowMs - 500, id: 'f2', command: '' });
    expect(observer.observation().events.map((event) => event.atMs)).toEqual([nowMs, nowMs]);
  });
});

/** Listens as a bundled member does. */
class FakeAdmin {
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'clusterctl-adm-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  status: AdminStatus = adminStatus({ memberId: '1', leader: '1' });
  readonly asked: AdminRequest[] = [];

  constructor() {
    this.path = join(this.#folder, 'a.sock');
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        for (const line of chunk.toString().trim().split('\n')) {
          const request: AdminRequest = JSON.parse(line);
          this.asked.push(request);
          socket.write(`${JSON.stringify({ id: request.id, ok: true, status: this.status })}\n`);
        }
      });
    });
    this.#server.listen(this.path);
    closers.push(() => this.close());
  }

  push(status: AdminStatus): void {
    this.status = status;
    for (const socket of this.#sockets) socket.write(`${JSON.stringify({ event: 'status', status })}\n`);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('Observer of a bundled member', () => {
  it('hears its pushes, and takes them for better than its log', async () => {
    const admin = new FakeAdmin();
    const { observer, asked } = observe(new Map());
    const heard: RunEvent[] = [];
    let wake: () => void = () => {};
    observer.follow((event) => {
      heard.push(event);
      wake();
    });
    const until = async (type: RunEvent['type'], count: number) => {
      while (heard.filter((event) => event.type === type).length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    observer.started(spec('a', { adminSocket: admin.path }), 11);
    await until('leader-changed', 1);
    expect(admin.asked[0]).toMatchObject({ op: 'status', everyMs: 10_000 });
    observer.tap('a')(logLine('1 became leader at term 7'));
    admin.push(adminStatus({ memberId: '1', role: 'follower', leader: '0', term: 2 }));
    await until('leader-lost', 1);
    admin.push(adminStatus({ memberId: '1', role: 'leader', leader: '1', term: 3 }));
    await until('leader-changed', 2);
    expect(heard.map((event) => ('term' in event ? [event.type, event.term] : event.type))).toEqual([
      'member-started',
      ['leader-changed', 2],
      ['leader-lost', 2],
      ['leader-changed', 3],
    ]);
    expect(asked).toEqual([]);
    await observer.look();
    expect(admin.asked.at(-1)).toMatchObject({ op: 'status', everyMs: 500 });
  });
});

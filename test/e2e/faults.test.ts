/** Faults on the processes and disks of a real cluster, the words for them, and what is left of them at the end. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdminStatus } from '../../src/base/admin-protocol.ts';
import { AdminClient } from '../../src/supervisor/admin-client.ts';
import { TestClient } from '../support/client.ts';
import { FaultRun } from '../support/fault-run.ts';

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 3, entries: ['idle: exec sleep 1000'] });
});
afterAll(() => run.close());

async function put(name: string, key: string, deadlineMs = 10_000): Promise<boolean> {
  const client = new TestClient(run.clientUrl(name));
  const outcome = await client.put(key, 'x', deadlineMs);
  client.close();
  return outcome.ok;
}

async function process(name: string) {
  const found = (await run.status()).processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no process ${name}`);
  return found;
}

function stateOf(pid: number | null): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

describe('the admin socket of a member', () => {
  it('is private', () => {
    const folder = join(run.folder, 'clusterctl', `${run.child.pid}.admin`);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).filter((file) => file.endsWith('.sock'))).toEqual(
      run.names.map((name) => `${name}.sock`),
    );
    for (const name of run.names) expect(statSync(join(folder, `${name}.sock`)).mode & 0o777).toBe(0o600);
  });
});

describe('a member', () => {
  it('tells those who watch its admin socket of a new leader at once, without being asked', async () => {
    const clients = run.names.map((name) => {
      const pushed: AdminStatus[] = [];
      const path = join(run.folder, 'clusterctl', `${run.child.pid}.admin`, `${name}.sock`);
      const events = {
        onStatus: (status: AdminStatus) => void pushed.push(status),
        onConnected: () => {},
        onGone: () => {},
      };
      const client = new AdminClient(path, events);
      client.open();
      return { client, pushed };
    });
    await run.until('all are connected', async () => clients.every(({ client }) => client.connected));
    await Promise.all(clients.map(({ client }) => client.order({ op: 'status', everyMs: 3_600_000 }, 5_000)));
    const before = (await run.member((await run.leader()) ?? ''))?.memberId;
    await run.inject('move-leader');
    await run.until('all have heard', async () =>
      clients.every(({ pushed }) => !['0', before].includes(pushed.at(-1)?.leader)),
    );
    const roles = clients.flatMap(({ pushed }) => pushed.map(({ role }) => role));
    expect(roles).toContain('candidate');
    expect(roles).toContain('leader');
    for (const { client } of clients) client.close();
  });
});

describe('kill', () => {
  it('ends the leader at once; it stays down until the fault is healed', async () => {
    const leader = (await run.leader()) ?? '';
    const fault = await run.inject('kill', 'leader');
    expect([fault.command, fault.targets]).toEqual([`kill ${leader}`, [leader]]);
    expect(await process(leader)).toMatchObject({ state: 'stopped', exit: { code: null, signal: 'SIGKILL' } });
    await run.until('another leads', async () => (await run.leader()) !== null);
    expect(await run.refusal('kill', leader)).toBe(`${leader} does not run`);
    await run.do('heal', fault.id);
    await run.until('all agree', () => run.agrees());
  });

  it('is healed by whoever starts the process again', async () => {
    const { id } = await run.inject('kill', 'idle');
    expect((await run.status()).faults.map((fault) => fault.id)).toEqual([id]);
    await run.control('start', 'idle');
    await run.until('no fault is left', async () => (await run.status()).faults.length === 0);
  });
});

describe('pause', () => {
  it('suspends a member, shows it, and lets it go on', async () => {
    const { id, targets } = await run.inject('pause', 'follower');
    const [name = ''] = targets;
    const paused = await process(name);
    expect(paused).toMatchObject({ state: 'running', paused: true });
    expect(stateOf(paused.pid)).toBe('T');
    expect(await run.refusal('pause', name)).toBe(`${name} is paused already`);
    // Its rules reach it when it goes on.
    const cut = await run.inject('partition', '--link', run.names.filter((one) => one !== name).join('='));
    expect((await run.do('resume', name)).text).toBe(`${id} healed: ${name} is paused (SIGSTOP)`);
    expect(await process(name)).toMatchObject({ state: 'running', paused: false });
    expect(stateOf((await process(name)).pid)).not.toBe('T');
    expect(await run.refusal('resume', name)).toBe(`${name} is not paused (nobody is)`);
    await run.do('heal', cut.id);
    await run.until('all agree', () => run.agrees());
  });

  it('does not keep a process from being stopped or restarted', async () => {
    await run.inject('pause', 'idle');
    await run.control('restart', 'idle');
    expect(await process('idle')).toMatchObject({ state: 'running', paused: false });
    expect((await run.status()).faults).toEqual([]);
  });
});

describe('move-leader', () => {
  it('hands leadership to the member that is named, or to any other', async () => {
    const [first = '', second = ''] = run.names;
    await run.inject('move-leader', (await run.leader()) === first ? second : first);
    const heir = (await run.leader()) === first ? second : first;
    const moved = await run.inject('move-leader', heir);
    expect(moved.targets[1]).toBe(heir);
    await run.until(`${heir} leads`, async () => (await run.leader()) === heir);
    await run.inject('move-leader');
    await run.until('another leads', async () => ![null, heir].includes(await run.leader()));
    expect(await run.refusal('move-leader', (await run.leader()) ?? '')).toMatch(/leads already$/);
    expect((await run.status()).faults).toEqual([]);
  });
});

describe('disk', () => {
  it('makes the syncs of a member slow, until it is healed', async () => {
    const leader = (await run.leader()) ?? '';
    const others = run.names.filter((name) => name !== leader);
    const slow = await Promise.all(others.map((name) => run.do('disk', name, '--slow', '150ms')));
    const startMs = performance.now();
    expect(await put(leader, 'slow')).toBe(true);
    expect(performance.now() - startMs).toBeGreaterThan(140);
    await run.until('both are seen to work', async () =>
      (await run.status()).faults.every(({ bitMs }) => bitMs !== null),
    );
    for (const name of others) expect((await run.member(name))?.syncsHit).toBeGreaterThan(0);
    expect((await run.status()).faults.map(({ id }) => id)).toEqual(
      slow.flatMap(({ faults }) => faults.map(({ id }) => id)),
    );
    await run.do('heal', '--all');
    const hits = (await run.member(others[0] ?? ''))?.syncsHit;
    expect(await put(leader, 'fast')).toBe(true);
    expect((await run.member(others[0] ?? ''))?.syncsHit).toBe(hits);
  });

  it('that fails ends the member, again after a start, until it is healed', async () => {
    const leader = (await run.leader()) ?? '';
    const name = run.names.find((one) => one !== leader) ?? '';
    await run.do('disk', name, '--fail', 'EIO');
    expect(await put(leader, 'failing')).toBe(true);
    await run.until(`${name} has ended`, async () => (await process(name)).state === 'stopped');
    expect((await process(name)).exit).toEqual({ code: 1, signal: null });
    expect(run.output).toContain('EIO: i/o error, fdatasync');
    await run.control('start', name);
    await run.until(`${name} has ended again`, async () => (await process(name)).state === 'stopped');
    await run.do('heal', '--all');
    await run.until('all agree', () => run.agrees());
  });
});

describe('clusterctl fault', () => {
  const cli = async (...args: readonly string[]) => {
    const environment = {
      PATH: globalThis.process.env['PATH'],
      XDG_RUNTIME_DIR: run.folder,
      XDG_STATE_HOME: run.folder,
    };
    const program = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');
    try {
      const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: run.folder, env: environment });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  };

  it('says what has happened, as text or as JSON, and what is active', async () => {
    const cut = await cli('fault', 'partition', '--isolate', 'leader');
    expect([cut.code, cut.stderr]).toEqual([0, '']);
    expect(cut.stdout).toMatch(/^f\d+: etcd\d is cut off from etcd\d, etcd\d \(after \d+ ms\)\n$/);
    const paused = await cli('fault', 'pause', 'idle', '--json');
    expect(JSON.parse(paused.stdout)).toMatchObject({
      faults: [{ command: 'pause idle', targets: ['idle'], links: [] }],
    });
    const list = await cli('fault', 'list');
    expect(list.stdout).toMatch(/^ID +SINCE +SHOWN +FAULT\nf\d+ +[\d:.]+ +after \d+ ms +etcd\d is cut off from /);
    expect((await cli('run', 'status')).stdout).toMatch(
      /^\*etcd1\n\*etcd2\n\*etcd3\n\*idle \(paused\)\nfault f\d+: etcd/,
    );
    expect((await cli('status')).stdout).toMatch(/^idle +paused .*\nfault f\d+: etcd\d is cut off/m);
    const healed = await cli('fault', 'heal', '--all');
    expect(healed.stdout).toMatch(/^f\d+ healed: etcd.*\nf\d+ healed: idle is paused \(SIGSTOP\)\n$/);
    expect((await cli('fault', 'list')).stdout).toBe('no fault is active\n');
  });

  it('says what is possible, with exit code 2 for words and 1 for what cannot be done', async () => {
    expect(await cli('fault', 'partition')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^clusterctl: fault partition: say how; there are --isolate, /),
    });
    expect(await cli('fault', 'kill', 'nobody')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'clusterctl: fault kill: there is no process nobody (processes: etcd1, etcd2, etcd3, idle; or leader, follower, random)\n',
    });
    expect(await cli('fault', 'partition', '--isolate', 'idle')).toMatchObject({
      code: 1,
      stderr: 'clusterctl: fault partition: idle is no etcd (etcds: etcd1, etcd2, etcd3)\n',
    });
    expect(await cli('fault', 'heal', 'f99')).toMatchObject({ code: 1 });
  });
});

describe('the end of a run', () => {
  it('heals what is left, waits for nobody who is paused, and leaves no socket behind', async () => {
    await run.inject('partition', '--isolate', 'leader');
    await run.inject('pause', 'follower');
    await run.inject('kill', 'idle');
    const startMs = performance.now();
    expect(await run.stop()).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    const left = readdirSync(join(run.folder, 'clusterctl'));
    expect(left.filter((name) => !name.endsWith('-logs'))).toEqual([]);
  });
});

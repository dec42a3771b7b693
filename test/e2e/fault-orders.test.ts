/** Orders that meet members which are down, paused or coming back, orders that meet each other, and orders that nobody hears. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FaultRun } from '../support/fault-run.ts';

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 3 });
});
afterAll(() => run.close());
// Whatever a test has left: all are there again, and agree.
afterEach(async () => {
  await run.do('heal', '--all');
  for (const { name, state } of (await run.status()).processes)
    if (state === 'stopped') await run.control('start', name);
  await run.until('all agree', () => run.agrees());
});

async function activeCommands(): Promise<string[]> {
  return (await run.status()).faults.map(({ command }) => command);
}

describe('a member that is down', () => {
  // Goes first: later ones have learnt from orders who is who.
  it('since before the first order keeps nobody from cutting off another', async () => {
    await run.control('stop', 'etcd3');
    await run.until('another leads, if it led', async () => (await run.leader()) !== null);
    const fault = await run.inject('partition', '--isolate', 'etcd1');
    expect(fault.text).toBe('etcd1 is cut off from etcd2, etcd3');
    await run.do('heal', '--all');
  });

  it('can be restarted and cut off, and nothing else', async () => {
    await run.inject('kill', 'etcd1');
    await run.until('another leads, if it led', async () => ![null, 'etcd1'].includes(await run.leader()));
    for (const verb of ['kill', 'stop', 'pause']) expect(await run.refusal(verb, 'etcd1')).toBe('etcd1 does not run');
    expect(await run.refusal('move-leader', 'etcd1')).toBe('etcd1 does not run');
    expect(await run.refusal('resume', 'etcd1')).toBe('etcd1 is not paused (nobody is)');
    expect(await activeCommands()).toEqual(['kill etcd1']);
    const { text } = await run.do('partition', '--isolate', 'etcd1');
    expect(text).toMatch(/^f\d+: etcd1 is cut off from etcd2, etcd3 \(not seen to take effect yet: /);
    await run.do('restart', 'etcd1'); // which undoes the kill
    expect(await activeCommands()).toEqual(['partition --isolate etcd1']);
    await run.until('it hears nobody', async () => (await run.member('etcd1'))?.leader === '0');
  });

  it('is not down for a fault any more once somebody else has started it', async () => {
    const { id } = await run.inject('stop', 'etcd2');
    await run.control('start', 'etcd2');
    expect(await activeCommands()).toEqual([]);
    expect((await run.do('heal', id)).text).toBe(`${id} was healed already`);
  });
});

describe('a member that is paused', () => {
  it('can be cut off, and is when it goes on', async () => {
    await run.inject('pause', 'etcd3');
    expect(await run.refusal('pause', 'etcd3')).toBe('etcd3 is paused already');
    const [fault] = (await run.do('partition', '--isolate', 'etcd3')).faults;
    expect(fault?.links).toHaveLength(4);
    await run.do('resume', 'etcd3');
    await run.until('it hears nobody', async () => (await run.member('etcd3'))?.leader === '0');
    expect(await activeCommands()).toEqual(['partition --isolate etcd3']);
  });
});

describe('a member that is restarted', () => {
  it('stays cut off until the heal, which does no harm twice', async () => {
    const { id } = await run.inject('partition', '--isolate', 'etcd2');
    await run.control('restart', 'etcd2');
    await run.until('it is back', async () => (await run.member('etcd2')) !== null);
    expect((await run.member('etcd2'))?.leader).toBe('0');
    expect((await run.do('heal', id)).text).toBe(`${id} healed: etcd2 is cut off from etcd1, etcd3`);
    expect((await run.do('heal', id)).text).toBe(`${id} was healed already`);
    expect((await run.do('heal', '--all')).text).toBe('no fault is active');
  });
});

describe('orders that meet', () => {
  it('are carried out one after the other, and a heal leaves nothing of those before it', async () => {
    const orders = [
      run.order('partition', '--isolate', 'leader'),
      run.order('delay', '20ms'),
      run.order('pause', 'follower'),
      run.order('loss', '1%', '--member', 'etcd1'),
      run.order('heal', '--all'),
    ];
    const replies = await Promise.all(orders);
    expect(replies.every((reply) => reply.ok)).toBe(true);
    const ids = replies
      .slice(0, 4)
      .flatMap((reply) => (reply.ok ? (reply.fault?.faults ?? []) : []).map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
    expect(await activeCommands()).toEqual([]);
    expect((await run.status()).processes.map(({ paused }) => paused)).toEqual([false, false, false]);
  });

  it('for the leader mean who leads when their turn comes', async () => {
    const replies = await Promise.all([run.order('kill', 'leader'), run.order('kill', 'leader')]);
    const killed = replies.flatMap((reply) => (reply.ok ? (reply.fault?.faults[0]?.targets ?? []) : []));
    expect(new Set(killed).size).toBe(killed.length);
    // The second either finds the next leader, or that there is none yet.
    const refusals = replies.flatMap((reply) => (reply.ok ? [] : [reply.error]));
    for (const refusal of refusals) expect(refusal).toBe('no member leads now: wait for an election, or name a member');
    expect(await activeCommands()).toEqual(killed.map((name) => `kill ${name}`));
  });
});

describe('an order without a supervisor', () => {
  it('fails, and says that nobody runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'clusterctl-nobody-'));
    const program = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');
    const env = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: folder };
    for (const args of [['fault', 'kill', 'leader'], ['fault', 'heal', '--all'], ['timeline'], ['events']]) {
      const asked = promisify(execFile)(program, [...args, '--state-dir', folder], { cwd: folder, env });
      await expect(asked).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^clusterctl: no supervisor runs /),
      });
    }
    rmSync(folder, { recursive: true, force: true });
  });
});

/** Faults on the links of a real cluster of three: what is cut, and what the members make of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { FaultRun } from '../support/fault-run.ts';
import { agreesSoon, arriveOn, provesEachLink, survivesLateMessages } from '../support/link-table.ts';

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 3 });
});
afterAll(() => run.close());

async function put(name: string, key: string, deadlineMs: number): Promise<boolean> {
  const client = new TestClient(run.clientUrl(name));
  const outcome = await client.put(key, 'x', deadlineMs);
  client.close();
  return outcome.ok;
}

describe('each directed link of three members', () => {
  it('is cut alone, as probes on all links show, and healed', () => provesEachLink(run));
});

describe('a leader that is cut off', () => {
  it('steps down, a majority elects another, its writes are not acknowledged, and all agree after the heal', async () => {
    const leader = (await run.leader()) ?? '';
    const others = run.names.filter((name) => name !== leader);
    const before = await run.member(leader);
    const fault = await run.inject('partition', '--isolate', 'leader');
    expect(fault.targets).toEqual([leader]);
    expect(fault.links).toHaveLength(4);
    const refused = [1, 2, 3].map((at) => put(leader, `minority${at}`, 3_000));

    await run.until('the majority has a leader', async () => {
      const next = await run.leader();
      return next !== null && others.includes(next);
    });
    expect((await run.member((await run.leader()) ?? ''))?.term).toBeGreaterThan(before?.term ?? 0);
    await run.until('the old leader steps down', async () => (await run.member(leader))?.role !== 'leader');
    for (const name of others) expect(await put(name, `majority ${name}`, 10_000)).toBe(true);
    expect(await Promise.all(refused)).toEqual([false, false, false]);
    expect(await put(leader, 'minority4', 500)).toBe(false);

    await run.do('heal', fault.id);
    await agreesSoon(run, '--isolate', await run.until('all agree', () => run.agrees()));
    expect(await put(leader, 'after', 10_000)).toBe(true);
  });

  it('in one direction: one that is not heard is replaced, and so is one that does not hear', async () => {
    for (const flag of ['--leader-outbound', '--leader-inbound']) {
      const leader = await run.leader();
      const fault = await run.inject('partition', flag);
      expect(fault.targets).toEqual([leader]);
      await run.until(`another leads under ${flag}`, async () => {
        const next = await run.leader();
        return next !== null && next !== leader;
      });
      await run.do('heal', '--all');
      await run.until('all agree', () => run.agrees());
    }
  });
});

describe('what a cut does to messages', () => {
  it('is to hold them: thousands arrive late, those of an old term too, and all agree as soon as ever', () =>
    survivesLateMessages(run));

  it('shows in its counters: heartbeats that were held arrive late, at their receiver too', async () => {
    const leader = (await run.leader()) ?? '';
    const follower = run.names.find((name) => name !== leader) ?? '';
    const [from, to] = [await run.member(leader), await run.member(follower)];
    const out = async () => (await run.member(leader))?.links.find(({ peer }) => peer === to?.memberId);
    const arrived = async () => (await run.member(follower))?.links.find(({ peer }) => peer === from?.memberId);
    const fault = await run.inject('partition', '--link', `${leader}>${follower}`, '--messages', 'MsgHeartbeat');
    await run.until('heartbeats are held', async () => ((await out())?.outHeld ?? 0) >= 10);
    const [held, before] = [await out(), await arrived()];
    await run.do('heal', fault.id);
    await run.until('they go on', async () => ((await out())?.outLate ?? 0) >= (held?.outLate ?? 0) + 10);
    expect((await out())?.outHeld).toBe(0);
    await run.until('they arrive', async () => ((await arrived())?.inPassed ?? 0) >= (before?.inPassed ?? 0) + 10);
    await run.until('all agree', () => run.agrees());
  });

  it('or to lose them, silently or with notice', async () => {
    const [a = '', b = ''] = run.names;
    const linkOf = async () => {
      const to = (await run.member(b))?.memberId;
      return (await run.member(a))?.links.find(({ peer }) => peer === to);
    };
    for (const mode of ['drop', 'reset']) {
      const before = await linkOf();
      const fault = await run.inject('partition', '--link', `${a}>${b}`, '--mode', mode);
      expect(fault.command).toBe(`partition --link '${a}>${b}' --mode ${mode}`);
      await run.do('heal', fault.id);
      await run.until('all agree', () => run.agrees());
      expect(await linkOf()).toMatchObject({ outHeld: 0, outLate: before?.outLate });
    }
  });
});

describe('a member that restarts while it is cut off', () => {
  it('says and hears nothing before the fault holds for it again', async () => {
    const fault = await run.inject('partition', '--isolate', 'follower');
    const [name = ''] = fault.targets;
    await run.control('restart', name);
    await run.until(`${name} is back`, async () => (await run.member(name)) !== null);
    await run.until('it tries to speak', async () => {
      const links = (await run.member(name))?.links ?? [];
      return links.length > 0 && links.every((link) => link.outHit > 0);
    });
    for (const link of (await run.member(name))?.links ?? []) {
      expect({ ...link, outHit: 0, inHit: 0, rttMs: null }).toEqual({
        peer: link.peer,
        active: false,
        rttMs: null,
        outPassed: 0,
        outHit: 0,
        inPassed: 0,
        inHit: 0,
        inProbes: 0,
        outHeld: link.outHeld,
        inHeld: 0,
        outLate: 0,
        inLate: 0,
        outOverflowed: 0,
        inOverflowed: 0,
      });
    }
    await run.do('heal', fault.id);
    await run.until('all agree', () => run.agrees());
  });
});

describe('several faults', () => {
  it('hold together, and healing one leaves the others', async () => {
    const [a = '', b = '', c = ''] = run.names;
    const cut = await run.inject('partition', '--link', `${a}>${b}`);
    const both = await run.inject('partition', '--link', `${a}=${b}`);
    const slow = await run.inject('delay', '20ms±10ms', '--member', c);
    const all = [`${a}>${b}`, `${b}>${a}`, `${a}>${c}`, `${c}>${a}`, `${b}>${c}`, `${c}>${b}`];
    const without = (...gone: readonly string[]) => all.filter((link) => !gone.includes(link));
    await arriveOn(run, without(`${a}>${b}`, `${b}>${a}`), [`${a}>${b}`, `${b}>${a}`]);
    await run.do('heal', both.id);
    await arriveOn(run, without(`${a}>${b}`), [`${a}>${b}`]);
    expect((await run.do('list')).faults.map(({ id }) => id)).toEqual([cut.id, slow.id]);
    expect((await run.status()).faults.map(({ command }) => command)).toEqual([
      `partition --link '${a}>${b}'`,
      `delay 20ms±10ms --member ${c}`,
    ]);
    const healedFrom = performance.now();
    expect((await run.do('heal', '--all')).faults).toHaveLength(2);
    console.log(`two faults healed after ${Math.round(performance.now() - healedFrom)} ms`);
    expect((await run.do('heal', '--all')).text).toBe('no fault is active');
    expect((await run.do('heal', cut.id)).text).toBe(`${cut.id} was healed already`);
    await arriveOn(run, all, []);
  });

  it('can be about some messages, or lose few', async () => {
    const appends = await run.inject('partition', '--isolate', 'follower', '--messages', 'MsgApp,MsgAppResp');
    expect(appends.text).toMatch(/^etcd\d is cut off from etcd\d, etcd\d \(MsgApp, MsgAppResp only\)$/);
    const loss = await run.inject('loss', '30%');
    expect(loss.text).toBe('all links: losing 30% of all messages');
    await run.do('heal', '--all');
    await run.until('all agree', () => run.agrees());
  });
});

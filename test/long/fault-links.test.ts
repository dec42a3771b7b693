/** The truth table of links for five members, and a partition of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { FaultRun } from '../support/fault-run.ts';
import { agreesSoon, provesEachLink, survivesLateMessages } from '../support/link-table.ts';

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 5 });
});
afterAll(() => run.close());

describe('five members', () => {
  it('have twenty directed links, each of which is cut alone and healed', () => provesEachLink(run));

  it('are not harmed by thousands of messages that come late', () => survivesLateMessages(run));

  it('go on without a leader that is left in the minority, and agree after the heal', async () => {
    const leader = (await run.leader()) ?? '';
    const fault = await run.inject('partition', '--minority');
    expect(fault.links).toHaveLength(12);
    const minority = new Set(fault.command.split(' ').at(-1)?.split(','));
    expect([minority.size, minority.has(leader)]).toEqual([2, true]);
    await run.until('the majority has a leader', async () => !minority.has((await run.leader()) ?? leader));
    await run.until('the old leader steps down', async () => (await run.member(leader))?.role !== 'leader');
    const next = (await run.leader()) ?? '';
    const [inside, outside] = [new TestClient(run.clientUrl(leader)), new TestClient(run.clientUrl(next))];
    expect((await outside.put('key', 'majority', 10_000)).ok).toBe(true);
    expect((await inside.put('key', 'minority', 1_000)).ok).toBe(false);
    inside.close();
    outside.close();
    await run.do('heal', '--all');
    await agreesSoon(run, '--minority', await run.until('all agree', () => run.agrees()));
  });
});

/** The truth table of links: each direction is cut alone, a probe on every link shows that it is, and that it is whole again. */
import { expect } from 'vitest';
import { directedLinks, type FaultRun } from './fault-run.ts';

/** As long as it may take until a cut holds, as the members' counters show, and until a heal does. */
const cutMs = 50;
const healMs = 100;
/** From a heal to the moment when all follow one leader and have applied the same. */
const agreeMs = 500;
/** A machine with other things to do is late now and then, but not for all of these in a row. */
const triesMax = 8;

export async function provesEachLink(run: FaultRun): Promise<void> {
  const all = directedLinks(run.names).map(([from, to]) => `${from}>${to}`);
  const took: { readonly link: string; readonly cut: number; readonly heal: number }[] = [];
  for (const link of all) {
    let best = { link, cut: Number.POSITIVE_INFINITY, heal: Number.POSITIVE_INFINITY };
    for (let tries = 0; tries < triesMax && (best.cut >= cutMs || best.heal >= healMs); tries++) {
      const once = await provesOnce(run, link, all);
      best = { link, cut: Math.min(best.cut, once.cut), heal: Math.min(best.heal, once.heal) };
    }
    took.push(best);
  }
  console.log(
    `ms to cut, heal: ${took.map(({ link, cut, heal }) => `${link} ${cut}, ${Math.round(heal)}`).join('; ')}`,
  );
  for (const { link, cut, heal } of took) {
    expect(cut, link).toBeLessThan(cutMs);
    expect(heal, link).toBeLessThan(healMs);
  }
}

async function provesOnce(
  run: FaultRun,
  link: string,
  all: readonly string[],
): Promise<{ readonly cut: number; readonly heal: number }> {
  const { id, tookMs } = await run.inject('partition', '--link', link);
  await arriveOn(
    run,
    all.filter((one) => one !== link),
    [link],
  );
  const healedFrom = performance.now();
  await run.do('heal', id);
  const heal = performance.now() - healedFrom;
  await arriveOn(run, all, []);
  return { cut: tookMs, heal };
}

/** So many messages wait on every link of a member that is cut off. */
const heldMin = 3_000;
/** What was on its way when the cut came is held where it arrives. */
const underWayMax = 10;

/** The leader is cut off, thousands of messages wait to and from it; they come late, all at once, and nobody is harmed. */
export async function survivesLateMessages(run: FaultRun): Promise<void> {
  let best = { heal: Number.POSITIVE_INFINITY, agree: Number.POSITIVE_INFINITY };
  for (let tries = 0; tries < triesMax && (best.heal >= healMs || best.agree >= agreeMs); tries++) {
    const leader = (await run.leader()) ?? '';
    const { id } = await run.inject('partition', '--isolate', leader);
    await run.until('another leads', async () => ![null, leader].includes(await run.leader()));
    await run.probeAll(heldMin);
    const before = await run.member(leader);
    const term = Math.max(...[...(await run.members()).values()].map((one) => one.term));
    for (const { outHeld, inHeld } of before?.links ?? []) {
      expect(outHeld).toBeGreaterThanOrEqual(heldMin);
      expect(inHeld).toBeLessThan(underWayMax);
    }
    const healedFrom = performance.now();
    await run.do('heal', id);
    const heal = performance.now() - healedFrom;
    const agree = await run.until('all agree', () => run.agrees());
    for (const link of before?.links ?? []) {
      await run.until('what was held arrives', async () => {
        const now = (await run.member(leader))?.links.find(({ peer }) => peer === link.peer);
        return (
          now?.outHeld === 0 && now.outLate >= link.outLate + link.outHeld && now.inProbes >= link.inProbes + heldMin
        );
      });
    }
    // Heartbeats of the old term among them changed nothing.
    expect(Math.max(...[...(await run.members()).values()].map((one) => one.term))).toBe(term);
    best = { heal: Math.min(best.heal, heal), agree: Math.min(best.agree, agree) };
  }
  console.log(`held messages: healed after ${Math.round(best.heal)} ms, all agree ${Math.round(best.agree)} ms later`);
  expect(best.heal).toBeLessThan(healMs);
  expect(best.agree).toBeLessThan(agreeMs);
}

/** `tookMs` is what the first heal took; if it was too long, it is done again. */
export async function agreesSoon(run: FaultRun, flag: '--isolate' | '--minority', tookMs: number): Promise<void> {
  let best = tookMs;
  for (let tries = 1; tries < triesMax && best >= agreeMs; tries++) {
    const leader = await run.leader();
    await run.inject('partition', ...(flag === '--isolate' ? [flag, 'leader'] : [flag]));
    await run.until('another leads', async () => ![null, leader].includes(await run.leader()));
    await run.do('heal', '--all');
    best = Math.min(best, await run.until('all agree', () => run.agrees()));
  }
  console.log(`all agree ${Math.round(best)} ms after the heal`);
  expect(best).toBeLessThan(agreeMs);
}

/** Sends probes on all links: they come through those that are whole, and not through those that are cut. */
export async function arriveOn(run: FaultRun, whole: readonly string[], cut: readonly string[]): Promise<void> {
  const before = await run.probes();
  await run.probeAll();
  const arrived = async () => {
    const now = await run.probes();
    return (link: string) => (now.get(link) ?? 0) > (before.get(link) ?? 0);
  };
  await run.until(`probes arrive on ${whole.join(' ')}`, async () => whole.every(await arrived()));
  expect(cut.filter(await arrived())).toEqual([]);
}

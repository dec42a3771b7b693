/** The truth table of links: each direction is cut alone, a probe on every link shows that it is, and that it is whole again. */
import { expect } from 'vitest';
import { directedLinks, type FaultRun, median } from './fault-run.ts';

/** As long as a cut may take to hold, and a heal; of the median, for the machine that runs tests has other things to do. */
const cutMs = 50;
const healMs = 100;

export async function provesEachLink(run: FaultRun): Promise<void> {
  const cuts: number[] = [];
  const heals: number[] = [];
  const links = directedLinks(run.names);
  for (const [from, to] of links) {
    const link = `${from}>${to}`;
    const cut = await run.inject('partition', '--link', link);
    cuts.push(cut.tookMs);
    await arriveOn(
      run,
      links.map(([a, b]) => `${a}>${b}`).filter((one) => one !== link),
      [link],
    );
    const healedFrom = performance.now();
    await run.do('heal', cut.id);
    heals.push(performance.now() - healedFrom);
    await arriveOn(
      run,
      links.map(([a, b]) => `${a}>${b}`),
      [],
    );
  }
  console.log(
    `${links.length} links: cut after ${cuts.join(', ')} ms; healed after ${heals.map(Math.round).join(', ')} ms`,
  );
  expect(median(cuts)).toBeLessThan(cutMs);
  expect(median(heals)).toBeLessThan(healMs);
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

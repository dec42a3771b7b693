/**
 * Kills single members and whole clusters, again and again, at random moments under write load, while clients keep leases alive. The seed and the number of kills can
 * be given: DURABILITY_SEED, DURABILITY_KILLS (200).
 */
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { LeaseLoad } from '../support/lease-load.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const seed = Number(process.env['DURABILITY_SEED'] ?? 20_261_122);
const kills = Number(process.env['DURABILITY_KILLS'] ?? 200);
/** Acknowledgements are compared with what is stored after this many kills, and at the end. */
const killsPerCheck = 20;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe(`durability, seed ${seed}`, () => {
  it(`finds every acknowledged write after ${kills} kills`, async () => {
    const random = seededRandom(seed);
    const cluster = await TestCluster.start({ binaries: Array(3).fill(bundledEtcd) });
    closers.push(() => cluster.close());
    const endpoints = cluster.members.map((member) => member.clientUrl);
    const load = new WriteLoad(endpoints, 6);
    closers.push(() => load.close());
    const leases = new LeaseLoad(endpoints, 2);
    closers.push(() => leases.close());
    let acknowledgedBefore = 0;
    for (let killed = 0; killed < kills; ) {
      await load.acknowledges(1 + random.below(60));
      const victims = random.below(4) === 0 ? cluster.members : [cluster.member(random.below(3))];
      await Promise.all(victims.map((member) => member.kill('SIGKILL')));
      // Sometimes the others go on without them for a while, sometimes a second member dies before the first is back.
      if (victims.length === 1 && random.below(2) === 0) await load.acknowledges(10);
      await Promise.all(victims.map((member) => member.start().ready));
      const before = Math.floor(killed / killsPerCheck);
      killed += victims.length;
      if (Math.floor(killed / killsPerCheck) > before || killed >= kills) {
        await load.acknowledges(1);
        for (const endpoint of endpoints) {
          const violations = await load.violations(endpoint);
          // A key may be written between its acknowledgement being read here and its value: only losses count while writers run.
          expect(violations.filter((violation) => violation.includes('acknowledged'))).toEqual([]);
        }
        expect(load.acknowledgedWrites).toBeGreaterThan(acknowledgedBefore);
        acknowledgedBefore = load.acknowledgedWrites;
      }
    }
    await load.stop();
    await leases.end();
    expect(leases.violations).toEqual([]);
    expect(leases.renewals).toBeGreaterThan(kills / 4);
    for (const endpoint of endpoints) expect(await load.violations(endpoint)).toEqual([]);
    expect(new Set(await hashesOf(endpoints)).size).toBe(1);
  }, 600_000);
});

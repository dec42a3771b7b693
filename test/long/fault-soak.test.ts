/**
 * Random faults upon faults, on members that are written to and that keep leases: nothing acknowledged is lost, no lease ends too early,
 * everything heals, and the cluster agrees. The seed and the seconds can be given.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { FaultRun } from '../support/fault-run.ts';
import { LeaseLoad } from '../support/lease-load.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';

const seed = Number(process.env['FAULT_SEED'] ?? 7);
const seconds = Number(process.env['FAULT_SECONDS'] ?? 40);

const faults = [
  'kill leader',
  'kill random',
  'restart random',
  'stop random',
  'pause leader',
  'pause random',
  'move-leader',
  'partition --isolate leader',
  'partition --isolate random',
  'partition --halves',
  'partition --bridge random',
  'partition --link leader>follower',
  'partition --leader-outbound',
  'partition --leader-inbound',
  'partition --minority --mode reset',
  'partition --isolate follower --messages MsgApp',
  'delay 40ms±30ms --member random',
  'loss 20%',
  'disk leader --slow 60ms',
  'disk random --fail EIO',
];
/** More at a time would leave no cluster to speak of for most of the time. */
const activeMax = 3;

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 3 });
});
afterAll(() => run.close());

it(`holds what it acknowledged through ${seconds} s of faults (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const urls = run.names.map((name) => run.clientUrl(name));
  const load = new WriteLoad(urls, 6);
  await load.acknowledges(50);
  const leases = new LeaseLoad(urls, 4);
  await leases.renews(4);
  const done: string[] = [];
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) {
    const { faults: active } = await run.status();
    const isFull = active.length >= activeMax;
    const victim = active[active.length === 0 ? 0 : random.below(active.length)];
    const line =
      isFull || random.below(3) === 0 ? `heal ${victim?.id ?? '--all'}` : (faults[random.below(faults.length)] ?? '');
    const reply = await run.order(...line.split(' '));
    done.push(`${line}: ${reply.ok ? reply.fault?.text : reply.error}`);
    if (random.below(4) === 0) await new Promise((next) => setTimeout(next, random.below(1_500)));
  }
  await run.do('heal', '--all');
  expect((await run.status()).faults).toEqual([]);
  // Whom a failing disk has ended after it had been killed and started, nobody but this test starts again.
  for (const name of run.names) await run.control('start', name);
  const before = load.acknowledgedWrites;
  await load.acknowledges(50);
  await load.stop();
  await leases.renews(4);
  await leases.end();
  leases.close();
  expect(leases.violations, done.join('\n')).toEqual([]);
  await run.until('all agree', () => run.agrees());
  for (const url of urls) expect(await load.violations(url), done.join('\n')).toEqual([]);
  expect(new Set(await hashesOf(urls)).size).toBe(1);
  console.log(`${done.length} orders, ${before} writes and ${leases.renewals} renewals acknowledged under them`);
});

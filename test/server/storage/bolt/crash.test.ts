/** What a commit promises, on a disk that may forget everything that was not synced. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb, type BoltOptions } from '../../../../src/server/storage/bolt/db.ts';
import { SimDisk, type SimDiskOptions } from '../../../../src/sim/disk.ts';
import { act, contentOf, copyModel, emptyModel, type ModelBucket, printModel, smallHabits } from './model.ts';

const path = '/data/db';
const options: BoltOptions = { pageSize: 1024, cacheBytesMax: 32_768 };
const commitsPerEra = 5;

type Verdict = { readonly type: 'kept' } | { readonly type: 'broken'; readonly what: string };

interface Life {
  readonly verdict: Verdict;
  /** Disk operations that changed something. */
  readonly operations: number;
}

/** States that a reopened database may show: the last that was acknowledged, or the one in flight. */
interface Expected {
  states: ModelBucket[];
}

/** Lives through as many eras as there are crashes plus one; in each, the power fails at that operation of the era. */
async function live(seed: number, crashes: readonly number[], diskOptions: SimDiskOptions = {}): Promise<Life> {
  const random = seededRandom(seed);
  const diskSeed = seed * 7919 + crashes.reduce((sum, at) => sum * 31 + at, 1);
  const disk = new SimDisk(seededRandom(diskSeed), diskOptions);
  await disk.makeDirectory('/data');
  await disk.syncDirectory('/');
  const expected: Expected = { states: [emptyModel()] };
  for (const crash of [...crashes, null]) {
    const begun = disk.operations;
    if (crash !== null) disk.crashAt(begun + crash);
    const verdict = await era(disk, expected, () => random.below(2 ** 31));
    if (verdict.type === 'broken') return { verdict, operations: disk.operations - begun };
    if (crash === null) {
      const operations = disk.operations - begun;
      disk.crash();
      disk.restart();
      return { verdict: await judge(disk, expected), operations };
    }
    disk.crash();
    disk.restart();
  }
  return { verdict: { type: 'kept' }, operations: disk.operations };
}

/** Opens, judges what is found, and commits until the power fails. */
async function era(disk: SimDisk, expected: Expected, seed: () => number): Promise<Verdict> {
  const found = await openAndJudge(disk, expected);
  if (found.type !== 'kept') return found.type === 'down' ? { type: 'kept' } : found;
  const { db, random } = { db: found.db, random: seededRandom(seed()) };
  for (let commit = 0; commit < commitsPerEra; commit++) {
    const [state = emptyModel()] = expected.states;
    const next = copyModel(state);
    try {
      const tx = db.beginWrite();
      await act(tx, next, random, 12, { ...smallHabits, keys: 150 });
      expected.states = [state, next];
      await tx.commit();
      expected.states = [next];
    } catch {
      break;
    }
  }
  await db.close().catch(() => undefined);
  return { type: 'kept' };
}

type Found =
  | { readonly type: 'kept'; readonly db: BoltDb }
  | { readonly type: 'down' }
  | { readonly type: 'broken'; readonly what: string };

async function openAndJudge(disk: SimDisk, expected: Expected): Promise<Found> {
  try {
    const db = await BoltDb.open(disk, path, options);
    const content = await db.read((tx) => contentOf(tx.root));
    const problems = await check(db);
    if (problems.length > 0) return { type: 'broken', what: problems.join('; ') };
    const text = printModel(content);
    const state = expected.states.find((one) => printModel(one) === text);
    if (state === undefined) return { type: 'broken', what: 'neither the last state nor the one in flight' };
    expected.states = [state];
    return { type: 'kept', db };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return what.includes('the machine') ? { type: 'down' } : { type: 'broken', what };
  }
}

async function judge(disk: SimDisk, expected: Expected): Promise<Verdict> {
  const found = await openAndJudge(disk, expected);
  if (found.type === 'broken') return found;
  if (found.type === 'kept') await found.db.close();
  return { type: 'kept' };
}

describe('a database whose machine loses power', () => {
  it.each([1, 2, 3, 4])(
    'shows the last commit or the one in flight, wherever the power fails (seed %i)',
    async (seed) => {
      const { operations, verdict } = await live(seed, []);
      expect(verdict).toEqual({ type: 'kept' });
      expect(operations).toBeGreaterThan(25);
      for (let at = 0; at < operations; at++) {
        expect((await live(seed, [at])).verdict, `power failed at operation ${at}`).toEqual({ type: 'kept' });
      }
    },
  );

  it('does so through a row of crashes, also while it opens', async () => {
    for (let seed = 100; seed < 120; seed++) {
      const crashes = [seed % 6, 8 + (seed % 30), seed % 9, seed % 40, 3 + (seed % 50)];
      expect((await live(seed, crashes)).verdict, `seed ${seed}`).toEqual({ type: 'kept' });
    }
  });

  it('would be caught if it did not sync: on a disk that ignores syncs the same check finds a broken state', async () => {
    let broken = 0;
    for (let at = 8; at < 60; at += 2) {
      if ((await live(1, [at], { ignoresSync: true })).verdict.type === 'broken') broken++;
    }
    expect(broken).toBeGreaterThan(5);
  });
});

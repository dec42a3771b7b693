/** What reads show, at every moment between two commits, whatever the engine does meanwhile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import type { Backend } from '../../../../src/server/storage/backend/backend.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { contentOf, copyOf, openOn, put, text } from './backends.ts';

/** Pages of 1 KiB and room for a few of them: most of what is read is not at hand. */
const options = { pageSize: 1024, cacheBytesMax: 6 * 1024, batchLimit: 40 };

async function slowDisk(random: ReturnType<typeof seededRandom>): Promise<SimDisk> {
  const delay = async () => {
    for (let turns = random.below(6); turns > 0; turns--) await Promise.resolve();
  };
  const disk = new SimDisk(random, { delay });
  await disk.makeDirectory('/data');
  return disk;
}

type Model = Record<string, string>;

function sorted(model: Model): [string, string][] {
  return Object.entries(model).sort(([a], [b]) => (a < b ? -1 : 1));
}

function pairsFrom(backend: Backend, from: string, count: number): [string, string][] {
  const cursor = backend.seek('key', Buffer.from(from));
  const pairs: [string, string][] = [];
  while (pairs.length < count && cursor.next()) pairs.push([text(cursor.key), text(cursor.value)]);
  return pairs;
}

/** Of `index` or later, and whole. */
async function compareSnapshot(
  backend: Backend,
  states: Map<number, [string, string][]>,
  index: number,
): Promise<void> {
  const snapshot = await backend.snapshot();
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks()) chunks.push(chunk);
  snapshot.release();
  const copy = await copyOf(chunks);
  expect(copy.index).toBeGreaterThanOrEqual(index);
  expect(Object.entries(copy.content.key ?? {})).toEqual(states.get(copy.index));
}

async function compareThroughout(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const later = async (callback: () => void) => {
    for (let turns = random.below(400); turns > 0; turns--) await Promise.resolve();
    callback();
  };
  const defer = (callback: () => void) => void later(callback);
  const { backend } = await openOn(await slowDisk(random), { ...options, defer });
  const model: Model = {};
  const states = new Map<number, [string, string][]>([[0, []]]);
  const asked: Promise<unknown>[] = [];
  for (let index = 1; index <= 50; index++) {
    for (let i = random.below(60); i > 0; i--) {
      const key = `k${String(random.below(400)).padStart(4, '0')}`;
      if (random.below(3) === 0) {
        backend.delete('key', Buffer.from(key));
        delete model[key];
      } else {
        model[key] = String(index).repeat(random.below(40) === 0 ? 800 : random.below(20));
        put(backend, 'key', key, model[key]);
      }
    }
    backend.mark(index, 1);
    states.set(index, sorted(model));
    const choice = random.below(12);
    if (choice < 3) asked.push(backend.commit());
    if (choice === 3) asked.push(backend.defragment());
    if (choice === 4) asked.push(compareSnapshot(backend, states, index));
    if (choice === 5) asked.push(backend.hash());
    for (let turns = random.below(30); turns > 0; turns--) {
      await Promise.resolve();
      const state = states.get(backend.committedIndex) ?? [];
      const from = `k${String(random.below(420)).padStart(4, '0')}`;
      const count = 1 + random.below(30);
      expect(pairsFrom(backend, from, count)).toEqual(state.filter(([key]) => key >= from).slice(0, count));
      const [key, value] = state[random.below(state.length + 1)] ?? ['nothing', '(none)'];
      expect(text(backend.get('key', Buffer.from(key)))).toBe(value);
    }
  }
  await Promise.all(asked);
  await backend.commit();
  expect(Object.entries(contentOf(backend).key ?? {})).toEqual(sorted(model));
  await backend.close();
}

describe('reads of a backend', () => {
  it('show exactly the state at the last mark that is committed, at every moment', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 30 }), compareThroughout);
    await fc.assert(property, { numRuns: 12 });
  });

  it('go through a database many times the size of the cache', async () => {
    const { backend } = await openOn(await slowDisk(seededRandom(1)), options);
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${String(i).padStart(6, '0')}`);
    for (const [i, key] of keys.entries()) {
      put(backend, 'key', key, key.repeat(i % 997 === 0 ? 1000 : 3));
      backend.mark(i + 1, 1);
    }
    await backend.commit();
    expect(backend.size()).toBeGreaterThan(100 * options.cacheBytesMax);
    expect(pairsFrom(backend, '', 30_000).map(([key]) => key)).toEqual(keys);
    for (let i = 0; i < 2000; i++) {
      const key = keys[(i * 7919) % keys.length] ?? '';
      expect(text(backend.get('key', Buffer.from(key))).startsWith(key)).toBe(true);
    }
    await backend.close();
  });
});

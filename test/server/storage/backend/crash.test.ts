/** What may be found in the file after power failed or the disk did, at every operation in turn. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { type Backend, type BucketName, bucketNames } from '../../../../src/server/storage/backend/backend.ts';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { SimDisk, type SimDiskOptions } from '../../../../src/sim/disk.ts';
import { type Content, contentOf, openOn, put } from './backends.ts';

/** A page that differed from its checksum would be a fault, whatever happened before. */
const options = { sumsPath: '/beside/db.sums', pageSize: 1024, cacheBytesMax: 16_384, batchLimit: 15 };
const stepsPerLife = 30;

interface Trouble {
  readonly type: 'crash' | 'error';
  readonly operation: number;
}

interface Life {
  /** Empty if all is well. */
  readonly fault: string;
  readonly operations: number;
}

/** The content at each mark, as text, by its index; and the last index that was said to be committed. */
interface History {
  readonly states: Map<number, string>;
  committed: number;
}

async function live(seed: number, trouble: Trouble | null, diskOptions: SimDiskOptions = {}): Promise<Life> {
  const disk = new SimDisk(seededRandom(seed * 31 + (trouble?.operation ?? 0)), diskOptions);
  await disk.makeDirectory('/data');
  await disk.makeDirectory('/beside');
  await disk.syncDirectory('/');
  const begun = disk.operations;
  if (trouble?.type === 'crash') disk.crashAt(begun + trouble.operation);
  if (trouble?.type === 'error') disk.failAt(begun + trouble.operation, 'EIO');
  const history: History = { states: new Map([[0, printed({})]]), committed: 0 };
  await work(disk, history, seed).catch((error: unknown) => {
    if (!/injected|the machine|failed|closed file/.test(String(error))) throw error;
  });
  const operations = disk.operations - begun;
  disk.crash();
  disk.restart();
  return { fault: await judge(disk, history), operations };
}

async function work(disk: SimDisk, history: History, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const { backend } = await openOn(disk, options);
  const model: Content = {};
  const asked: Promise<unknown>[] = [];
  for (let index = 1; index <= stepsPerLife; index++) {
    change(backend, model, random.below);
    backend.mark(index, 1);
    history.states.set(index, printed(model));
    const choice = random.below(20);
    if (choice < 8) asked.push(backend.commit());
    if (choice === 8) asked.push(backend.defragment());
    if (choice === 9) asked.push(backend.hash());
    if (choice === 10) asked.push(backend.snapshot().then((snapshot) => snapshot.release()));
    if (choice > 14) {
      await Promise.allSettled(asked.splice(0));
      history.committed = backend.committedIndex;
    }
  }
  await Promise.allSettled(asked);
  history.committed = backend.committedIndex;
  await backend.close();
}

function change(backend: Backend, model: Content, below: (bound: number) => number): void {
  for (let i = below(8); i >= 0; i--) {
    const name: BucketName = bucketNames[below(3)] ?? 'key';
    const key = `k${below(40)}`;
    model[name] ??= {};
    if (below(4) === 0) {
      backend.delete(name, Buffer.from(key));
      delete model[name][key];
    } else {
      const value = String(below(1000)).repeat(below(20) === 0 ? 900 : 20);
      put(backend, name, key, value);
      model[name][key] = value;
    }
  }
}

function printed(content: Content): string {
  const lines = bucketNames.map((name) => {
    const items = Object.entries(content[name] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    return `${name} ${JSON.stringify(items)}`;
  });
  return lines.join('\n');
}

async function judge(disk: SimDisk, { states, committed }: History): Promise<string> {
  const { backend } = await openOn(disk, options);
  await backend.commit();
  const { committedIndex } = backend;
  const found = printed(contentOf(backend));
  await backend.close();
  const db = await BoltDb.open(disk, '/data/db');
  const problems = await check(db);
  await db.close();
  const names = await disk.list('/data');
  if (names.length !== 1) return `left behind: ${names.join(' ')}`;
  if (problems.length > 0) return problems.join('; ');
  if (committedIndex < committed) return `index ${committedIndex}, but ${committed} was committed`;
  return states.get(committedIndex) === found ? '' : `not the state at the mark ${committedIndex}`;
}

describe('a backend whose machine fails', () => {
  it.each([1, 2])(
    'holds the state of a mark, none older than was said, wherever power fails (seed %i)',
    async (seed) => {
      const { operations, fault } = await live(seed, null);
      expect(fault).toBe('');
      expect(operations).toBeGreaterThan(40);
      for (let operation = 0; operation < operations; operation++) {
        const life = await live(seed, { type: 'crash', operation });
        expect(life.fault, `power failed at operation ${operation}`).toBe('');
      }
    },
  );

  it.each([3, 4])('does so wherever an operation fails (seed %i)', async (seed) => {
    const { operations } = await live(seed, null);
    for (let operation = 0; operation < operations; operation++) {
      const life = await live(seed, { type: 'error', operation });
      expect(life.fault, `operation ${operation} failed`).toBe('');
    }
  });

  it('would be caught if it did not sync', async () => {
    let broken = 0;
    for (let operation = 12; operation < 52; operation += 2) {
      const life = await live(1, { type: 'crash', operation }, { ignoresSync: true }).catch(() => null);
      if (life === null || life.fault !== '') broken++;
    }
    expect(broken).toBeGreaterThan(5);
  });
});

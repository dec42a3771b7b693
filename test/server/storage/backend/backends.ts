/** Backends over disks in memory, and their content as plain values. */
import type { Clock, Disk, Timer } from '../../../../src/base/ports.ts';
import { seededRandom } from '../../../../src/base/prng.ts';
import { type Backend, type BucketName, bucketNames } from '../../../../src/server/storage/backend/backend.ts';
import { type BackendOptions, openBackend } from '../../../../src/server/storage/backend/open.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

/** A clock that stands still unless it is told to go on. */
export class ManualClock implements Clock {
  private time = 0;
  private timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  monotonicMs(): number {
    return this.time;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.time + delayMs, callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((one) => one !== timer);
      },
    };
  }

  every(): Timer {
    throw new Error('nobody asks for that');
  }

  advance(ms: number): void {
    this.time += ms;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
  }
}

export async function openOn(
  disk: Disk,
  options: Partial<BackendOptions> = {},
): Promise<{ readonly backend: Backend; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const opened = await openBackend({ disk, clock, path: '/data/db', ...options });
  if (!opened.ok) throw new Error(opened.error);
  return { backend: opened.value, clock };
}

export function put(backend: Backend, bucket: BucketName, key: string, value: string): void {
  const [keyBytes, valueBytes] = [Buffer.from(key, 'latin1'), Buffer.from(value, 'latin1')];
  const writer = backend.put(bucket, keyBytes.length, valueBytes.length);
  writer.raw(keyBytes);
  writer.raw(valueBytes);
}

export type Content = Partial<Record<BucketName, Record<string, string>>>;

/** All that is committed but the index and the term. */
export function contentOf(backend: Backend): Content {
  const content: Content = {};
  for (const name of bucketNames) {
    const bucket: Record<string, string> = {};
    const cursor = backend.seek(name, Buffer.alloc(0));
    while (cursor.next()) {
      const key = text(cursor.key);
      if (key !== 'consistent_index' && key !== 'term') bucket[key] = text(cursor.value);
    }
    content[name] = bucket;
  }
  return content;
}

/** The content of a snapshot, opened as a database, and its index. */
export async function copyOf(
  chunks: readonly Uint8Array[],
): Promise<{ readonly content: Content; readonly index: number }> {
  const disk = new SimDisk(seededRandom(2));
  await disk.makeDirectory('/data');
  const file = await disk.open('/data/db', 'create');
  await file.writev(chunks, 0);
  await file.close();
  const { backend } = await openOn(disk);
  const copy = { content: contentOf(backend), index: backend.committedIndex };
  await backend.close();
  return copy;
}

export function text(bytes: Uint8Array | null): string {
  return bytes === null ? '(none)' : Buffer.from(bytes).toString('latin1');
}

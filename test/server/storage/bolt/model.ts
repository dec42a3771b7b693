/** A database's content as nested Maps, and random lives of both: whatever is done to the one is done to the other. */
import type { Random } from '../../../../src/base/ports.ts';
import type { ReadBucket } from '../../../../src/server/storage/bolt/read-tx.ts';
import type { WriteBucket } from '../../../../src/server/storage/bolt/write-bucket.ts';
import type { WriteTx } from '../../../../src/server/storage/bolt/write-tx.ts';

/** Keys and values in latin1. */
export interface ModelBucket {
  readonly items: Map<string, string | ModelBucket>;
  sequence: bigint;
}

export function emptyModel(): ModelBucket {
  return { items: new Map(), sequence: 0n };
}

export function copyModel(model: ModelBucket): ModelBucket {
  const items = [...model.items].map(
    ([key, item]) => [key, typeof item === 'string' ? item : copyModel(item)] as const,
  );
  return { items: new Map(items), sequence: model.sequence };
}

/** One text for equal content. */
export function printModel(model: ModelBucket): string {
  const items = [...model.items].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = items.map(([key, item]) => {
    const text = typeof item === 'string' ? `${item.length}:${item}` : printModel(item);
    return `${key}=${text}`;
  });
  return `{${model.sequence} ${lines.join(',')}}`;
}

type AnyBucket = Pick<ReadBucket, 'sequence' | 'scan'> & { bucket(name: Uint8Array): Promise<AnyBucket | null> };

/** What a bucket holds, in all its depth. */
export async function contentOf(bucket: AnyBucket): Promise<ModelBucket> {
  const model = { items: new Map<string, string | ModelBucket>(), sequence: bucket.sequence };
  const buckets: string[] = [];
  await bucket.scan({ from: null, to: null }, (key, value, isBucket) => {
    if (isBucket) buckets.push(latin1(key));
    else model.items.set(latin1(key), latin1(value));
    return true;
  });
  for (const name of buckets) {
    const child = await bucket.bucket(bytes(name));
    if (child === null) throw new Error(`bucket ${name} is gone`);
    model.items.set(name, await contentOf(child));
  }
  return model;
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function latin1(data: Uint8Array): string {
  return Buffer.from(data).toString('latin1');
}

/** What a random life is like. */
export interface Habits {
  readonly keys: number;
  readonly valueBytesMax: number;
  readonly buckets: readonly string[];
}

export const smallHabits: Habits = { keys: 400, valueBytesMax: 120, buckets: ['key', 'meta', 'lease'] };

/** Does `count` random things in a transaction and in the model. */
export async function act(
  tx: WriteTx,
  model: ModelBucket,
  random: Random,
  count: number,
  habits: Habits = smallHabits,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = habits.buckets[random.below(habits.buckets.length)] ?? 'key';
    const child = model.items.get(name);
    if (child !== undefined && typeof child !== 'string' && random.below(150) === 0) {
      await tx.deleteBucket(bytes(name));
      model.items.delete(name);
      continue;
    }
    const bucket = await tx.createBucketIfMissing(bytes(name));
    const modelBucket = child !== undefined && typeof child !== 'string' ? child : emptyModel();
    model.items.set(name, modelBucket);
    await actIn(bucket, modelBucket, random, habits, 2);
  }
}

async function actIn(
  bucket: WriteBucket,
  model: ModelBucket,
  random: Random,
  habits: Habits,
  depth: number,
): Promise<void> {
  const choice = random.below(100);
  if (choice < 4 && depth > 0) await actOnNested(bucket, model, random, habits, depth);
  else if (choice < 6) {
    model.sequence += 1n;
    bucket.sequence += 1n;
  } else if (choice < 60) putSome(bucket, model, random, habits);
  else if (choice < 90) deleteSome(bucket, model, random, habits);
  else if (choice < 95) {
    const key = anyKey(random, habits);
    const found = await bucket.get(bytes(key));
    const expected = model.items.get(key) ?? null;
    if ((found === null ? null : latin1(found)) !== expected) throw new Error(`${key} differs from the model`);
  } else bucket.fillPercent = random.below(2) === 0 ? 0.5 : 0.9;
}

async function actOnNested(
  bucket: WriteBucket,
  model: ModelBucket,
  random: Random,
  habits: Habits,
  depth: number,
): Promise<void> {
  const name = `nested-${random.below(3)}`;
  const existing = model.items.get(name);
  if (existing !== undefined && typeof existing !== 'string' && random.below(4) === 0) {
    await bucket.deleteBucket(bytes(name));
    model.items.delete(name);
    return;
  }
  const nested = await bucket.createBucketIfMissing(bytes(name));
  const nestedModel = existing !== undefined && typeof existing !== 'string' ? existing : emptyModel();
  model.items.set(name, nestedModel);
  for (let i = random.below(30); i > 0; i--) await actIn(nested, nestedModel, random, habits, depth - 1);
}

function putSome(bucket: WriteBucket, model: ModelBucket, random: Random, habits: Habits): void {
  const first = random.below(habits.keys);
  const count = random.below(10) === 0 ? random.below(100) : 1;
  for (let i = 0; i < count; i++) {
    const key = keyOf((first + i) % habits.keys);
    const size = random.below(60) === 0 ? random.below(30_000) : random.below(habits.valueBytesMax);
    const value = String.fromCharCode(random.below(256)).repeat(size);
    bucket.put(bytes(key), bytes(value));
    model.items.set(key, value);
  }
}

function deleteSome(bucket: WriteBucket, model: ModelBucket, random: Random, habits: Habits): void {
  const first = random.below(habits.keys);
  const count = random.below(8) === 0 ? random.below(200) : 1;
  for (let i = 0; i < count; i++) {
    const key = keyOf((first + i) % habits.keys);
    bucket.delete(bytes(key));
    model.items.delete(key);
  }
}

function anyKey(random: Random, habits: Habits): string {
  return keyOf(random.below(habits.keys));
}

/** Keys of several lengths, none of them a bucket's name. */
function keyOf(number: number): string {
  return `k${String(number).padStart(5, '0')}${'x'.repeat(number % 40)}`;
}

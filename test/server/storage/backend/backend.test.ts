/** What the member may rely on, over an engine in this thread and a disk in memory. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { bucketNames } from '../../../../src/server/storage/backend/backend.ts';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { contentOf, copyOf, openOn, put, text } from './backends.ts';

async function freshDisk(): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory('/data');
  await disk.syncDirectory('/');
  return disk;
}

describe('a backend', () => {
  it('begins with etcd’s ten buckets, all empty', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk);
    expect(backend.committedIndex).toBe(0);
    for (const name of bucketNames) expect(backend.seek(name, Buffer.alloc(0)).next(), name).toBe(false);
    await backend.close();
    const db = await BoltDb.open(disk, '/data/db');
    const tx = db.beginWrite();
    expect((await tx.bucketNames()).map(text)).toEqual([...bucketNames].sort());
    tx.rollback();
    expect(await check(db)).toEqual([]);
    await db.close();
  });

  it('shows what was put once it is committed, with the index of the mark', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk);
    put(backend, 'key', 'a', '1');
    put(backend, 'members', 'b', '2');
    const { batch } = backend;
    backend.mark(7, 2);
    expect(backend.get('key', Buffer.from('a'))).toBeNull();
    expect(backend.pendingBytes).toBeGreaterThan(0);
    await backend.commit();
    expect(backend.committedBatch).toBe(batch);
    expect(backend.committedIndex).toBe(7);
    expect(backend.pendingBytes).toBe(0);
    expect(text(backend.get('key', Buffer.from('a')))).toBe('1');
    expect(text(backend.get('members', Buffer.from('b')))).toBe('2');
    expect(backend.get('meta', Buffer.from('consistent_index'))).toEqual(Buffer.from('0000000000000007', 'hex'));
    expect(backend.get('meta', Buffer.from('term'))).toEqual(Buffer.from('0000000000000002', 'hex'));
    await backend.close();
    const again = await openOn(disk);
    expect(again.backend.committedIndex).toBe(7);
    expect(contentOf(again.backend).key).toEqual({ a: '1' });
    await again.backend.close();
  });

  it('commits after the interval, and not before', async () => {
    const { backend, clock } = await openOn(await freshDisk(), { batchIntervalMs: 50 });
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    const committed = new Promise<void>((resolve) => {
      backend.onCommitted = resolve;
    });
    clock.advance(49);
    expect(backend.batch).toBe(1);
    clock.advance(1);
    expect(backend.batch).toBe(2);
    await committed;
    expect(backend.committedBatch).toBe(1);
    await backend.close();
  });

  it('commits at the mark that reaches the limit, without waiting for the interval', async () => {
    const { backend } = await openOn(await freshDisk(), { batchLimit: 10 });
    for (let i = 1; i <= 10; i++) {
      expect(backend.batch).toBe(1);
      put(backend, 'key', `k${i}`, 'v');
      backend.mark(i, 1);
    }
    expect(backend.batch).toBe(2);
    await backend.commit();
    expect(backend.committedIndex).toBe(10);
    await backend.close();
  });

  it('keeps what follows the last mark for the next commit, and its batch open until then', async () => {
    const { backend } = await openOn(await freshDisk());
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    put(backend, 'key', 'b', '2');
    const { batch } = backend;
    await backend.commit();
    expect(contentOf(backend).key).toEqual({ a: '1' });
    expect(backend.committedIndex).toBe(1);
    expect(backend.committedBatch).toBeLessThan(batch);
    backend.mark(2, 1);
    await backend.commit();
    expect(contentOf(backend).key).toEqual({ a: '1', b: '2' });
    expect(backend.committedBatch).toBe(batch);
    await backend.close();
  });

  it('tells how long commits, snapshots, hashes and defragmentations took', async () => {
    const timed: string[] = [];
    const { backend, clock } = await openOn(await freshDisk(), {
      onTimed: (action, ms) => timed.push(`${action} ${ms}`),
    });
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    await backend.commit();
    expect(timed.splice(0)).toEqual([expect.stringMatching(/^commit \d/)]);
    const snapshot = await backend.snapshot();
    clock.advance(7);
    expect(timed).toEqual([]);
    snapshot.release();
    await backend.hash();
    await backend.defragment();
    expect(timed).toEqual(['snapshot 7', 'hash 0', 'defragment 0']);
    await backend.close();
  });

  it('forgets what was not marked when it closes', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk);
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    put(backend, 'key', 'b', '2');
    await backend.close();
    const again = await openOn(disk);
    expect(contentOf(again.backend).key).toEqual({ a: '1' });
    await again.backend.close();
  });

  it('deletes, and seeks from a key on in order', async () => {
    const { backend } = await openOn(await freshDisk(), { pageSize: 1024, cacheBytesMax: 8192 });
    const keys = Array.from({ length: 3000 }, (_, i) => `k${String(i).padStart(5, '0')}`);
    for (const key of keys) put(backend, 'lease', key, 'v'.repeat(20));
    backend.mark(1, 1);
    await backend.commit();
    for (const key of keys.filter((_, i) => i % 3 === 0)) backend.delete('lease', Buffer.from(key));
    backend.mark(2, 1);
    await backend.commit();
    const left = keys.filter((_, i) => i % 3 !== 0);
    expect(Object.keys(contentOf(backend).lease ?? {})).toEqual(left);
    const cursor = backend.seek('lease', Buffer.from('k02000x'));
    expect(cursor.next()).toBe(true);
    expect(text(cursor.key)).toBe('k02002');
    expect(backend.seek('lease', Buffer.from('l')).next()).toBe(false);
    await backend.close();
  });

  it('lets the caller read its own writes in the writer’s buffer for as long as it likes', async () => {
    const { backend } = await openOn(await freshDisk(), { batchLimit: 50 });
    const views: Uint8Array[] = [];
    for (let i = 0; i < 5000; i++) {
      const writer = backend.put('key', 5, 45);
      const start = writer.pos;
      writer.raw(Buffer.from(String(i).padStart(5, '0')));
      writer.raw(Buffer.alloc(45, i % 251));
      views.push(writer.bytes.subarray(start, writer.pos));
      if (i % 7 === 0) backend.mark(i + 1, 1);
    }
    backend.mark(5000, 1);
    await backend.commit();
    for (const [i, view] of views.entries()) {
      expect(text(view.subarray(0, 5))).toBe(String(i).padStart(5, '0'));
      expect(view[49]).toBe(i % 251);
    }
    await backend.close();
  });

  it('takes values larger than an arena', async () => {
    const { backend } = await openOn(await freshDisk());
    const large = 'x'.repeat(3 * 1024 * 1024);
    put(backend, 'key', 'large', large);
    put(backend, 'key', 'small', 'v');
    backend.mark(1, 1);
    await backend.commit();
    expect(backend.get('key', Buffer.from('large'))?.length).toBe(large.length);
    expect(contentOf(backend).key).toEqual({ large, small: 'v' });
    await backend.close();
  });

  it('a mark alone is committed when asked for, not by the clock', async () => {
    const { backend, clock } = await openOn(await freshDisk());
    backend.mark(5, 3);
    clock.advance(10_000);
    await Promise.resolve();
    expect(backend.committedIndex).toBe(0);
    await backend.commit();
    expect(backend.committedIndex).toBe(5);
    await backend.close();
  });

  it('writes no index for mark 0', async () => {
    const { backend } = await openOn(await freshDisk());
    put(backend, 'cluster', 'a', '1');
    backend.mark(0, 0);
    await backend.commit();
    expect(contentOf(backend).cluster).toEqual({ a: '1' });
    expect(contentOf(backend).meta).toEqual({});
    await backend.close();
  });

  it('gives a snapshot of its moment while writes go on', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk, { pageSize: 1024 });
    for (let i = 0; i < 12_000; i++) put(backend, 'key', `k${i}`, `v${i}`.padEnd(100, '.'));
    backend.mark(1, 1);
    const snapshot = await backend.snapshot();
    const before = contentOf(backend);
    const chunks: Uint8Array[] = [];
    let index = 2;
    for await (const chunk of snapshot.chunks()) {
      chunks.push(chunk);
      for (let i = 0; i < 12_000; i++) put(backend, 'key', `k${i}`, `new ${index}`);
      backend.mark(index++, 1);
      await backend.commit();
    }
    snapshot.release();
    expect(chunks.length).toBeGreaterThan(5);
    expect(Buffer.concat(chunks).length).toBe(snapshot.bytes);
    expect((await copyOf(chunks)).content).toEqual(before);
    await backend.close();
  });

  it('reuses the pages of a snapshot once it is released', async () => {
    const { backend } = await openOn(await freshDisk(), { pageSize: 1024 });
    let index = 0;
    const rewrite = async () => {
      for (let i = 0; i < 500; i++) put(backend, 'key', `k${i}`, `v${index}`.padEnd(50));
      backend.mark(++index, 1);
      await backend.commit();
    };
    await rewrite();
    const snapshot = await backend.snapshot();
    for (let i = 0; i < 5; i++) await rewrite();
    snapshot.release();
    await rewrite();
    const size = backend.size();
    for (let i = 0; i < 20; i++) await rewrite();
    expect(backend.size()).toBe(size);
    await backend.close();
  });

  it('gives free space back when it is defragmented, and goes on', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk);
    for (let i = 0; i < 5000; i++) put(backend, 'key', `k${i}`, 'v'.repeat(100));
    backend.mark(1, 1);
    await backend.commit();
    for (let i = 100; i < 5000; i++) backend.delete('key', Buffer.from(`k${i}`));
    backend.mark(2, 1);
    await backend.commit();
    const [size, inUse] = [backend.size(), backend.inUse()];
    expect(inUse).toBeLessThan(size / 2);
    const before = contentOf(backend);
    const snapshot = await backend.snapshot();
    const defragmenting = backend.defragment();
    put(backend, 'key', 'meanwhile', '1');
    backend.mark(3, 1);
    await defragmenting;
    expect(backend.size()).toBeLessThan(size / 2);
    await backend.commit();
    expect(contentOf(backend).key).toEqual({ ...before.key, meanwhile: '1' });
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks()) chunks.push(chunk);
    snapshot.release();
    expect((await copyOf(chunks)).content).toEqual(before);
    await backend.close();
    expect(await disk.list('/data')).toEqual(['db']);
    const db = await BoltDb.open(disk, '/data/db');
    expect(await check(db)).toEqual([]);
    await db.close();
  });

  it('can be hashed at every moment of a defragmentation', async () => {
    const disk = new SimDisk(seededRandom(3), { delay: () => Promise.resolve() });
    await disk.makeDirectory('/data');
    const { backend } = await openOn(disk, { pageSize: 1024 });
    for (let i = 0; i < 2000; i++) put(backend, 'key', `k${i}`, 'v'.repeat(1000));
    backend.mark(1, 1);
    const hash = await backend.hash();
    let done = false;
    const defragmenting = backend.defragment().then(() => {
      done = true;
    });
    const hashes: Promise<number>[] = [];
    while (!done) {
      hashes.push(backend.hash());
      for (let turns = 0; turns < 5; turns++) await Promise.resolve();
    }
    await defragmenting;
    expect(new Set(await Promise.all(hashes))).toEqual(new Set([hash]));
    expect(hashes.length).toBeGreaterThan(10);
    await backend.close();
  });

  it('fails for good when a sync fails, and says so once', async () => {
    const disk = await freshDisk();
    const { backend } = await openOn(disk);
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    await backend.commit();
    const failures: string[] = [];
    backend.onFailed = (failure) => failures.push(failure.message);
    put(backend, 'key', 'b', '2');
    backend.mark(2, 1);
    disk.failAt(disk.operations + 1, 'EIO');
    await expect(backend.commit()).rejects.toThrow(/database \/data\/db failed: EIO/);
    put(backend, 'key', 'c', '3');
    backend.mark(3, 1);
    await expect(backend.commit()).rejects.toThrow(/database .* failed/);
    await expect(backend.snapshot()).rejects.toThrow(/database .* failed/);
    expect(failures).toHaveLength(1);
    expect(backend.committedIndex).toBe(1);
    expect(contentOf(backend).key).toEqual({ a: '1' });
    await backend.close();
  });

  it('hashes what etcd hashes: not the index, nor the term', async () => {
    const one = await openOn(await freshDisk());
    const two = await openOn(await freshDisk());
    put(one.backend, 'key', 'a', '1');
    one.backend.mark(1, 1);
    two.backend.mark(5, 2);
    await two.backend.commit();
    put(two.backend, 'key', 'a', '1');
    put(two.backend, 'meta', 'storageVersion', '3.6.0');
    two.backend.mark(9, 3);
    const hash = await one.backend.hash();
    expect(await two.backend.hash()).toBe(hash);
    put(two.backend, 'meta', 'confState', '{}');
    two.backend.mark(10, 3);
    expect(await two.backend.hash()).not.toBe(hash);
    await one.backend.close();
    await two.backend.close();
  });
});

/** The backend with its engine in a thread, on this machine's disk. */
import { cp, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeClock } from '../../../../src/server/node-ports.ts';
import type { Backend } from '../../../../src/server/storage/backend/backend.ts';
import { type BackendOptions, openBackend } from '../../../../src/server/storage/backend/open.ts';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { isCorruption } from '../../../../src/server/storage/bolt/errors.ts';
import { lockFile } from '../../../../src/server/storage/directory-lock.ts';
import { nodeDisk } from '../../../../src/server/storage/node-disk.ts';
import { contentOf, copyOf, put, text } from './backends.ts';
import { buildWorkerScript, buildWriter, revisionsAt, revisionsIn, writeUntilKilled } from './worker-script.ts';

let scratch = '';
let workerScript = '';

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'backend-'));
  workerScript = await buildWorkerScript(scratch);
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

async function freshPath(): Promise<string> {
  return join(await mkdtemp(join(scratch, 'data-')), 'db');
}

async function opened(path: string, options: Partial<BackendOptions> = {}): Promise<Backend> {
  const result = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript, ...options });
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('a backend whose engine has a thread', () => {
  it('keeps what was marked, and shows it after each commit', async () => {
    const path = await freshPath();
    const backend = await opened(path);
    expect(contentOf(backend).key).toEqual({});
    for (let index = 1; index <= 50; index++) {
      put(backend, 'key', `k${index}`, `v${index}`);
      put(backend, 'lease', 'last', `${index}`);
      backend.mark(index, 1);
      await backend.commit();
      expect(backend.committedIndex).toBe(index);
      expect(text(backend.get('lease', Buffer.from('last')))).toBe(String(index));
    }
    await backend.close();
    const again = await opened(path);
    expect(again.committedIndex).toBe(50);
    expect(Object.keys(contentOf(again).key ?? {})).toHaveLength(50);
    await again.close();
  });

  it('commits by itself after the interval', async () => {
    const backend = await opened(await freshPath(), { batchIntervalMs: 5 });
    const committed = new Promise<void>((resolve) => {
      backend.onCommitted = resolve;
    });
    put(backend, 'key', 'a', '1');
    backend.mark(1, 1);
    await committed;
    expect(backend.committedIndex).toBe(1);
    await backend.close();
  });

  it('gives snapshots, hashes and defragments while writes go on', async () => {
    const path = await freshPath();
    const backend = await opened(path);
    let index = 0;
    const rewrite = () => {
      for (let i = 0; i < 3000; i++) put(backend, 'key', `k${i}`, `${index}`.padEnd(100, '.'));
      backend.mark(++index, 1);
    };
    rewrite();
    await backend.commit();
    const before = contentOf(backend);
    const snapshot = await backend.snapshot();
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks()) {
      rewrite();
      await backend.commit();
      chunks.push(chunk);
    }
    snapshot.release();
    expect(Buffer.concat(chunks).length).toBe(snapshot.bytes);
    expect((await copyOf(chunks)).content).toEqual(before);
    const size = backend.size();
    const hashed = backend.hash();
    const defragmented = backend.defragment();
    rewrite();
    await Promise.all([hashed, defragmented]);
    expect(backend.size()).toBeLessThan(size);
    await backend.commit();
    expect(text(backend.get('key', Buffer.from('k7')))).toBe(String(index - 1).padEnd(100, '.'));
    const hash = await backend.hash();
    await backend.close();
    const again = await opened(path, { workerScript: null });
    expect(await again.hash()).toBe(hash);
    await again.close();
  });

  it('is refused a file that another holds, by the words of who should be stopped', async () => {
    const path = await freshPath();
    const holder = await opened(path, { lock: lockFile });
    const refused = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript, lock: lockFile });
    expect(refused).toEqual({
      ok: false,
      error: `the database ${path} is in use by another process, perhaps another etcd: stop it first`,
    });
    // The lock stays with the file that takes the other one's place.
    await holder.defragment();
    expect((await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript, lock: lockFile })).ok).toBe(
      false,
    );
    await holder.close();
    await (await opened(path, { lock: lockFile })).close();
  });

  it('refuses what is no database, or one that was cut short', async () => {
    const path = await freshPath();
    await writeFile(path, Buffer.alloc(20_000, 'no database'));
    const options = { disk: nodeDisk, clock: nodeClock, workerScript };
    expect(await openBackend({ ...options, path })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^database .* is corrupt: neither of its meta pages is sound/),
    });
    const other = await freshPath();
    const backend = await opened(other);
    for (let i = 0; i < 1000; i++) put(backend, 'key', `k${i}`, 'v'.repeat(100));
    backend.mark(1, 1);
    await backend.close();
    await truncate(other, 30_000);
    expect(await openBackend({ ...options, path: other })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/is corrupt: it has 30000 bytes, but \d+ pages of 4096/),
    });
  });

  it('says which page is damaged, before it commits anything', async () => {
    const path = await freshPath();
    const backend = await opened(path);
    for (let i = 0; i < 5000; i++) put(backend, 'key', `k${i}`, 'v'.repeat(100));
    backend.mark(1, 1);
    const size = await backend.commit().then(() => backend.size());
    await backend.close();
    const file = await nodeDisk.open(path, 'readWrite');
    // The headers of many pages, so that leaves that are in use are among them.
    for (let page = 20; page < size / 4096 / 2; page += 3) await file.writev([Buffer.alloc(8, 0xff)], page * 4096);
    await file.close();
    const damaged = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript });
    if (!damaged.ok) throw new Error(damaged.error);
    const failure = new Promise<string>((resolve) => {
      damaged.value.onFailed = ({ message }) => resolve(message);
    });
    await expect(damaged.value.commit()).rejects.toThrow(/is corrupt: page \d+: it says that it is page/);
    expect(await failure).toMatch(/is corrupt: page \d+/);
    await damaged.value.close();
  });

  it('fails for good when its thread dies, and can be closed', async () => {
    const script = join(scratch, 'dies.cjs');
    await writeFile(
      script,
      `require('node:worker_threads').parentPort.on('message', () => { throw new Error('out of luck'); });`,
    );
    const backend = await opened(await freshPath(), { workerScript: script });
    const failure = new Promise<string>((resolve) => {
      backend.onFailed = ({ message }) => resolve(message);
    });
    await expect(backend.commit()).rejects.toThrow('out of luck');
    expect(await failure).toMatch(/^database .* failed: out of luck$/);
    await expect(backend.snapshot()).rejects.toThrow('out of luck');
    await backend.close();
  });

  it('is sound after kill -9, with all that was said to be committed', async () => {
    const writer = await buildWriter(scratch);
    const path = await freshPath();
    for (let round = 0; round < 2; round++) {
      const committed = await writeUntilKilled(writer, path, workerScript, 12);
      const copy = `${path}.copy`;
      await cp(path, copy);
      const db = await BoltDb.open(nodeDisk, copy);
      expect(await check(db)).toEqual([]);
      await db.close();
      const backend = await opened(path);
      expect(backend.committedIndex).toBeGreaterThanOrEqual(committed);
      expect(revisionsIn(backend)).toEqual(revisionsAt(backend.committedIndex));
      await backend.close();
    }
  });
});

describe('page checksums that two threads share', () => {
  const pageSize = 1024;
  const value = 'v'.repeat(700);

  async function flipBit(path: string, at: number): Promise<void> {
    const file = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 4;
    await file.write(byte, 0, 1, at);
    await file.close();
  }

  /** More pages than one segment of sums is for, most of them added while both threads have the file open. */
  async function filled(path: string): Promise<Backend> {
    const backend = await opened(path, { sumsPath: `${path}.sums`, pageSize, cacheBytesMax: 0 });
    for (let index = 1; index <= 36_000; index++) {
      put(backend, 'key', `k${String(index).padStart(6, '0')}`, value);
      backend.mark(index, 1);
      if (index % 6000 === 0) await backend.commit();
    }
    return backend;
  }

  it('find what the other thread’s pages have become, and say so at once', async () => {
    const path = await freshPath();
    const backend = await filled(path);
    expect(backend.size()).toBeGreaterThan(33_000 * pageSize);
    expect(contentOf(backend).key?.['k035000']).toBe(value);
    const failures: string[] = [];
    backend.onFailed = ({ message }) => failures.push(message);
    // The keys ascend, and so do their pages: this one is beyond the first segment.
    const page = 34_000;
    await flipBit(path, page * pageSize + 700);
    expect(() => contentOf(backend)).toThrow(`database ${path} is corrupt: page ${page}: `);
    expect(failures).toEqual([expect.stringContaining(`of bucket "key", has the checksum`)]);
    await backend.close();
  });

  it('are checked by the thread, too, whose errors arrive as what they are', async () => {
    const path = await freshPath();
    const backend = await filled(path);
    const failed = new Promise<unknown>((done) => {
      backend.onFailed = ({ cause }) => done(cause);
    });
    await flipBit(path, 20_000 * pageSize + 700);
    await expect(backend.hash()).rejects.toThrow(`database ${path} is corrupt: page 20000: `);
    expect(isCorruption(await failed)).toBe(true);
    await backend.close();
    const again = await opened(path, { sumsPath: `${path}.sums`, pageSize });
    await expect(again.commit()).rejects.toThrow(`database ${path} is corrupt: page 20000: `);
    await again.close();
  });
});

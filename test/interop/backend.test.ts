/** The backend on files that real etcd has made, and real etcd on files that the backend has changed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeClock } from '../../src/server/node-ports.ts';
import { type Backend, type BucketName, bucketNames } from '../../src/server/storage/backend/backend.ts';
import { openBackend } from '../../src/server/storage/backend/open.ts';
import { lockFile } from '../../src/server/storage/directory-lock.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';
import {
  buildWorkerScript,
  buildWriter,
  revisionsAt,
  revisionsIn,
  writeUntilKilled,
} from '../server/storage/backend/worker-script.ts';
import { TestClient } from '../support/client.ts';
import { freePorts } from '../support/ports.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const etcdutl = realProgram('etcdutl');
const releases: readonly (readonly [string, string | null])[] = [
  ['3.6.5', realProgram('etcd')],
  ['3.5.23', realProgram('etcd-last-release')],
  ['3.4.23', debianEtcd()],
];

let folder = '';
let running: ChildProcess | null = null;
let client: TestClient | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backend-interop-'));
});

afterEach(async () => {
  await stopReal('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const dbPath = () => join(folder, 'data/member/snap/db');

async function startReal(etcd: string): Promise<TestClient> {
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const [url, peerUrl] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const urls = ['listen-client-urls', 'advertise-client-urls'].map((flag) => `--${flag}=${url}`);
  const peers = ['listen-peer-urls', 'initial-advertise-peer-urls'].map((flag) => `--${flag}=${peerUrl}`);
  const args = [
    '--name=one',
    `--data-dir=${join(folder, 'data')}`,
    ...urls,
    ...peers,
    `--initial-cluster=one=${peerUrl}`,
  ];
  const child = spawn(etcd, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  running = child;
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (text: Buffer) => {
      log += text.toString('utf8');
      if (log.includes('ready to serve client requests')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`etcd exited with ${code}:\n${log.slice(-2000)}`)));
  });
  client = new TestClient(url);
  return client;
}

async function stopReal(signal: NodeJS.Signals): Promise<void> {
  const child = running;
  running = null;
  client?.close();
  client = null;
  if (child === null || child.exitCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function answer(at: TestClient, method: string, request: object): Promise<Record<string, unknown>> {
  const outcome = await at.call(`etcdserverpb.${method}`, request, { waitForReady: true });
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.answer;
}

const put = (at: TestClient, key: string, value: string) =>
  answer(at, 'KV/Put', { key: Buffer.from(key), value: Buffer.from(value) });

async function hashOf(at: TestClient): Promise<number> {
  return Number((await answer(at, 'Maintenance/Hash', {}))['hash']);
}

async function valuesOf(at: TestClient): Promise<string> {
  const { kvs } = await answer(at, 'KV/Range', { key: Buffer.from([0]), range_end: Buffer.from([0]) });
  const sha = createHash('sha256');
  for (const { key, value } of kvs as { key: Buffer; value: Buffer }[]) sha.update(key).update(value);
  return sha.digest('hex');
}

async function opened(): Promise<Backend> {
  const workerScript = await buildWorkerScript(folder);
  const result = await openBackend({ disk: nodeDisk, clock: nodeClock, path: dbPath(), workerScript, lock: lockFile });
  if (!result.ok) throw new Error(result.error);
  await result.value.commit();
  return result.value;
}

/** Writes all that is in a bucket once more, every page of it. */
function rewrite(backend: Backend, name: BucketName): void {
  const cursor = backend.seek(name, Buffer.alloc(0));
  while (cursor.next()) {
    const { key, value } = cursor;
    const writer = backend.put(name, key.length, value.length);
    writer.raw(key);
    writer.raw(value);
  }
}

describe.skipIf(etcdutl === null).each(releases)('a db file of etcd %s (needs REAL_ETCD_DIR)', (_, etcd) => {
  it.skipIf(etcd === null).each(['SIGTERM', 'SIGKILL'] as const)(
    'left by %s is read with etcd’s own hash, rewritten, defragmented, and taken back',
    async (signal) => {
      let real = await startReal(etcd ?? '');
      for (let i = 0; i < 400; i++) await put(real, `key-${i % 90}`, `value ${i} ${'x'.repeat((i * 97) % 3000)}`);
      await answer(real, 'KV/DeleteRange', { key: Buffer.from('key-1'), range_end: Buffer.from('key-3') });
      await answer(real, 'Lease/LeaseGrant', { TTL: 10_000 });
      await answer(real, 'KV/Compact', { revision: 100, physical: true });
      const before = { hash: await hashOf(real), values: await valuesOf(real) };
      const refused = await openBackend({ disk: nodeDisk, clock: nodeClock, path: dbPath(), lock: lockFile });
      expect(refused).toMatchObject({ ok: false, error: expect.stringContaining('in use by another process') });
      await stopReal(signal);

      const backend = await opened();
      expect(backend.committedIndex).toBeGreaterThan(400);
      expect(await backend.hash()).toBe(before.hash);
      for (const name of bucketNames) if (name !== 'meta') rewrite(backend, name);
      backend.mark(backend.committedIndex, 0);
      expect(await backend.hash()).toBe(before.hash);
      await backend.defragment();
      expect(await backend.hash()).toBe(before.hash);
      expect(backend.inUse()).toBeGreaterThan(backend.size() / 2);
      await backend.close();
      const status = await run(etcdutl ?? '', ['snapshot', 'status', dbPath(), '-w', 'json']);
      expect(status, status.stderr).toMatchObject({ code: 0 });

      real = await startReal(etcd ?? '');
      expect(await valuesOf(real)).toBe(before.values);
      await put(real, 'after', 'us');
      expect(await valuesOf(real)).not.toBe(before.values);
    },
  );
});

describe.skipIf(etcdutl === null)('a db file of ours (needs REAL_ETCD_DIR)', () => {
  it('passes bbolt’s full check after kill -9 and defragmentation, again and again', async () => {
    const workerScript = await buildWorkerScript(folder);
    const writer = await buildWriter(folder);
    await mkdir(dirname(dbPath()), { recursive: true });
    for (let round = 0; round < 5; round++) {
      const committed = await writeUntilKilled(writer, dbPath(), workerScript, 10 + 7 * round);
      const killed = await run(etcdutl ?? '', ['snapshot', 'status', dbPath(), '-w', 'json']);
      expect(killed, killed.stderr).toMatchObject({ code: 0 });
      const backend = await opened();
      expect(backend.committedIndex).toBeGreaterThanOrEqual(committed);
      const revisions = revisionsIn(backend);
      expect(revisions).toEqual(revisionsAt(backend.committedIndex));
      await backend.defragment();
      await backend.close();
      const defragmented = await run(etcdutl ?? '', ['snapshot', 'status', dbPath(), '-w', 'json']);
      expect(defragmented, defragmented.stderr).toMatchObject({ code: 0 });
      expect(JSON.parse(defragmented.stdout)).toMatchObject({ revision: revisions.at(-1) });
    }
  });
});

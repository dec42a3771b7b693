/** Our database files in the hands of etcd's own tools, and theirs in ours. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { check } from '../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../src/server/storage/bolt/db.ts';
import { lockDirectory } from '../../src/server/storage/directory-lock.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';
import { act, bytes, contentOf, emptyModel, type ModelBucket, printModel } from '../server/storage/bolt/model.ts';
import { freePorts } from '../support/ports.ts';
import { realProgram, run } from '../support/real-etcd.ts';

const etcd = realProgram('etcd');
const etcdctl = realProgram('etcdctl');
const etcdutl = realProgram('etcdutl');

let folder = '';
let running: ChildProcess | null = null;
let endpoint = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bolt-interop-'));
});

afterEach(async () => {
  await stopReal('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const dataDir = () => join(folder, 'data');
const dbPath = () => join(dataDir(), 'member/snap/db');

async function startReal(...flags: string[]): Promise<void> {
  const [client = 0, peer = 0] = await freePorts(2);
  endpoint = `127.0.0.1:${client}`;
  const urls = ['listen-client-urls', 'advertise-client-urls'].map((flag) => `--${flag}=http://${endpoint}`);
  const peerUrl = `http://127.0.0.1:${peer}`;
  const peers = ['listen-peer-urls', 'initial-advertise-peer-urls'].map((flag) => `--${flag}=${peerUrl}`);
  const args = [
    '--name=one',
    `--data-dir=${dataDir()}`,
    ...urls,
    ...peers,
    `--initial-cluster=one=${peerUrl}`,
    ...flags,
  ];
  const child = spawn(etcd ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  running = child;
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (text: Buffer) => {
      log += text.toString('utf8');
      if (log.includes('ready to serve client requests')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`etcd exited with ${code}:\n${log.slice(-2000)}`)));
  });
}

async function stopReal(signal: NodeJS.Signals): Promise<void> {
  const child = running;
  running = null;
  if (child === null || child.exitCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function succeed(program: string | null, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program ?? '', args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout.trim();
}

const ctl = (...args: string[]) => succeed(etcdctl, `--endpoints=${endpoint}`, ...args);

/** Runs bbolt's full check, and reads all buckets. */
async function status(path: string): Promise<{ hash: number; revision: number; totalKey: number; totalSize: number }> {
  return JSON.parse(await succeed(etcdutl, 'snapshot', 'status', path, '-w', 'json'));
}

/** mvccpb.KeyValue {1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value}. */
function record(key: string, revision: number, value: string): { key: Buffer; value: Buffer } {
  const varint = (number: number): number[] =>
    number < 128 ? [number] : [(number & 127) | 128, ...varint(number >>> 7)];
  const field = (tag: number, text: string) => [tag, ...varint(text.length), ...bytes(text)];
  const numbers = [0x10, ...varint(revision), 0x18, ...varint(revision), 0x20, 1];
  const position = Buffer.alloc(17);
  position.writeBigInt64BE(BigInt(revision), 0);
  position[8] = 0x5f;
  return { key: position, value: Buffer.from([...field(0x0a, key), ...numbers, ...field(0x2a, value)]) };
}

async function content(path: string): Promise<ModelBucket> {
  const db = await BoltDb.open(nodeDisk, path);
  try {
    expect(await check(db)).toEqual([]);
    return await db.read((tx) => contentOf(tx.root));
  } finally {
    await db.close();
  }
}

describe.skipIf(etcd === null || etcdctl === null || etcdutl === null)(
  'a bbolt database (needs etcd, etcdctl and etcdutl in REAL_ETCD_DIR)',
  () => {
    it('of ours passes bbolt’s full check through thousands of random transactions', async () => {
      const random = seededRandom(77);
      const path = join(folder, 'db');
      let db = await BoltDb.open(nodeDisk, path, { cacheBytesMax: 200_000 });
      const model = emptyModel();
      // The tool asks this bucket for the storage version.
      const first = db.beginWrite();
      await first.createBucket(bytes('meta'));
      await first.commit();
      model.items.set('meta', emptyModel());
      const habits = { keys: 3000, valueBytesMax: 200, buckets: ['alpha', 'beta', 'gamma', 'delta'] };
      for (let commit = 1; commit <= 3000; commit++) {
        const tx = db.beginWrite();
        await act(tx, model, random, 1 + random.below(12), habits);
        await tx.commit();
        if (commit % 500 > 0) continue;
        await db.close();
        await status(path);
        db = await BoltDb.open(nodeDisk, path, { cacheBytesMax: 200_000 });
        expect(printModel(await db.read((read) => contentOf(read.root)))).toBe(printModel(model));
      }
      await db.close();
    });

    it('of ours can be defragmented by etcdutl, and has the same hash before and after', async () => {
      await mkdir(join(dataDir(), 'member/snap'), { recursive: true });
      const db = await BoltDb.open(nodeDisk, dbPath(), { initialMapBytes: 10 * 2 ** 30 });
      const names = [
        'alarm',
        'auth',
        'authRoles',
        'authUsers',
        'cluster',
        'key',
        'lease',
        'members',
        'members_removed',
        'meta',
      ];
      for (let round = 0; round < 20; round++) {
        const tx = db.beginWrite();
        for (const name of names) await tx.createBucketIfMissing(bytes(name));
        const key = await tx.bucket(bytes('key'));
        for (let i = 1; i <= 500; i++) {
          const one = record(`key-${i}`, 1 + round * 500 + i, 'v'.repeat(300));
          key?.put(one.key, one.value);
          if (round > 0 && i % 3 > 0) key?.delete(record('', 1 + (round - 1) * 500 + i, '').key);
        }
        await tx.commit();
      }
      const sizes = { size: db.size(), inUse: db.inUse() };
      await db.close();
      const before = await status(dbPath());
      expect(before).toMatchObject({ revision: 10_001, totalSize: sizes.size });
      expect((await stat(dbPath())).size).toBeGreaterThan(16 * 1024 * 1024);
      await succeed(etcdutl, 'defrag', '--data-dir', dataDir());
      const after = await status(dbPath());
      expect({ ...after, totalSize: 0 }).toEqual({ ...before, totalSize: 0 });
      expect(after.totalSize).toBeLessThan(sizes.inUse);
      await content(dbPath());
    });

    it('of etcd’s is read by us after kill -9 under load, changed, and taken back by etcd', async () => {
      await startReal('--backend-batch-interval=5ms');
      // etcd locks the file, and our lock is of the same kind.
      expect(await lockDirectory(dbPath())).toMatchObject({ ok: false, error: { type: 'held' } });
      const load = (async () => {
        for (let i = 0; ; i++) await ctl('put', `key-${i % 50}`, `value ${i} ${'x'.repeat((i * 97) % 6000)}`);
      })().catch(() => undefined);
      for (let i = 0; i < 30; i++) await ctl('put', `other-${i}`, 'y'.repeat(i * 50));
      await ctl('compact', '20');
      await stopReal('SIGKILL');
      await load;
      const before = await content(dbPath());
      expect(before.items.size).toBe(10);
      const hash = (await status(dbPath())).hash;

      const db = await BoltDb.open(nodeDisk, dbPath(), { initialMapBytes: 10 * 2 ** 30 });
      // Every page of the key bucket is written anew, by us.
      const tx = db.beginWrite();
      const key = (await tx.bucket(bytes('key'))) ?? expect.fail();
      key.fillPercent = 0.9;
      await key.scan({ from: null, to: null }, (one, value) => {
        key.put(one, value);
        return true;
      });
      await tx.commit();
      expect(await check(db)).toEqual([]);
      await db.close();
      expect(await content(dbPath())).toEqual(before);
      expect((await status(dbPath())).hash).toBe(hash);
      await startReal('--experimental-initial-corrupt-check=true');
      expect(await ctl('get', 'other-29', '--print-value-only')).toBe('y'.repeat(29 * 50));
      await ctl('put', 'after', 'us');
      await stopReal('SIGTERM');
      await content(dbPath());
    });

    it('copied by us while we write is a snapshot that etcdutl restores', async () => {
      await startReal();
      for (let i = 0; i < 20; i++) await ctl('put', `key-${i}`, `value ${i}`);
      await stopReal('SIGTERM');
      const copyOfDb = join(folder, 'db');
      await cp(dbPath(), copyOfDb);
      const db = await BoltDb.open(nodeDisk, copyOfDb);
      const snapshot = join(folder, 'snapshot.db');
      const file = await nodeDisk.open(snapshot, 'create');
      const sha = createHash('sha256');
      let position = 0;
      await db.snapshotTo(async (chunk) => {
        sha.update(chunk);
        await file.writev([chunk], position);
        position += chunk.length;
        const tx = db.beginWrite();
        (await tx.bucket(bytes('key')))?.delete(record('', 5, '').key);
        await tx.commit();
      });
      await file.writev([sha.digest()], position);
      await file.close();
      await db.close();
      await rm(dataDir(), { recursive: true });
      expect(await status(snapshot)).toMatchObject({ totalSize: position });
      const cluster = ['--name', 'one', '--initial-cluster', 'one=http://127.0.0.1:2380'];
      const peer = ['--initial-advertise-peer-urls', 'http://127.0.0.1:2380'];
      await succeed(etcdutl, 'snapshot', 'restore', snapshot, '--data-dir', dataDir(), ...cluster, ...peer);
      const restored = await content(dbPath());
      const records = restored.items.get('key');
      expect(typeof records === 'object' && records.items.size).toBeGreaterThanOrEqual(20);
    });
  },
);

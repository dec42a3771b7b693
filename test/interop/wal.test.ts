/** Real etcd and this WAL take turns on one data directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reader } from '../../src/proto/codec.ts';
import { decodeEntry, decodeHardState, type Entry, type HardState } from '../../src/proto/raftpb.ts';
import { recordType } from '../../src/proto/walpb.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';
import { readLog, scanLog } from '../../src/server/storage/wal/read.ts';
import { Wal, type WalOptions } from '../../src/server/storage/wal/wal.ts';
import { freePorts } from '../support/ports.ts';
import { realProgram, run } from '../support/real-etcd.ts';

const etcd = realProgram('etcd');
const etcdctl = realProgram('etcdctl');
const start = { index: 0, term: 0 };

let folder = '';
let ports: number[] = [];
let running: ChildProcess | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wal-interop-'));
  ports = await freePorts(2);
});

afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true, force: true });
});

const dataDir = () => join(folder, 'data');
const walDir = () => join(dataDir(), 'member/wal');

/** Starts real etcd as the only member of its cluster; resolves once it serves. */
async function startReal(): Promise<void> {
  const [client, peer] = ports.map((port) => `http://127.0.0.1:${port}`);
  const flags = {
    name: 'one',
    'data-dir': dataDir(),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `one=${peer}`,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
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

async function kill(): Promise<void> {
  const child = running;
  running = null;
  if (child === null || child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function ctl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(etcdctl ?? '', [`--endpoints=127.0.0.1:${ports[0]}`, ...args]);
  if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** Writes the log of real etcd again with our WAL, save by save, and puts it in the place of the original. */
async function rewrite(options: WalOptions): Promise<void> {
  const log = await readLog(nodeDisk, walDir(), start);
  if (!log.ok) throw new Error(log.error.message);
  const steps: (Entry | HardState)[] = [];
  await scanLog(nodeDisk, walDir(), 0, (record) => {
    const reader = new Reader(Buffer.from(record.bytes.subarray(record.dataStart, record.dataEnd)));
    if (record.type === recordType.entry) steps.push(decodeEntry(reader));
    if (record.type === recordType.state) steps.push(decodeHardState(reader));
    return null;
  });
  await rm(walDir(), { recursive: true });
  const wal = await Wal.create(nodeDisk, walDir(), log.value.metadata, options);
  for (const step of steps) {
    const error = await new Promise((done) => {
      if ('index' in step) wal.save(null, [step], true, done);
      else wal.save(step, [], true, done);
    });
    if (error !== null) throw error;
  }
  await wal.close();
}

describe.skipIf(etcd === null || etcdctl === null)('a WAL of ours (needs etcd and etcdctl in REAL_ETCD_DIR)', () => {
  it.each([
    ['one segment', {}],
    ['many segments', { segmentBytes: 4096, zeroWindowBytes: 8192 }],
  ])('of %s is replayed by real etcd on an empty database', async (_, options) => {
    await startReal();
    for (let i = 0; i < 40; i++) await ctl('put', `key-${i}`, `value ${i} ${'x'.repeat(300)}`);
    await ctl('del', 'key-7');
    const before = await ctl('get', '', '--prefix', '-w', 'fields');
    await kill();
    await rewrite(options);
    await rm(join(dataDir(), 'member/snap/db'));

    await startReal();
    const after = await ctl('get', '', '--prefix', '-w', 'fields');
    // The last write may have been lost with the page that etcd had not yet flushed; everything committed is there.
    expect(withoutTerm(after)).toBe(withoutTerm(before));
    await ctl('put', 'after', 'replay');
    await kill();

    const again = await Wal.open(nodeDisk, walDir(), start, options);
    if (!again.ok) throw new Error(again.error.message);
    const last = again.value.entries.at(-1);
    expect(Buffer.from(last?.data ?? []).toString('latin1')).toContain('replay');
    await again.value.wal.close();
    await startReal();
    expect(await ctl('get', 'after', '--print-value-only')).toBe('replay');
  });

  it('that a crash tore, and we repaired, is accepted by real etcd; and the other way round', async () => {
    await startReal();
    await ctl('put', 'a', '1');
    await kill();
    await tearTail();
    const opened = await Wal.open(nodeDisk, walDir(), start);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(opened.value.repaired).toMatch(/cut off a torn tail/);
    await opened.value.wal.close();
    await startReal();
    expect(await ctl('get', 'a', '--print-value-only')).toBe('1');
    await kill();

    await rewrite({});
    await tearTail();
    await startReal();
    expect(await ctl('get', 'a', '--print-value-only')).toBe('1');
    expect(await readdir(walDir())).toContain('0000000000000000-0000000000000000.wal.broken');
  });
});

/** Appends the beginning of a record whose rest never reached the disk. */
async function tearTail(): Promise<void> {
  const scanned = await scanLog(nodeDisk, walDir(), 0, () => null);
  if (!scanned.ok) throw new Error(scanned.error.message);
  const { segment, offset } = scanned.value;
  const file = await open(join(walDir(), segment.name), 'r+');
  const torn = Buffer.from([
    0xd8, 0x07, 0, 0, 0, 0, 0, 0, 0x08, 2, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0xcd, 0x0f,
  ]);
  await file.write(torn, 0, torn.length, offset);
  await file.close();
}

function withoutTerm(fields: string): string {
  return fields.replace(/"RaftTerm" : \d+/, '');
}

/**
 * Whole members on large data directories, bundled and real etcd in turn on copies of the same one:
 *
 *   REAL_ETCD_DIR=<folder with etcd and etcdctl> npm run bench -- data-dir [keys|revisions|large] [FOLDER]
 *
 * `keys`: a million keys of 1 KB each: start, snapshot save, defragmentation. `revisions`: a million revisions of a thousand keys, and the
 * compaction of all of them. `large`: 5 GB on a heap of 1 GB (the bundled member alone is limited to that). Default: all three.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { encodeKeyValue } from '../src/proto/mvccpb.ts';
import { bucketKeyBytes, writeBucketKey } from '../src/server/mvcc/revision.ts';
import { nodeClock } from '../src/server/node-ports.ts';
import { pendingBytesMax } from '../src/server/storage/backend/backend.ts';
import { openBackend } from '../src/server/storage/backend/open.ts';
import { nodeDisk } from '../src/server/storage/node-disk.ts';
import { readMark } from '../src/server/storage/schema/meta.ts';
import { freePorts } from '../test/support/ports.ts';

interface Subject {
  readonly name: string;
  readonly binary: string;
}

interface Content {
  readonly revisions: number;
  readonly keys: number;
  readonly valueBytes: number;
}

interface Running {
  readonly process: ChildProcess;
  readonly endpoint: string;
  readonly startSeconds: number;
}

const contents: Readonly<Record<string, Content>> = {
  keys: { revisions: 1_000_000, keys: 1_000_000, valueBytes: 1000 },
  revisions: { revisions: 1_000_000, keys: 1000, valueBytes: 100 },
  large: { revisions: 1_250_000, keys: 1_250_000, valueBytes: 3800 },
};

const real = process.env['REAL_ETCD_DIR'] ?? '';
const subjects: readonly Subject[] = [
  { name: 'etcd 3.6.5', binary: join(real, 'etcd') },
  { name: 'bundled', binary: resolve('dist/shims/etcd') },
];
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'data-dir-bench-'));
const wanted = process.argv[2] === undefined ? Object.keys(contents) : [process.argv[2]];

/** A directory that real etcd has founded, with that much in its database. */
async function prepare(name: string, { revisions, keys, valueBytes }: Content): Promise<string> {
  const directory = join(folder, name);
  const founder = await start({ name: 'etcd 3.6.5', binary: join(real, 'etcd') }, directory);
  // Its schema's version comes with the cluster's.
  await new Promise((done) => setTimeout(done, 6000));
  await stop(founder);
  const path = join(directory, 'member/snap/db');
  const opened = await openBackend({ disk: nodeDisk, clock: nodeClock, path });
  if (!opened.ok) throw new Error(opened.error);
  const backend = opened.value;
  const { index, term } = readMark(backend);
  const value = Buffer.alloc(valueBytes, 'v');
  const position = Buffer.alloc(bucketKeyBytes);
  for (let i = 0; i < revisions; i++) {
    const version = Math.floor(i / keys) + 1;
    const encoded = encodeKeyValue({
      key: Buffer.from(`key/${String((i * 7919) % keys).padStart(8, '0')}`),
      createRevision: 2 + (i % keys),
      modRevision: 2 + i,
      version,
      value,
      lease: 0n,
    });
    writeBucketKey(position, 2 + i, 0, false);
    const writer = backend.put('key', bucketKeyBytes, encoded.length);
    writer.raw(position);
    writer.raw(encoded);
    backend.mark(index, term);
    if (backend.pendingBytes > pendingBytesMax / 2) await backend.commit();
  }
  await backend.close();
  return directory;
}

async function start(subject: Subject, directory: string, heapMegabytes = 0): Promise<Running> {
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  const flags = {
    'data-dir': directory,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'quota-backend-bytes': 12_000_000_000,
  };
  const begun = performance.now();
  const child = spawn(
    subject.binary,
    Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'] ?? '',
        ...(heapMegabytes > 0 && { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` }),
      },
    },
  );
  started.add(child);
  for (;;) {
    const answer = await fetch(`${client}/health`).catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error(`${subject.name} ended with ${child.exitCode}`);
    await new Promise((done) => setTimeout(done, 10));
  }
  return { process: child, endpoint: client ?? '', startSeconds: (performance.now() - begun) / 1000 };
}

const started = new Set<ChildProcess>();

async function stop({ process: child }: Running): Promise<void> {
  started.delete(child);
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGTERM');
  await ended;
}

function ctl(running: Running, ...args: string[]): string {
  const all = [`--endpoints=${running.endpoint}`, '--command-timeout=300s', '--dial-timeout=10s', ...args];
  return execFileSync(join(real, 'etcdctl'), all, { encoding: 'utf8', stdio: 'pipe' });
}

function timed(action: () => unknown): number {
  const begun = performance.now();
  action();
  return (performance.now() - begun) / 1000;
}

/** What the process has taken of the processors so far, seconds: where a machine is busy this says more than a clock. */
function cpuSeconds({ process: child }: Running): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The most that the process has had in memory, MiB. Of real etcd, which maps the file, pages of it count, too. */
function peakMegabytes({ process: child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}

async function measure(name: string, subject: Subject, directory: string): Promise<void> {
  const heap = name === 'large' && subject.name === 'bundled' ? 1024 : 0;
  const database = join(directory, 'member/snap/db');
  const before = statSync(database).size;
  const first = await start(subject, directory, heap);
  const starts = [`${first.startSeconds.toFixed(2)} s (CPU ${cpuSeconds(first).toFixed(2)} s)`];
  await stop(first);
  const running = await start(subject, directory, heap);
  starts.push(`${running.startSeconds.toFixed(2)} s (CPU ${cpuSeconds(running).toFixed(2)} s)`);
  const results = [`db ${(before / 1e9).toFixed(2)} GB`, `start ${starts.join(', again ')}`];
  results.push(`then ${peakMegabytes(running)} MiB`);
  if (name !== 'revisions') {
    const saved = join(folder, 'saved.db');
    results.push(`snapshot save ${timed(() => ctl(running, 'snapshot', 'save', saved)).toFixed(2)} s`);
    rmSync(saved);
  }
  if (name === 'revisions') {
    const { revisions } = contents['revisions'] ?? { revisions: 0 };
    const args = ['compact', `${revisions + 1}`, '--physical'];
    results.push(`compaction ${timed(() => ctl(running, ...args)).toFixed(2)} s`);
  }
  if (name === 'large') {
    results.push(`a put ${timed(() => ctl(running, 'put', 'another', 'x')).toFixed(2)} s`);
    const count = ['get', '--prefix', 'key/', '--count-only', '--write-out=fields'];
    results.push(`keys counted ${timed(() => ctl(running, ...count)).toFixed(2)} s`);
    results.push(`HashKV ${timed(() => ctl(running, 'endpoint', 'hashkv')).toFixed(2)} s`);
  }
  results.push(
    `defrag ${timed(() => ctl(running, 'defrag')).toFixed(2)} s to ${(statSync(database).size / 1e9).toFixed(2)} GB`,
  );
  results.push(`at most ${peakMegabytes(running)} MiB`);
  await stop(running);
  console.log(`${name.padEnd(10)}${subject.name.padEnd(12)}${results.join(', ')}`);
}

try {
  for (const name of wanted) {
    const content = contents[name];
    if (content === undefined) throw new Error(`there is no ${name}; there are: ${Object.keys(contents).join(', ')}`);
    const prepared = await prepare(name, content);
    for (const subject of subjects) {
      const copy = join(folder, 'copy');
      cpSync(prepared, copy, { recursive: true });
      await measure(name, subject, copy);
      rmSync(copy, { recursive: true });
    }
    rmSync(prepared, { recursive: true });
  }
} finally {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/**
 * The bundled member beside real etcd, in one run: the same load generator (etcd's own `benchmark`) drives each in turn, so that
 * a noisy machine slows both. Prints medians, server CPU per request and ratios.
 *
 *   REAL_ETCD_DIR=<folder with etcd and benchmark> npm run bench -- etcd [--rounds 3] [--quick]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface Subject {
  readonly name: string;
  readonly binary: string;
}

interface Load {
  readonly name: string;
  readonly clients: number;
  readonly conns: number;
  readonly total: number;
  readonly args: readonly string[];
}

interface Sample {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

interface Cluster {
  readonly endpoints: readonly string[];
  readonly processes: readonly ChildProcess[];
  readonly directory: string;
}

const kernelTicksPerSecond = 100;

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

const quick = process.argv.includes('--quick');
const rounds = Number(option('rounds') ?? (quick ? 1 : 3));
const sizes = option('members')?.split(',').map(Number) ?? [1, 3];
const realFolder = process.env['REAL_ETCD_DIR'];
if (realFolder === undefined || !existsSync(join(realFolder, 'benchmark'))) {
  console.error('bench: set REAL_ETCD_DIR to a folder that holds etcd 3.6.5 and its `benchmark` tool');
  process.exit(2);
}
const generator = join(realFolder, 'benchmark');
const subjects: readonly Subject[] = [
  { name: 'etcd 3.6.5', binary: join(realFolder, 'etcd') },
  { name: 'bundled', binary: resolve('dist/shims/etcd') },
];
const scale = quick ? 0.25 : 1;

function load(name: string, clients: number, total: number, args: readonly string[]): Load {
  return { name, clients, conns: Math.min(clients, 100), total: Math.ceil(total * scale), args };
}

const put = ['put', '--key-size=8', '--val-size=256', '--sequential-keys', '--key-space-size=100000'];
// The heavy load of each kind comes first, for both servers: a lone client's latency is that of a process that has warmed up.
const allLoads: readonly Load[] = [
  load('put', 1000, 100_000, put),
  load('put', 1, 4_000, put),
  load('range l', 1000, 100_000, ['range', 'foo', '--consistency=l']),
  load('range l', 1, 8_000, ['range', 'foo', '--consistency=l']),
  load('range s', 1000, 100_000, ['range', 'foo', '--consistency=s']),
  load('range s', 1, 8_000, ['range', 'foo', '--consistency=s']),
  load('txn-put', 1000, 60_000, ['txn-put', '--key-size=8', '--val-size=256', '--txn-ops=1']),
];
const only = option('only');
const loads = only === undefined ? allLoads : allLoads.filter((one) => `${one.name} ${one.clients}c`.includes(only));

/** Ports that nobody listens on, below the ephemeral range: no outgoing connection of the load generator can take one meanwhile. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const free = await new Promise<boolean>((done) => {
      const server = createServer();
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (free && !ports.includes(port)) ports.push(port);
  }
  return ports;
}

function run(command: string, args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout }));
  });
}

async function startCluster(subject: Subject, members: number): Promise<Cluster> {
  const ports = await freePorts(members * 2);
  const directory = mkdtempSync(join(tmpdir(), 'clusterctl-bench-'));
  const url = (index: number) => `http://127.0.0.1:${ports[index]}`;
  const initial = Array.from({ length: members }, (_, i) => `m${i}=${url(2 * i)}`).join(',');
  const processes = Array.from({ length: members }, (_, i) =>
    spawn(
      subject.binary,
      [
        `--name=m${i}`,
        `--data-dir=${join(directory, `m${i}`)}`,
        `--listen-peer-urls=${url(2 * i)}`,
        `--initial-advertise-peer-urls=${url(2 * i)}`,
        `--listen-client-urls=${url(2 * i + 1)}`,
        `--advertise-client-urls=${url(2 * i + 1)}`,
        `--initial-cluster=${initial}`,
        '--log-level=error',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    ),
  );
  const endpoints = Array.from({ length: members }, (_, i) => url(2 * i + 1));
  const deadline = Date.now() + 30_000;
  for (const endpoint of endpoints) {
    for (;;) {
      const healthy = await fetch(`${endpoint}/health`).then(
        (answer) => answer.status === 200,
        () => false,
      );
      if (healthy) break;
      const ended = processes.find((child) => child.exitCode !== null);
      if (ended !== undefined) throw new Error(`${subject.name}: a member exited with code ${ended.exitCode}`);
      if (Date.now() > deadline) throw new Error(`${subject.name}: no healthy cluster within 30 s`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  return { endpoints, processes, directory };
}

async function stopCluster(cluster: Cluster): Promise<void> {
  await Promise.all(
    cluster.processes.map(
      (child) =>
        new Promise<void>((done) => {
          child.once('exit', () => done());
          child.kill('SIGKILL');
        }),
    ),
  );
  rmSync(cluster.directory, { recursive: true, force: true });
}

/** User and system time of a process, microseconds (proc(5), fields 14 and 15). */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / kernelTicksPerSecond;
}

function clusterCpuMicros(cluster: Cluster): number {
  return cluster.processes.reduce((sum, child) => sum + cpuMicros(child.pid ?? 0), 0);
}

function residentMegabytes(cluster: Cluster): number {
  const kilobytes = cluster.processes.map((child) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
  );
  return Math.round(Math.max(...kilobytes) / 1024);
}

async function measure(cluster: Cluster, work: Load): Promise<Sample> {
  const before = clusterCpuMicros(cluster);
  const { code, stdout } = await run(generator, [
    `--endpoints=${cluster.endpoints.join(',')}`,
    `--conns=${work.conns}`,
    `--clients=${work.clients}`,
    ...work.args,
    `--total=${work.total}`,
  ]);
  const after = clusterCpuMicros(cluster);
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const failed = /Error distribution/.test(stdout);
  if (code !== 0 || failed) throw new Error(`benchmark ${work.name}: exit ${code}\n${stdout}`);
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: number(/50% in ([\d.]+)/) * 1000,
    p99Ms: number(/99% in ([\d.]+)/) * 1000,
    cpuMicros: (after - before) / work.total,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function medianSample(samples: readonly Sample[]): Sample {
  return {
    requestsPerSecond: median(samples.map((sample) => sample.requestsPerSecond)),
    p50Ms: median(samples.map((sample) => sample.p50Ms)),
    p99Ms: median(samples.map((sample) => sample.p99Ms)),
    cpuMicros: median(samples.map((sample) => sample.cpuMicros)),
  };
}

function row(cells: readonly (string | number)[]): void {
  const widths = [3, 9, 6, 11, 9, 8, 8, 8, 7];
  console.log(
    cells
      .map((cell, i) => (i < 4 ? String(cell).padEnd(widths[i] ?? 8) : String(cell).padStart(widths[i] ?? 8)))
      .join(' '),
  );
}

for (const members of sizes) {
  const results = new Map<string, Sample[]>();
  const memory = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      const cluster = await startCluster(subject, members);
      try {
        for (const work of loads) {
          const key = `${work.name} ${work.clients}c|${subject.name}`;
          const sample = await measure(cluster, work);
          results.set(key, [...(results.get(key) ?? []), sample]);
        }
        memory.set(subject.name, Math.max(memory.get(subject.name) ?? 0, residentMegabytes(cluster)));
      } finally {
        await stopCluster(cluster);
      }
    }
  }
  console.log(
    `\n${members} member${members === 1 ? '' : 's'}, median of ${rounds} round${rounds === 1 ? '' : 's'}, 8 B keys, 256 B values`,
  );
  row(['x', 'load', '', 'server', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs', 'ratio']);
  for (const work of loads) {
    const [real, bundled] = subjects.map((subject) =>
      medianSample(results.get(`${work.name} ${work.clients}c|${subject.name}`) ?? []),
    );
    if (real === undefined || bundled === undefined) continue;
    const cells = (sample: Sample) => [
      sample.requestsPerSecond.toFixed(0),
      sample.p50Ms.toFixed(1),
      sample.p99Ms.toFixed(1),
      sample.cpuMicros.toFixed(1),
    ];
    const ratio = (bundled.requestsPerSecond / real.requestsPerSecond).toFixed(2);
    row([`x${members}`, work.name, `${work.clients}c`, 'etcd 3.6.5', ...cells(real), '']);
    row([`x${members}`, work.name, `${work.clients}c`, 'bundled', ...cells(bundled), ratio]);
  }
  for (const [name, megabytes] of memory) console.log(`largest RSS of a member after the run: ${name} ${megabytes} MB`);
}

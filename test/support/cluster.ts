/**
 * Clusters of real processes for the end-to-end and interop tests: bundled members, real etcd, or both. Every process that a cluster
 * started is gone after `close`, whatever happened to the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { freePorts } from './ports.ts';

/** The bundled member as users start it. */
export const bundledEtcd = resolve(import.meta.dirname ?? '.', '../../dist/shims/etcd');

export interface MemberOptions {
  readonly name: string;
  readonly binary: string;
  readonly flags: readonly string[];
  readonly dataDir: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** One member: a place in the cluster that processes come and go in. */
export class TestMember {
  readonly options: MemberOptions;
  binary: string;
  process: ChildProcess | null = null;
  /** Everything that the processes so far wrote. */
  log = '';
  private readonly watchers = new Set<() => void>();
  private readonly onReadyLine = 'ready to serve client requests';

  constructor(options: MemberOptions) {
    this.options = options;
    this.binary = options.binary;
  }

  get clientUrl(): string {
    return this.options.clientUrl;
  }

  get pid(): number {
    const pid = this.process?.pid;
    if (pid === undefined) throw new Error(`${this.options.name} does not run`);
    return pid;
  }

  /** Starts the process; `ready` resolves when it says that it serves clients. */
  start(extraFlags: readonly string[] = []): { readonly ready: Promise<void> } {
    const { options } = this;
    const child = spawn(
      this.binary,
      [
        `--name=${options.name}`,
        `--data-dir=${options.dataDir}`,
        `--listen-client-urls=${options.clientUrl}`,
        `--advertise-client-urls=${options.clientUrl}`,
        `--listen-peer-urls=${options.peerUrl}`,
        `--initial-advertise-peer-urls=${options.peerUrl}`,
        ...options.flags,
        ...extraFlags,
      ],
      // Sockets of unix URLs are files of the working directory.
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '' },
        cwd: dirname(options.dataDir),
      },
    );
    this.process = child;
    const from = this.log.length;
    const collect = (chunk: Buffer) => {
      this.log += chunk.toString('utf8');
      for (const check of [...this.watchers]) check();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('exit', () => {
      if (this.process === child) this.process = null;
      for (const check of [...this.watchers]) check();
    });
    const ready = this.waitForLog(this.onReadyLine, from);
    // A test that does not wait for readiness must not fail on it.
    ready.catch(() => {});
    return { ready };
  }

  /** Resolves when the text stands in the log from `from` on; rejects when the process ends or 30 s pass without it. */
  waitForLog(text: string, from = 0): Promise<void> {
    return new Promise((done, fail) => {
      const child = this.process;
      const timer = setTimeout(
        () => finish(new Error(`${this.options.name}: no "${text}" within 30 s\n${this.log.slice(from)}`)),
        30_000,
      );
      const finish = (error: Error | null) => {
        clearTimeout(timer);
        this.watchers.delete(check);
        if (error === null) done();
        else fail(error);
      };
      const check = () => {
        if (this.log.indexOf(text, from) >= 0) finish(null);
        else if (this.process !== child)
          finish(new Error(`${this.options.name} ended before "${text}"\n${this.log.slice(from)}`));
      };
      this.watchers.add(check);
      check();
    });
  }

  /** Sends the signal and waits for the end of the process: its exit code and signal. */
  async kill(
    signal: NodeJS.Signals,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const child = this.process;
    if (child === null) return { code: null, signal: null };
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
      child.once('exit', (code, by) => done({ code, signal: by }));
    });
    child.kill(signal);
    return ended;
  }
}

export interface ClusterOptions {
  /** One binary per member. */
  readonly binaries: readonly string[];
  readonly token?: string;
  readonly flags?: readonly string[];
  /** Client and peer ports in turn; free ones if not given. */
  readonly ports?: readonly number[];
  /** "https" for clients and peers; then the flags say with which certificates. */
  readonly scheme?: 'http' | 'https';
  /** Of peers, if it is another one. */
  readonly peerScheme?: 'unix';
}

export class TestCluster {
  readonly members: readonly TestMember[];
  readonly directory: string;

  private constructor(members: readonly TestMember[], directory: string) {
    this.members = members;
    this.directory = directory;
  }

  /** Lays out a cluster without starting it. */
  static async create(options: ClusterOptions): Promise<TestCluster> {
    const ports = options.ports ?? (await freePorts(options.binaries.length * 2));
    const directory = mkdtempSync(join(tmpdir(), 'clusterctl-test-'));
    const url = (index: number) => `${options.scheme ?? 'http'}://127.0.0.1:${ports[index]}`;
    const peerUrl = (i: number) =>
      options.peerScheme === undefined ? url(2 * i + 1) : `${options.peerScheme}://localhost:${ports[2 * i + 1]}`;
    const initial = options.binaries.map((_, i) => `infra${i + 1}=${peerUrl(i)}`).join(',');
    const members = options.binaries.map(
      (binary, i) =>
        new TestMember({
          name: `infra${i + 1}`,
          binary,
          dataDir: join(directory, `infra${i + 1}.etcd`),
          clientUrl: url(2 * i),
          peerUrl: peerUrl(i),
          flags: [
            `--initial-cluster=${initial}`,
            `--initial-cluster-token=${options.token ?? 'etcd-cluster-1'}`,
            '--initial-cluster-state=new',
            ...(options.flags ?? []),
          ],
        }),
    );
    return new TestCluster(members, directory);
  }

  /** Lays out and starts a cluster; resolves when all its members serve. */
  static async start(options: ClusterOptions): Promise<TestCluster> {
    const cluster = await TestCluster.create(options);
    try {
      await Promise.all(cluster.members.map((member) => member.start().ready));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get endpoints(): string {
    return this.members.map((member) => member.clientUrl).join(',');
  }

  member(index: number): TestMember {
    const member = this.members[index];
    if (member === undefined) throw new Error(`no member ${index}`);
    return member;
  }

  /** Kills what still runs and removes the data. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill('SIGKILL')));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A supervised cluster of bundled members, told over its control socket what to suffer, and looked at through admin sockets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AdminStatus } from '../../src/base/admin-protocol.ts';
import { askMember } from '../../src/chaos/faults/ask-member.ts';
import { askSupervisor } from '../../src/supervisor/control-client.ts';
import type { ControlCommand, ControlReply, FaultReply, RunStatus } from '../../src/supervisor/control-protocol.ts';
import type { FaultFacts } from '../../src/supervisor/observe/model.ts';
import { freePorts } from './ports.ts';

const program = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');
const answerTimeoutMs = 2_000;
const patienceMs = 30_000;

export interface FaultRunOptions {
  readonly members: number;
  /** More lines for the Procfile. */
  readonly entries?: readonly string[];
  /** What the member processes run, as for --etcd; the bundled etcd if not given. */
  readonly etcd?: string;
  /** The first word of each member's line in the Procfile; `etcd` if not given. */
  readonly programs?: readonly string[];
  /** Without a Procfile: the supervisor decides on addresses. */
  readonly generated?: boolean;
}

export class FaultRun {
  /** Of the processes: etcd1, etcd2…; the members are called infra1, infra2…, as in etcd's own Procfile. */
  readonly names: readonly string[];
  readonly clientUrls: ReadonlyMap<string, string>;
  readonly child: ChildProcess;
  readonly folder: string;
  output = '';
  readonly ended: Promise<number | null>;

  private constructor(folder: string, clientUrls: ReadonlyMap<string, string>, args: readonly string[]) {
    this.folder = folder;
    this.clientUrls = clientUrls;
    this.names = [...clientUrls.keys()];
    const environment = { PATH: process.env['PATH'], XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
    this.child = spawn(program, ['start', ...args], {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.ended = new Promise((done) => {
      this.child.once('close', (code) => done(code));
    });
  }

  /** Resolves when all processes are ready: the members know a leader. */
  static async start({
    members,
    entries = [],
    etcd = 'bundled',
    programs = [],
    generated = false,
  }: FaultRunOptions): Promise<FaultRun> {
    const folder = mkdtempSync(join(tmpdir(), 'clusterctl-fault-'));
    const ports = await freePorts(2 * members);
    const url = (at: number) => `http://127.0.0.1:${ports[at]}`;
    const cluster = Array.from({ length: members }, (_, at) => `infra${at + 1}=${url(2 * at + 1)}`).join(',');
    const lines = Array.from({ length: members }, (_, at) => {
      const [client, peer] = [url(2 * at), url(2 * at + 1)];
      return (
        `etcd${at + 1}: ${programs[at] ?? 'etcd'} --name infra${at + 1} --listen-client-urls ${client} --advertise-client-urls ${client}` +
        ` --listen-peer-urls ${peer} --initial-advertise-peer-urls ${peer} --initial-cluster ${cluster} --initial-cluster-state new`
      );
    });
    if (!generated) writeFileSync(join(folder, 'Procfile'), `${[...lines, ...entries].join('\n')}\n`);
    const args = ['--etcd', etcd, ...(generated ? ['--members', `${members}`] : [])];
    const run = new FaultRun(folder, new Map(lines.map((_, at) => [`etcd${at + 1}`, url(2 * at)])), args);
    await run.until('all are ready', async () => {
      const status = await run.statusIfThere();
      return status?.processes.every((one) => one.ready) ?? false;
    });
    return run;
  }

  clientUrl(name: string): string {
    return this.clientUrls.get(name) ?? '';
  }

  /** The socket of the supervisor; null before there is one. */
  get socket(): string | null {
    try {
      const folder = join(this.folder, 'clusterctl');
      const name = readdirSync(folder).find((one) => one.endsWith('.sock'));
      return name === undefined ? null : join(folder, name);
    } catch {
      return null;
    }
  }

  private async statusIfThere(): Promise<RunStatus | null> {
    const reply = this.socket === null ? null : await askSupervisor(this.socket, { command: 'status', names: [] });
    return reply?.ok === true ? reply.status : null;
  }

  async status(): Promise<RunStatus> {
    const status = await this.statusIfThere();
    if (status === null) throw new Error(`no supervisor answers:\n${this.output}`);
    return status;
  }

  async control(command: ControlCommand, ...names: readonly string[]): Promise<void> {
    const reply = await askSupervisor(this.socket ?? '', { command, names });
    if (reply?.ok !== true) throw new Error(`${command} ${names.join(' ')}: ${reply?.error ?? 'no answer'}`);
  }

  /** As `clusterctl fault …`. */
  async order(...words: readonly string[]): Promise<ControlReply> {
    const reply = await askSupervisor(this.socket ?? '', { command: 'fault', words });
    if (reply === null) throw new Error(`fault ${words.join(' ')}: no answer\n${this.output}`);
    return reply;
  }

  /** One that has to work. */
  async do(...words: readonly string[]): Promise<FaultReply> {
    const reply = await this.order(...words);
    if (!reply.ok || reply.fault === undefined) {
      throw new Error(`fault ${words.join(' ')}: ${reply.ok ? 'no answer' : reply.error}\n${this.output}`);
    }
    return reply.fault;
  }

  /** One that has to work, and to be seen to. */
  async inject(...words: readonly string[]): Promise<FaultFacts & { readonly tookMs: number }> {
    const { faults } = await this.do(...words);
    const [fault] = faults;
    if (fault === undefined || fault.bitMs === null) throw new Error(`fault ${words.join(' ')} shows no effect`);
    return { ...fault, tookMs: fault.bitMs - fault.injectedMs };
  }

  async refusal(...words: readonly string[]): Promise<string> {
    const reply = await this.order(...words);
    return reply.ok ? 'no refusal' : reply.error;
  }

  private adminSocket(name: string): string {
    return join(this.folder, 'clusterctl', `${this.child.pid}.admin`, `${name}.sock`);
  }

  /** What a member says of itself; null if it does not answer. */
  async member(name: string): Promise<AdminStatus | null> {
    const reply = await askMember(this.adminSocket(name), { op: 'status', everyMs: 0 }, answerTimeoutMs);
    return reply.type === 'answer' && reply.answer.ok ? (reply.answer.status ?? null) : null;
  }

  /** Of those that answer, by the names of their processes. */
  async members(): Promise<ReadonlyMap<string, AdminStatus>> {
    const all = await Promise.all(this.names.map(async (name) => [name, await this.member(name)] as const));
    return new Map(all.flatMap(([name, status]) => (status === null ? [] : [[name, status] as const])));
  }

  /** Every member sends so many probes to every other. */
  async probeAll(count = 1): Promise<void> {
    const members = await this.members();
    await Promise.all(
      [...members].map(([name, status]) => {
        const peers = status.links.flatMap(({ peer }) => Array<string>(count).fill(peer));
        return askMember(this.adminSocket(name), { op: 'probe', peers }, answerTimeoutMs);
      }),
    );
  }

  /** Probes that have arrived, by `from>to`. */
  async probes(): Promise<ReadonlyMap<string, number>> {
    const members = await this.members();
    const names = new Map([...members].map(([name, { memberId }]) => [memberId, name]));
    return new Map(
      [...members].flatMap(([name, { links }]) =>
        links.map(({ peer, inProbes }) => [`${names.get(peer)}>${name}`, inProbes] as const),
      ),
    );
  }

  /** Who leads in the highest term, and says so itself; null if nobody does. */
  async leader(): Promise<string | null> {
    const leaders = [...(await this.members())].filter(([, { role }]) => role === 'leader');
    return leaders.sort(([, a], [, b]) => b.term - a.term)[0]?.[0] ?? null;
  }

  /** All members follow the same leader in the same term, and have applied the same. */
  async agrees(): Promise<boolean> {
    const all = [...(await this.members()).values()];
    const same = (field: 'leader' | 'term' | 'applied') => new Set(all.map((one) => one[field])).size === 1;
    return (
      all.length === this.names.length && all[0]?.leader !== '0' && same('leader') && same('term') && same('applied')
    );
  }

  /** Milliseconds until the condition held. */
  async until(what: string, condition: () => Promise<boolean>): Promise<number> {
    const startMs = performance.now();
    while (!(await condition())) {
      if (performance.now() - startMs > patienceMs) throw new Error(`never: ${what}\n${this.output}`);
      if (this.child.exitCode !== null) throw new Error(`ended before: ${what}\n${this.output}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    return performance.now() - startMs;
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.ended;
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Every ordered pair. */
export function directedLinks(names: readonly string[]): readonly (readonly [from: string, to: string])[] {
  return names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));
}

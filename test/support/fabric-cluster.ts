/** A generated cluster on a fault fabric, started as `clusterctl start` starts them, with the fabric at hand. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { FabricThread } from '../../src/chaos/fabric/fabric-thread.ts';
import { wholeLink } from '../../src/chaos/fabric/link-policy.ts';
import type { LinkRule } from '../../src/chaos/faults/link-backend.ts';
import type { GeneratedCluster, MemberAddress } from '../../src/supervisor/etcd-members.ts';
import { clientUrl, memberEnv, peerHost, peerScheme, proxyEnv } from '../../src/supervisor/etcd-members.ts';
import { TestClient } from './client.ts';
import { freePorts } from './ports.ts';

/** Bundles the thread into `folder`, as the build does; resolves to its file. */
export async function bundleFabric(folder: string): Promise<string> {
  const file = join(folder, 'fabric.js');
  await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: ['src/chaos/fabric/worker.ts'],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    logLevel: 'warning',
  });
  return file;
}

/** What a member says of itself. */
export interface Status {
  readonly id: string;
  readonly leader: string;
  readonly term: number;
  readonly applied: number;
}

export class FabricCluster {
  readonly fabric: FabricThread;
  readonly names: readonly string[];
  readonly #folder: string;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #clients = new Map<string, TestClient>();
  readonly #logs = new Map<string, string>();

  private constructor(folder: string, fabric: FabricThread, names: readonly string[]) {
    this.#folder = folder;
    this.fabric = fabric;
    this.names = names;
  }

  /** Starts a member of each binary with these flags; resolves when all know one leader. */
  static async start(binaries: readonly string[], flags: readonly string[] = []): Promise<FabricCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'clusterctl-fabric-'));
    const fabric = await FabricThread.start(await bundleFabric(folder), (message) => {
      throw new Error(message);
    });
    const ports = await freePorts(2 * binaries.length);
    const members = binaries.map((_, at): MemberAddress => {
      return { name: `etcd${at + 1}`, clientPort: ports[2 * at] ?? 0, peerPort: ports[2 * at + 1] ?? 0 };
    });
    const scheme = peerScheme(`etcd ${flags.join(' ')}`);
    const generated: GeneratedCluster = { token: 'fabric', members, peers: { route: 'fabric', scheme } };
    const cluster = new FabricCluster(
      folder,
      fabric,
      members.map((one) => one.name),
    );
    await fabric.addMembers(
      members.map((member) => {
        const host = peerHost(generated, member);
        return { name: member.name, cluster: 'etcd', host, port: member.peerPort, tls: scheme === 'https' };
      }),
    );
    for (const [at, member] of members.entries()) {
      const env = {
        PATH: process.env['PATH'] ?? '',
        ...memberEnv(generated, member, join(folder, member.name)),
        ...proxyEnv(fabric.proxyUrl(member.name)),
      };
      const child = spawn(binaries[at] ?? '', flags, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      const collect = (chunk: Buffer) => {
        cluster.#logs.set(member.name, cluster.log(member.name) + chunk.toString('utf8'));
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      cluster.#processes.set(member.name, child);
      cluster.#clients.set(member.name, new TestClient(clientUrl(member)));
    }
    try {
      await cluster.leader(cluster.names);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  client(name: string): TestClient {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`no member ${name}`);
    return client;
  }

  /** What a member has written so far. */
  log(name: string): string {
    return this.#logs.get(name) ?? '';
  }

  /** Null if it does not answer in time. */
  async status(name: string): Promise<Status | null> {
    const outcome = await this.client(name).call('etcdserverpb.Maintenance/Status', {}, { deadlineMs: 500 });
    if (!outcome.ok) return null;
    const { header, leader, raftTerm, raftAppliedIndex } = outcome.answer;
    const id = String((header as { member_id: unknown }).member_id);
    return { id, leader: String(leader), term: Number(raftTerm), applied: Number(raftAppliedIndex) };
  }

  /** The leader in whom all of these agree, itself one of them and not `besides`; rejects after 20 s without one. */
  async leader(among: readonly string[], besides?: string): Promise<string> {
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      const all = await Promise.all(among.map((name) => this.status(name)));
      const leaders = new Set(all.map((one) => one?.leader ?? '0'));
      const at = all.findIndex((one) => one !== null && one.id === one.leader);
      const name = among[at];
      if (leaders.size === 1 && name !== undefined && name !== besides) return name;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no leader among ${among.join(', ')} within 20 s\n${this.#lastWords()}`);
  }

  /** Resolves when all members have applied as much; to the milliseconds that took. Rejects after 20 s. */
  async agreement(): Promise<number> {
    const startMs = performance.now();
    let seen = new Set<string>();
    while (performance.now() - startMs < 20_000) {
      const all = await Promise.all(this.names.map((name) => this.status(name)));
      seen = new Set(all.map((one) => (one === null ? 'silent' : `${one.leader} ${one.term} ${one.applied}`)));
      const [only = 'silent'] = seen;
      if (seen.size === 1 && only !== 'silent' && !only.startsWith('0 ')) return performance.now() - startMs;
    }
    throw new Error(`no agreement within 20 s: ${[...seen].join(' | ')}\n${this.#lastWords()}`);
  }

  /** Cuts these directions, and heals all others. */
  async cut(links: readonly (readonly [string, string])[], mode: LinkRule['mode'] = 'hold'): Promise<void> {
    const rules = links.map(([from, to]) => ({ ...wholeLink(from, to), cut: true, mode }));
    const set = await this.fabric.setLinks(rules);
    if (!set.ok) throw new Error(set.error);
  }

  /** Every direction between this member and the others. */
  around(name: string): (readonly [string, string])[] {
    const others = this.names.filter((one) => one !== name);
    return others.flatMap((other) => [[name, other] as const, [other, name] as const]);
  }

  #lastWords(): string {
    return this.names.map((name) => this.log(name).slice(-5_000)).join('\n');
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.all(
      [...this.#processes.values()].map((child) => {
        if (child.exitCode !== null || child.signalCode !== null) return null;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        return ended;
      }),
    );
    await this.fabric.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The fault fabric of one run: whether there is one, which members are on it, and faults on their links. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { FabricLink, FabricMember } from '../chaos/fabric/fabric.ts';
import type { FabricThread } from '../chaos/fabric/fabric-thread.ts';
import type { LinkBackend, LinkObservation, LinkRule } from '../chaos/faults/link-backend.ts';
import type { EtcdChoice } from '../supervisor/etcd-binary.ts';
import type { GeneratedCluster, PeerLinks } from '../supervisor/etcd-members.ts';
import { peerHost, proxyEnv } from '../supervisor/etcd-members.ts';
import type { Options } from './syntax.ts';

export class ClusterFabric implements LinkBackend {
  readonly #choice: Options['fabric'];
  readonly #etcd: EtcdChoice;
  readonly #onFailed: (message: string) => void;
  /** Null until the first cluster needs it. */
  #thread: FabricThread | null = null;
  readonly #members = new Set<string>();
  /** Of generated clusters that are not on the fabric. */
  readonly #direct = new Set<string>();

  /** `onFailed` hears that the members on it cannot reach each other any more. */
  constructor(choice: Options['fabric'], etcd: EtcdChoice, onFailed: (message: string) => void) {
    this.#choice = choice;
    this.#etcd = etcd;
    this.#onFailed = onFailed;
  }

  /** For clusters that are made now. */
  get route(): PeerLinks['route'] {
    if (this.#choice === 'off') return 'direct';
    // Bundled members put faults on their own messages, and need no fabric.
    return this.#choice === 'socks' || this.#etcd.isProgram ? 'fabric' : 'direct';
  }

  /** Takes in the members of clusters that are meant for it. The error says why one of these clusters cannot run so. */
  async join(clusters: ReadonlyMap<string, GeneratedCluster>): Promise<Result<void, string>> {
    const members: FabricMember[] = [];
    for (const [name, cluster] of clusters) {
      const problem = this.#problemOf(name, cluster);
      if (problem !== null) return err(problem);
      const onFabric = cluster.peers.route === 'fabric';
      for (const member of cluster.members) {
        (onFabric ? this.#members : this.#direct).add(member.name);
        if (onFabric) members.push(fabricMember(name, cluster, member));
      }
    }
    if (members.length > 0) await (await this.#started()).addMembers(members);
    return ok(undefined);
  }

  /** What a member must be told to dial its peers through it; nothing if it is not on it. */
  envOf(memberName: string): Record<string, string> {
    const thread = this.#thread;
    return thread !== null && this.#members.has(memberName) ? proxyEnv(thread.proxyUrl(memberName)) : {};
  }

  unsupported(name: string): string | null {
    if (this.#members.has(name)) return null;
    return this.#direct.has(name)
      ? `${name} is of a cluster without a fault fabric, and its members remember each other's addresses: start a new one of real etcd with --etcd system --fabric socks and another --state-dir`
      : `the command line of ${name} says where its peers are, so nothing can stand between them: let the cluster be generated from an entry without addresses, with -m etcd=3 --etcd system`;
  }

  async setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>> {
    return this.#thread === null ? ok(undefined) : this.#thread.setLinks(rules);
  }

  async observed(): Promise<readonly LinkObservation[]> {
    return this.#thread === null ? [] : this.#thread.observed();
  }

  async probe(links: readonly FabricLink[]): Promise<void> {
    await this.#thread?.probe(links);
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }

  #problemOf(name: string, { peers, members }: GeneratedCluster): string | null {
    const isFabric = peers.route === 'fabric';
    const other = 'choose another --state-dir';
    if (isFabric && this.#choice === 'off') {
      return `--fabric off: the members of ${name} reach each other through the fabric since their first start: leave it on, or ${other}`;
    }
    if (this.#choice !== 'socks' || isFabric || members.length === 1) return null;
    return `--fabric socks: the members of ${name} reach each other directly since their first start: ${other}`;
  }

  async #started(): Promise<FabricThread> {
    if (this.#thread === null) {
      const { FabricThread } = await import('../chaos/fabric/fabric-thread.ts');
      const file = join(dirname(realpathSync(process.argv[1] ?? '.')), 'fabric.js');
      this.#thread = await FabricThread.start(file, this.#onFailed);
    }
    return this.#thread;
  }
}

function fabricMember(
  cluster: string,
  generated: GeneratedCluster,
  member: GeneratedCluster['members'][number],
): FabricMember {
  const tls = generated.peers.scheme === 'https';
  return { name: member.name, cluster, host: peerHost(generated, member), port: member.peerPort, tls };
}

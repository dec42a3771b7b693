/** What makes three plain `etcd` processes one cluster: names, addresses and the variables that tell each of them. Pure. */

export interface MemberAddress {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** How the members of a cluster reach each other. They remember it of each other, so it stays as it was at the first start. */
export interface PeerLinks {
  /** `fabric`: through the fault fabric, by addresses that only it understands. */
  readonly route: 'direct' | 'fabric';
  readonly scheme: 'http' | 'https';
}

/** A generated cluster, as it is kept from one start to the next. */
export interface GeneratedCluster {
  readonly token: string;
  readonly members: readonly MemberAddress[];
  readonly peers: PeerLinks;
}

/** TEST-NET-1: what is sent there arrives nowhere. */
export const fabricHostPrefix = '192.0.2.';

/** Members listen here only: a generated cluster has no authentication. */
const host = '127.0.0.1';

/** Where a client reaches a member. */
export function clientUrl(member: MemberAddress): string {
  return `http://${host}:${member.clientPort}`;
}

/**
 * The host by which the peers of this member know it. The fabric's are of TEST-NET-1, which exists nowhere: Go takes no proxy to an
 * address of this machine.
 */
export function peerHost({ members, peers }: GeneratedCluster, member: MemberAddress): string {
  return peers.route === 'direct' ? host : `${fabricHostPrefix}${members.indexOf(member) + 1}`;
}

function peerUrl(cluster: GeneratedCluster, member: MemberAddress): string {
  return `${cluster.peers.scheme}://${peerHost(cluster, member)}:${member.peerPort}`;
}

/** Everything that a member, bundled or real, must be told through its environment. `dataDir` is absolute. */
export function memberEnv(cluster: GeneratedCluster, member: MemberAddress, dataDir: string): Record<string, string> {
  return {
    ETCD_NAME: member.name,
    ETCD_DATA_DIR: dataDir,
    ETCD_LISTEN_PEER_URLS: `${cluster.peers.scheme}://${host}:${member.peerPort}`,
    ETCD_LISTEN_CLIENT_URLS: clientUrl(member),
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peerUrl(cluster, member),
    ETCD_ADVERTISE_CLIENT_URLS: clientUrl(member),
    ETCD_INITIAL_CLUSTER: cluster.members.map((one) => `${one.name}=${peerUrl(cluster, one)}`).join(','),
    ETCD_INITIAL_CLUSTER_TOKEN: cluster.token,
    ETCD_INITIAL_CLUSTER_STATE: 'new',
  };
}

/** Go needs not be told; other programs in the same command line may. */
const noProxy = 'localhost,127.0.0.1';

/** What makes a member dial its peers through a proxy. Nothing else that the user has set may get in between. */
export function proxyEnv(proxyUrl: string): Record<string, string> {
  return { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl, NO_PROXY: noProxy, no_proxy: noProxy };
}

/** How peers of a new cluster of members with this command line speak to each other. */
export function peerScheme(command: string): PeerLinks['scheme'] {
  return /\s--?peer-(?:auto-tls(?!=false)|cert-file)\b/.test(command) ? 'https' : 'http';
}

/** Ports from here on may be given to any outgoing connection by the kernel (Linux: ip_local_port_range). */
export const ephemeralPortMin = 32_768;

/**
 * Pairs of a client port and the peer port after it, all below the ephemeral range, in order of preference: 12379, 22379,
 * 32379 as in etcd's own examples, then the same 10 further on, and so on.
 */
export function* portCandidates(): Generator<{ readonly clientPort: number; readonly peerPort: number }> {
  const firsts = [12_379, 22_379, 32_379];
  for (let offset = 0; offset < 10_000; offset += 10) {
    for (const first of firsts) {
      const clientPort = first + offset;
      if (clientPort + 1 < ephemeralPortMin) yield { clientPort, peerPort: clientPort + 1 };
    }
  }
}

/** What an etcd is told of its cluster; `peers` is empty if its flags and environment do not say. */
export interface ClusterHint {
  readonly token: string;
  readonly peers: ReadonlySet<string>;
}

export function clusterHintOf(command: string, env: Readonly<Record<string, string | undefined>>): ClusterHint {
  const value = (flag: string) => {
    const [, given] = new RegExp(`\\s--?${flag}[=\\s]+['"]?([^\\s'"]+)`).exec(command) ?? [];
    return given ?? env[`ETCD_${flag.toUpperCase().replaceAll('-', '_')}`] ?? '';
  };
  const peers = value('initial-cluster')
    .split(',')
    .map((member) => member.slice(member.indexOf('=') + 1))
    .filter((url) => url !== '');
  return { token: value('initial-cluster-token'), peers: new Set(peers) };
}

/** True if both may be members of one cluster: a common peer and the same token, or nothing is known of one of them. */
export function mayBeOneCluster(a: ClusterHint, b: ClusterHint): boolean {
  if (a.peers.size === 0 || b.peers.size === 0) return true;
  return a.token === b.token && [...a.peers].some((peer) => b.peers.has(peer));
}

/** Where an etcd is going to listen. */
export interface ListenUrl {
  readonly flag: 'listen-client-urls' | 'listen-peer-urls';
  /** As an address to bind. */
  readonly host: string;
  readonly port: number;
  /** Nothing names it: etcd's own default. */
  readonly isDefault: boolean;
}

const defaultPorts = { 'listen-client-urls': 2379, 'listen-peer-urls': 2380 } as const;
/** Where flags may be that are not seen here, or where nothing listens. */
const namesElsewhere = /[$`]|\s--?config-file\b|\s(?:gateway|grpc-proxy|help|--?version|--?h(?:elp)?)\b/;

/** The addresses that the flags or the environment of an etcd name, or its defaults; what only a config file says is left out. */
export function listenUrlsOf(command: string, env: Readonly<Record<string, string | undefined>>): ListenUrl[] {
  return (['listen-client-urls', 'listen-peer-urls'] as const).flatMap((flag): ListenUrl[] => {
    const [, given] = new RegExp(`\\s--?${flag}[=\\s]+['"]?([^\\s'"]+)`).exec(command) ?? [];
    const urls = given ?? env[`ETCD_${flag.toUpperCase().replaceAll('-', '_')}`] ?? '';
    if (urls === '' && !namesElsewhere.test(command) && (env['ETCD_CONFIG_FILE'] ?? '') === '') {
      return [{ flag, host, port: defaultPorts[flag], isDefault: true }];
    }
    return urls.split(',').flatMap((url) => {
      const [, named = '', port] = /^https?:\/\/\[?([^\]/]*?)\]?:(\d{1,5})\/?$/.exec(url) ?? [];
      const address = named === 'localhost' ? host : named;
      return port === undefined ? [] : [{ flag, host: address, port: Number(port), isDefault: false }];
    });
  });
}

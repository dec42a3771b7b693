/**
 * How a member without a data directory becomes part of a cluster: it either founds one together with the peers that
 * --initial-cluster names, all of them deriving the same ids and first entries on their own, or joins one that runs.
 * Source: etcd server/config/config.go and server/etcdserver/{bootstrap,cluster_util}.go.
 */
import { invariant } from '../../base/assert.ts';
import { goQuote } from '../../base/go-quote.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { Reader, sizeVarint64, Writer } from '../../proto/codec.ts';
import { confChangeType, type Entry, encodeConfChange, entryType, type HardState } from '../../proto/raftpb.ts';
import { clusterId, compareIds, formatId, memberId } from './ids.ts';
import { type Member, memberJson } from './member.ts';
import { compareBytes, formatInitialCluster, type InitialCluster } from './peer-urls.ts';
import { type ResolveHost, sameUrls } from './url-equality.ts';

export interface BootstrapConfig {
  readonly name: string;
  readonly initialCluster: InitialCluster;
  /** --initial-cluster-token */
  readonly token: string;
  /** --initial-advertise-peer-urls */
  readonly advertisePeerUrls: readonly string[];
  readonly resolveHost: ResolveHost;
}

/** Answers GET /members of the first of `peerUrls` that can, or null if none does. */
export type FetchMembers = (
  peerUrls: readonly string[],
) => Promise<{ readonly clusterId: bigint; readonly members: readonly Member[] } | null>;

export interface BootstrapIdentity {
  readonly memberId: bigint;
  readonly clusterId: bigint;
}

/** What the founder of a cluster writes to its empty WAL. */
export interface NewCluster extends BootstrapIdentity {
  /** In ascending order of id. */
  readonly members: readonly Member[];
  /** Indexes 1..n at term 1: one conf change for each member, in ascending order of id; identical on all founders. */
  readonly entries: readonly Entry[];
  /** Term 1, all entries committed. */
  readonly hardState: HardState;
}

/** What a joining member knows before the leader sends it the log. */
export interface JoinedCluster extends BootstrapIdentity {
  /** The local view: ids of the running cluster, names of --initial-cluster. Ascending. */
  readonly members: readonly Member[];
  /** The running cluster's own members: who to ask for the log until the conf changes are applied. */
  readonly remotes: readonly Member[];
}

/** --initial-cluster-state new. The error is etcd's text. */
export async function bootstrapNewCluster(
  config: BootstrapConfig,
  fetchMembers: FetchMembers,
): Promise<Result<NewCluster, string>> {
  const local = config.initialCluster.get(config.name);
  if (local === undefined) return err(missingLocalName(config.name));
  const mismatch = await advertiseMismatch(config, local);
  if (mismatch !== null) return err(mismatch);
  if (hasDuplicateUrl(config.initialCluster)) return err(duplicateUrl(config.initialCluster));
  const members = membersFrom(config);
  if (!members.ok) return members;
  const self = memberNamed(members.value, config.name);
  const running = await fetchMembers(remotePeerUrls(members.value, config.name));
  const known = running?.members.find((member) => member.id === self.id);
  if (known !== undefined && known.clientUrls.length > 0) {
    return err(`member ${formatId(self.id)} has already been bootstrapped`);
  }
  return ok(newCluster(self.id, members.value));
}

/** The first entries and state of a cluster founded by `members`, as the member `localId` writes them. */
export function newCluster(localId: bigint, members: readonly Member[]): NewCluster {
  const ascending = [...members].sort((a, b) => compareIds(a.id, b.id));
  return {
    memberId: localId,
    clusterId: clusterId(ascending.map((member) => member.id)),
    members: ascending,
    entries: ascending.map(foundingEntry),
    hardState: { term: 1, vote: 0n, commit: ascending.length },
  };
}

function foundingEntry(member: Member, position: number): Entry {
  const context = Buffer.from(memberJson(member));
  const data = encodeConfChange({ id: 0n, type: confChangeType.addNode, nodeId: member.id, context });
  return { type: entryType.confChange, term: 1, index: position + 1, data };
}

/** --initial-cluster-state existing. The error is etcd's text. Whether versions fit is for the caller to check. */
export async function joinCluster(
  config: BootstrapConfig,
  fetchMembers: FetchMembers,
): Promise<Result<JoinedCluster, string>> {
  if (!config.initialCluster.has(config.name)) return err(missingLocalName(config.name));
  if (hasDuplicateUrl(config.initialCluster)) return err(duplicateUrl(config.initialCluster));
  const local = membersFrom(config);
  if (!local.ok) return local;
  const running = await fetchMembers(remotePeerUrls(local.value, config.name));
  if (running === null) {
    return err('cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs');
  }
  if (running.members.length === 0) {
    return err('cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs');
  }
  const members = await assignIds(local.value, running.members, config.resolveHost);
  if (!members.ok) return err(`error validating peerURLs ${describeCluster(running)}: ${members.error}`);
  return ok({
    memberId: memberNamed(members.value, config.name).id,
    clusterId: running.clusterId,
    members: members.value,
    remotes: running.members,
  });
}

/** Gives the members of --initial-cluster the ids of the running members with the same peer URLs. */
async function assignIds(
  local: readonly Member[],
  running: readonly Member[],
  resolveHost: ResolveHost,
): Promise<Result<readonly Member[], string>> {
  if (local.length !== running.length) return err('member count is unequal');
  const ids = new Map<Member, bigint>();
  for (const existing of running) {
    let problem = '';
    let match: Member | undefined;
    for (const candidate of local) {
      const equal = await sameUrls(existing.peerUrls, candidate.peerUrls, resolveHost);
      if (equal.ok) {
        match = candidate;
        break;
      }
      problem = equal.error;
    }
    if (match === undefined) {
      const who = `${formatId(existing.id)}, [${existing.peerUrls.join(' ')}]`;
      return err(`PeerURLs: no match found for existing member (${who}), last resolver error (${problem})`);
    }
    ids.set(match, existing.id);
  }
  return ok(
    local.map((member) => ({ ...member, id: ids.get(member) ?? member.id })).sort((a, b) => compareIds(a.id, b.id)),
  );
}

function membersFrom(config: BootstrapConfig): Result<Member[], string> {
  const members = new Map<bigint, Member>();
  for (const [name, peerUrls] of config.initialCluster) {
    const id = memberId(peerUrls, config.token);
    const member: Member = { id, name, peerUrls, clientUrls: [], isLearner: false };
    if (members.has(id)) return err(`member exists with identical ID ${describeMember(member)}`);
    if (id === 0n) return err('cannot use 0 as member id');
    members.set(id, member);
  }
  return ok([...members.values()].sort((a, b) => compareIds(a.id, b.id)));
}

function memberNamed(members: readonly Member[], name: string): Member {
  const found = members.find((member) => member.name === name);
  invariant(found !== undefined, `member ${name} is in its own initial cluster`);
  return found;
}

/** Peer URLs of all members but the one named `local`, in byte order. */
function remotePeerUrls(members: readonly Member[], local: string): string[] {
  return members
    .filter((member) => member.name !== local)
    .flatMap((member) => member.peerUrls)
    .sort(compareBytes);
}

function missingLocalName(name: string): string {
  return `couldn't find local name ${goQuote(name)} in the initial cluster configuration`;
}

function hasDuplicateUrl(cluster: InitialCluster): boolean {
  const urls = [...cluster.values()].flat();
  return new Set(urls).size !== urls.length;
}

function duplicateUrl(cluster: InitialCluster): string {
  return `initial cluster ${formatInitialCluster(cluster)} has duplicate url`;
}

/** Why the advertised peer URLs are not those that --initial-cluster gives this member; null if they are. */
async function advertiseMismatch(config: BootstrapConfig, local: readonly string[]): Promise<string | null> {
  const advertised = [...config.advertisePeerUrls].sort(compareBytes);
  const equal = await sameUrls(advertised, local, config.resolveHost);
  if (equal.ok) return null;
  const flag = '--initial-advertise-peer-urls';
  const unadvertised = [...new Set(local)].filter((url) => !advertised.includes(url));
  if (unadvertised.length > 0) {
    const named = unadvertised.map((url) => `${config.name}=${url}`).join(',');
    return `--initial-cluster has ${named} but missing from ${flag}=${advertised.join(',')} (${equal.error})`;
  }
  const asCluster = formatInitialCluster(new Map([[config.name, advertised]]));
  const unlisted = advertised.filter((url) => !local.includes(url));
  if (unlisted.length > 0) return `${flag} has ${unlisted.join(',')} but missing from --initial-cluster=${asCluster}`;
  return `failed to resolve ${advertised.join(',')} to match --initial-cluster=${asCluster} (${equal.error})`;
}

/** Go's %v of a RaftCluster. */
function describeCluster(cluster: { readonly clusterId: bigint; readonly members: readonly Member[] }): string {
  const members = cluster.members.map(describeMember).join(' ');
  return `{ClusterID:${formatId(cluster.clusterId)} Members:[${members}] RemovedMemberIDs:[]}`;
}

/** Go's %+v of a *Member. */
function describeMember(member: Member): string {
  const raft = `{PeerURLs:[${member.peerUrls.join(' ')}] IsLearner:${member.isLearner}}`;
  const attributes = `{Name:${member.name} ClientURLs:[${member.clientUrls.join(' ')}]}`;
  return `&{ID:${formatId(member.id)} RaftAttributes:${raft} Attributes:${attributes}}`;
}

/** etcdserverpb.Metadata (proto2, both fields always written): the first record of every WAL segment. */
export function encodeWalMetadata(identity: BootstrapIdentity): Buffer {
  const writer = Writer.sized(2 + sizeVarint64(identity.memberId) + sizeVarint64(identity.clusterId));
  writer.byte(0x08);
  writer.varint64(identity.memberId);
  writer.byte(0x10);
  writer.varint64(identity.clusterId);
  return writer.bytes;
}

/** Throws ProtoError on malformed input; unknown fields are skipped. */
export function decodeWalMetadata(bytes: Uint8Array): BootstrapIdentity {
  const reader = new Reader(bytes);
  let member = 0n;
  let cluster = 0n;
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === 0x08) member = reader.uint64();
    else if (tag === 0x10) cluster = reader.uint64();
    else reader.skip(tag);
  }
  return { memberId: member, clusterId: cluster };
}

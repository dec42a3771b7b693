/**
 * Keeps generated clusters from one start to the next: the ports and names of their members in one small file, their data
 * beside it. Ports are part of what members remember of each other, so a restart must give them the same.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { GeneratedCluster, MemberAddress, PeerLinks } from './etcd-members.ts';
import { portCandidates } from './etcd-members.ts';
import { makeFolder } from './make-folder.ts';
import { claimPort } from './port-claims.ts';
import { holderText } from './port-holder.ts';

/** Readable, and safe to delete together with the folders beside it. */
const stateFile = 'clusters.json';

/** Of clusters that were made before there was a choice. */
const directLinks: PeerLinks = { route: 'direct', scheme: 'http' };

type Clusters = Readonly<Record<string, GeneratedCluster>>;

/** Where the data of a member lives. */
export function memberDataDir(stateDir: string, memberName: string): string {
  return join(stateDir, memberName);
}

/**
 * The cluster called `cluster` with members of these names, as it was at the last start or made anew with free ports and these
 * links; the ports of the members that are `starting` are free.
 * The error says why it cannot be had and what to do.
 */
export async function loadOrCreateCluster(
  stateDir: string,
  cluster: string,
  memberNames: readonly string[],
  starting: readonly string[],
  peers: PeerLinks,
): Promise<Result<GeneratedCluster, string>> {
  const file = join(stateDir, stateFile);
  const known = readClusters(file);
  if (!known.ok) return known;

  const kept = Object.hasOwn(known.value, cluster) ? known.value[cluster] : undefined;
  if (kept !== undefined) {
    const keptNames = kept.members.map((member) => member.name);
    if (keptNames.join() === memberNames.join()) return checkPorts(kept, starting);
    if (keptNames.some((name) => existsSync(memberDataDir(stateDir, name)))) {
      return err(
        `the cluster in ${stateDir} has the members ${keptNames.join(', ')}, not ${memberNames.join(', ')}: ` +
          'start it with the same number, choose another --state-dir, or remove the folder',
      );
    }
  }
  const others = Object.entries(known.value).filter(([name]) => name !== cluster);
  const taken = new Set(
    others.flatMap(([, one]) => one.members.flatMap((member) => [member.clientPort, member.peerPort])),
  );
  const members = await allocate(memberNames, taken);
  if (!members.ok) return members;

  const created = { token: `${cluster}-${randomBytes(4).toString('hex')}`, members: members.value, peers };
  writeClusters(stateDir, { ...Object.fromEntries(others), [cluster]: created });
  return ok(created);
}

async function allocate(
  names: readonly string[],
  taken: ReadonlySet<number>,
): Promise<Result<readonly MemberAddress[], string>> {
  const members: MemberAddress[] = [];
  for (const { clientPort, peerPort } of portCandidates()) {
    const name = names[members.length];
    if (name === undefined) break;
    if (taken.has(clientPort) || taken.has(peerPort)) continue;
    if (!(await isFree(clientPort)) || !(await isFree(peerPort))) continue;
    if (await claimPort(clientPort)) members.push({ name, clientPort, peerPort });
  }
  return members.length === names.length ? ok(members) : err(`no free ports for ${names.length} members below 32768`);
}

async function checkPorts(
  cluster: GeneratedCluster,
  starting: readonly string[],
): Promise<Result<GeneratedCluster, string>> {
  for (const { name, clientPort, peerPort } of cluster.members) {
    if (!starting.includes(name)) continue;
    for (const port of [clientPort, peerPort]) {
      if (await isFree(port)) continue;
      return err(
        `port ${port} of ${name} is in use${holderText(port)}: is this cluster running already? Otherwise choose another --state-dir`,
      );
    }
  }
  // Of a cluster that runs already they are claimed.
  await Promise.all(cluster.members.map(({ clientPort }) => claimPort(clientPort)));
  return ok(cluster);
}

/** True if the port can be bound on the loopback address right now. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function readClusters(file: string): Result<Clusters, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return missing ? ok({}) : err(`cannot read ${file}: ${String(error)}`);
  }
  const clusters = parseClusters(text);
  return clusters === null
    ? err(`${file} is damaged: repair it, or remove it together with the data beside it`)
    : ok(clusters);
}

function parseClusters(text: string): Clusters | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const clusters: Record<string, GeneratedCluster> = {};
  for (const [name, cluster] of Object.entries(value)) {
    const kept = isRecord(cluster) ? { peers: directLinks, ...cluster } : cluster;
    if (!isCluster(kept)) return null;
    clusters[name] = kept;
  }
  return clusters;
}

function isCluster(value: unknown): value is GeneratedCluster {
  return (
    isRecord(value) &&
    typeof value['token'] === 'string' &&
    Array.isArray(value['members']) &&
    value['members'].every(isMember) &&
    isPeerLinks(value['peers'])
  );
}

function isPeerLinks(value: unknown): value is PeerLinks {
  if (!isRecord(value)) return false;
  const { route, scheme } = value;
  return (route === 'direct' || route === 'fabric') && (scheme === 'http' || scheme === 'https');
}

function isMember(value: unknown): value is MemberAddress {
  if (!isRecord(value)) return false;
  return typeof value['name'] === 'string' && isPort(value['clientPort']) && isPort(value['peerPort']);
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function writeClusters(stateDir: string, clusters: Clusters): void {
  makeFolder(stateDir);
  const file = join(stateDir, stateFile);
  const fresh = `${file}.${process.pid}.new`;
  writeFileSync(fresh, `${JSON.stringify(clusters, null, 2)}\n`);
  renameSync(fresh, file);
}

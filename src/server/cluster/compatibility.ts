/**
 * Whether a member of this version may join a running cluster (etcd server/etcdserver/cluster_util.go): by the cluster version that its
 * members tell, and while the cluster is being downgraded only the one that goes on being downgraded.
 */
import type { RequestOptions } from 'node:https';
import { goQuote } from '../../base/go-quote.ts';
import { errorText } from './dial-error.ts';
import { formatId } from './ids.ts';
import type { Member } from './member.ts';
import { fetchText, type WarnAboutPeer } from './remote-members.ts';
import { isBefore, minorVersion, nextMinorVersion } from './versions.ts';

/** No member of etcd 3 joins a cluster below it. */
const lowest = '3.0.0';

export interface AllowedVersions {
  readonly min: string;
  readonly max: string;
}

/** Asks a peer for a path under any of its URLs; null if none answers. */
export type AskMember = (member: Member, path: string) => Promise<string | null>;

/** An AskMember over HTTP; each question takes `timeoutMs` at most. */
export function askMemberOverHttp(warn: WarnAboutPeer, timeoutMs: number, tls: () => RequestOptions): AskMember {
  return async (member, path) => {
    const id = { 'remote-member-id': formatId(member.id) };
    for (const url of member.peerUrls) {
      const address = `${url}${path}`;
      try {
        return await fetchText(address, AbortSignal.timeout(timeoutMs), tls);
      } catch (problem) {
        const error = `Get ${goQuote(address)}: ${errorText(problem)}`;
        warn('failed to reach the peer URL', { address, ...id, error });
      }
    }
    return null;
  };
}

/**
 * Whether the others are a quorum by themselves, and so can say for sure what the cluster has agreed on. The only member of a cluster cannot
 * once another is added: it waits for the one that asks.
 */
export function othersAreQuorum(members: readonly Member[], localId: bigint): boolean {
  const voters = members.filter(({ isLearner }) => !isLearner);
  return voters.filter(({ id }) => id !== localId).length > voters.length / 2;
}

/**
 * Members that do not answer are passed over, but one at least must, and none may be out of range. `canAgree`: the remotes are a quorum.
 * If not, etcd would wait in vain for what they have agreed on, and then go on as if there were no downgrade.
 */
export async function isCompatible(
  serverVersion: string,
  remotes: readonly Member[],
  canAgree: boolean,
  ask: AskMember,
  warn: WarnAboutPeer,
): Promise<boolean> {
  const told = await Promise.all(remotes.map(async (member) => ({ member, answer: await ask(member, '/version') })));
  const allowed = allowedVersions(serverVersion, canAgree && (await isBeingDowngraded(remotes, ask)));
  let known = false;
  for (const { member, answer } of told) {
    if (answer === null) continue;
    const text = clusterVersionIn(answer);
    const version = minorVersion(text);
    const remote = { 'remote-member-id': formatId(member.id), 'remote-member-cluster-version': version ?? text };
    if (version === null) warn('failed to parse cluster version of remote member', remote);
    else if (isBefore(version, allowed.min)) {
      const minimum = { 'minimum-cluster-version-supported': allowed.min };
      warn('cluster version of remote member is not compatible; too low', { ...remote, ...minimum });
      return false;
    } else if (isBefore(allowed.max, version)) {
      const maximum = { 'maximum-cluster-version-supported': allowed.max };
      warn('cluster version of remote member is not compatible; too high', { ...remote, ...maximum });
      return false;
    } else known = true;
  }
  return known;
}

/** The cluster versions that a member may join. */
export function allowedVersions(serverVersion: string, isDowngrade: boolean): AllowedVersions {
  const own = minorVersion(serverVersion) ?? lowest;
  if (!isDowngrade) return { min: lowest, max: own };
  const next = nextMinorVersion(own);
  return { min: next, max: next };
}

/** The first member that answers decides: it knows what the cluster has agreed on. */
async function isBeingDowngraded(remotes: readonly Member[], ask: AskMember): Promise<boolean> {
  for (const member of remotes) {
    const answer = await ask(member, '/downgrade/enabled');
    if (answer === 'true') return true;
    if (answer === 'false') return false;
  }
  return false;
}

function clusterVersionIn(answer: string): string {
  try {
    const parsed: unknown = JSON.parse(answer);
    const isObject = typeof parsed === 'object' && parsed !== null && 'etcdcluster' in parsed;
    return isObject && typeof parsed.etcdcluster === 'string' ? parsed.etcdcluster : '';
  } catch {
    return '';
  }
}

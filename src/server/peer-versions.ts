/** Asks the other members for their versions, over their peer ports: what the cluster version is decided from. */
import { goQuote } from '../base/go-quote.ts';
import { formatId } from './cluster/ids.ts';
import type { Logger } from './log/logger.ts';
import type { ClusterMember } from './member/api.ts';
import type { Requester } from './peer/requester.ts';
import { askPeer } from './peer-question.ts';

const answerTimeoutMs = 1_000;

/** One answer for each member, in their order: its `etcdserver` version, or null. Never rejects. */
export function fetchVersions(
  requester: Requester,
  members: readonly ClusterMember[],
  logger: Logger,
): Promise<readonly (string | null)[]> {
  return Promise.all(members.map((member) => fetchVersion(requester, member, logger)));
}

async function fetchVersion(requester: Requester, member: ClusterMember, logger: Logger): Promise<string | null> {
  const remote = { 'remote-member-id': formatId(member.id) };
  let lastError = 'no peer URL';
  for (const url of member.peerUrls) {
    const address = `${url}/version`;
    const answer = await askPeer(requester, { method: 'GET', url, path: '/version', timeoutMs: answerTimeoutMs });
    if (answer.type === 'answered') {
      const version = versionIn(answer.body);
      if (version !== null) return version;
      lastError = `${address} answers without a version`;
    } else {
      lastError = `Get ${goQuote(address)}: ${answer.error}`;
      logger.warn('failed to reach the peer URL', { address, ...remote, error: lastError });
    }
  }
  logger.warn('failed to get version', { ...remote, error: lastError });
  return null;
}

function versionIn(body: string): string | null {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || !('etcdserver' in parsed)) return null;
    return typeof parsed.etcdserver === 'string' ? parsed.etcdserver : null;
  } catch {
    return null;
  }
}

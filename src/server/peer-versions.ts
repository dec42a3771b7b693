/** Asks the other members for their versions, over their peer ports: what the cluster version is decided from. */
import http from 'node:http';
import https from 'node:https';
import { errnoText } from '../base/go-errno.ts';
import { goQuote } from '../base/go-quote.ts';
import { formatId } from './cluster/ids.ts';
import { PlainPeerAgent, SecurePeerAgent } from './cluster/peer-agent.ts';
import type { Logger } from './log/logger.ts';
import type { ClusterMember } from './member/api.ts';

const answerTimeoutMs = 1_000;
const bodyBytesMax = 64 * 1024;

/** One answer for each member, in their order: its `etcdserver` version, or null. Never rejects. */
export function fetchVersions(
  members: readonly ClusterMember[],
  logger: Logger,
  tls: () => https.RequestOptions,
): Promise<readonly (string | null)[]> {
  return Promise.all(members.map((member) => fetchVersion(member, logger, tls)));
}

async function fetchVersion(
  member: ClusterMember,
  logger: Logger,
  tls: () => https.RequestOptions,
): Promise<string | null> {
  const remote = { 'remote-member-id': formatId(member.id) };
  let lastError = 'no peer URL';
  for (const url of member.peerUrls) {
    const address = `${url}/version`;
    try {
      const version = await ask(address, tls);
      if (version !== null) return version;
      lastError = `${address} answers without a version`;
    } catch (error) {
      lastError = `Get ${goQuote(address)}: dial tcp ${new URL(url).host}: connect: ${errnoText(error)}`;
      logger.warn('failed to reach the peer URL', { address, ...remote, error: lastError });
    }
  }
  logger.warn('failed to get version', { ...remote, error: lastError });
  return null;
}

function ask(url: string, tls: () => https.RequestOptions): Promise<string | null> {
  return new Promise((done, fail) => {
    const options = { signal: AbortSignal.timeout(answerTimeoutMs) };
    const receive = (response: http.IncomingMessage): void => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > bodyBytesMax) request.destroy();
      });
      response.once('error', fail);
      response.once('end', () => done(versionIn(body)));
    };
    const request = url.startsWith('https:')
      ? https.get(url, { ...options, agent: new SecurePeerAgent(tls) }, receive)
      : http.get(url, { ...options, agent: new PlainPeerAgent() }, receive);
    request.once('error', fail);
  });
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

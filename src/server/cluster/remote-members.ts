/** The shell of a bootstrap: asks running peers for their members over HTTP and resolves host names. */
import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import type { Clock } from '../../base/ports.ts';
import { err, ok } from '../../base/result.ts';
import type { FetchMembers } from './bootstrap.ts';
import { parseId } from './ids.ts';
import { type Member, parseMembers } from './member.ts';
import type { ResolveHost } from './url-equality.ts';

/** Told of each peer that could not answer. */
export type WarnAboutPeer = (message: string, fields: Readonly<Record<string, string>>) => void;

/** How long one peer may take to answer; etcd's figure for joining. */
const fetchMembersTimeoutMs = 10_000;

/** More than this is no member list. */
const membersBodyBytesMax = 16 * 1024 * 1024;

/** A FetchMembers that asks the URLs one after another; the first good answer counts. */
export function fetchMembersOverHttp(
  warn: WarnAboutPeer,
  timeoutMs = fetchMembersTimeoutMs,
  tls: https.RequestOptions = {},
): FetchMembers {
  return async (peerUrls) => {
    for (const url of peerUrls) {
      const address = `${url}/members`;
      const answer = await get(address, timeoutMs, tls).catch((problem: unknown) => {
        warn('failed to get cluster response', { address, error: messageOf(problem) });
        return null;
      });
      if (answer === null) continue;
      const members = parsed(answer.body);
      if (typeof members === 'string') {
        warn('failed to unmarshal cluster response', { address, error: members });
        continue;
      }
      const id = parseId(answer.clusterId);
      if (id !== null) return { clusterId: id, members };
      warn('failed to parse cluster ID', { address, header: answer.clusterId, error: 'invalid syntax' });
    }
    return null;
  };
}

function parsed(body: string): Member[] | string {
  try {
    return parseMembers(body);
  } catch (problem) {
    return messageOf(problem);
  }
}

function messageOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

function get(
  address: string,
  timeoutMs: number,
  tls: https.RequestOptions,
): Promise<{ readonly clusterId: string; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const onAnswer = (response: http.IncomingMessage): void => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > membersBodyBytesMax)
          request.destroy(new Error(`answer is longer than ${membersBodyBytesMax} bytes`));
        chunks.push(chunk);
      });
      response.once('end', () => {
        const header = response.headers['x-etcd-cluster-id'];
        resolve({ clusterId: typeof header === 'string' ? header : '', body: Buffer.concat(chunks).toString('utf8') });
      });
      response.once('error', reject);
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const request = requestOf(address, { agent: false, signal }, tls, onAnswer);
    request.once('error', reject);
    request.end();
  });
}

function requestOf(
  address: string,
  options: http.RequestOptions,
  tls: https.RequestOptions,
  onAnswer: (response: http.IncomingMessage) => void,
): http.ClientRequest {
  const unix = /^unixs?:\/\/([^/]*)(\/.*)$/.exec(address);
  if (unix !== null) {
    const [, socketPath = '', path = ''] = unix;
    const overSocket = { ...options, socketPath, path };
    return address.startsWith('unixs')
      ? https.request({ ...overSocket, ...tls }, onAnswer)
      : http.request(overSocket, onAnswer);
  }
  if (address.startsWith('https:')) return https.request(address, { ...options, ...tls }, onAnswer);
  return http.request(address, options, onAnswer);
}

/** How long and how often a host name is looked up; etcd's figures. */
const resolveTimeoutMs = 30_000;
const resolveRetryMs = 1_000;

/** A ResolveHost over the system's resolver that retries for `resolveTimeoutMs`. */
export function resolveHostOverDns(warn: WarnAboutPeer, clock: Clock): ResolveHost {
  return async (host) => {
    const giveUpAt = clock.monotonicMs() + resolveTimeoutMs;
    for (;;) {
      try {
        return ok((await lookup(host)).address);
      } catch (problem) {
        warn('failed to resolve URL Host', { host, 'retry-interval': '1s', error: messageOf(problem) });
        if (clock.monotonicMs() + resolveRetryMs > giveUpAt) return err(messageOf(problem));
      }
      await new Promise<void>((resolve) => clock.after(resolveRetryMs, resolve));
    }
  };
}

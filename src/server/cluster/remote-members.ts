/** The shell of a bootstrap: asks running peers for their members over HTTP and resolves host names. */
import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { goQuote } from '../../base/go-quote.ts';
import type { Clock } from '../../base/ports.ts';
import { err, ok } from '../../base/result.ts';
import type { FetchMembers } from './bootstrap.ts';
import { errorText } from './dial-error.ts';
import { parseId } from './ids.ts';
import { type Member, parseMembers } from './member.ts';
import { PlainPeerAgent, SecurePeerAgent } from './peer-agent.ts';
import type { ResolveHost } from './url-equality.ts';

/** Told of each peer that could not answer. */
export type WarnAboutPeer = (message: string, fields: Readonly<Record<string, string>>) => void;

/** How long one peer may take to answer; etcd's figure for joining. */
const fetchMembersTimeoutMs = 10_000;

/** More than this is no member list. */
const membersBodyBytesMax = 16 * 1024 * 1024;

/**
 * A FetchMembers that asks all URLs at once; the first good answer counts. (etcd asks one after another; a founding member would
 * wait for each peer that listens already but cannot answer yet.)
 */
export function fetchMembersOverHttp(
  warn: WarnAboutPeer,
  timeoutMs = fetchMembersTimeoutMs,
  tls: () => https.RequestOptions = () => ({}),
): FetchMembers {
  return async (peerUrls) => {
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, AbortSignal.timeout(timeoutMs)]);
    const questions = peerUrls.map(async (url) => {
      const address = `${url}/members`;
      const answer = await askMembers(address, signal, tls);
      if (answer.type === 'members') return answer;
      if (!enough.signal.aborted) warn(answer.message, { address, ...answer.fields });
      throw new Error(answer.message);
    });
    try {
      return await Promise.any(questions);
    } catch {
      return null; // every peer was warned of
    } finally {
      enough.abort();
    }
  };
}

type MembersAnswer =
  | { readonly type: 'members'; readonly clusterId: bigint; readonly members: readonly Member[] }
  | { readonly type: 'failed'; readonly message: string; readonly fields: Readonly<Record<string, string>> };

async function askMembers(
  address: string,
  signal: AbortSignal,
  tls: () => https.RequestOptions,
): Promise<MembersAnswer> {
  const failed = (message: string, fields: Readonly<Record<string, string>>): MembersAnswer => ({
    type: 'failed',
    message,
    fields,
  });
  let answer: { readonly clusterId: string; readonly body: string };
  try {
    answer = await get(address, signal, tlsFor(address, tls));
  } catch (problem) {
    return failed('failed to get cluster response', { error: `Get ${goQuote(address)}: ${errorText(problem)}` });
  }
  const members = parsed(answer.body);
  if (typeof members === 'string') return failed('failed to unmarshal cluster response', { error: members });
  const clusterId = parseId(answer.clusterId);
  if (clusterId !== null) return { type: 'members', clusterId, members };
  return failed('failed to parse cluster ID', { header: answer.clusterId, error: 'invalid syntax' });
}

function tlsFor(address: string, tls: () => https.RequestOptions): https.RequestOptions {
  return address.startsWith('https:') || address.startsWith('unixs:') ? tls() : {};
}

/** The body of a peer's answer. Rejects with the problem of the network, or if the answer is no 200. */
export async function fetchText(
  address: string,
  signal: AbortSignal,
  tls: () => https.RequestOptions,
): Promise<string> {
  const { status, body } = await get(address, signal, tlsFor(address, tls));
  if (status !== 200) throw new Error(`unexpected http status ${status}`);
  return body;
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
  signal: AbortSignal,
  tls: https.RequestOptions,
): Promise<{ readonly status: number; readonly clusterId: string; readonly body: string }> {
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
        resolve({
          status: response.statusCode ?? 0,
          clusterId: typeof header === 'string' ? header : '',
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
      response.once('error', reject);
    };
    const request = requestOf(address, { signal }, tls, onAnswer);
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
      ? https.request({ ...overSocket, ...tls, agent: false }, onAnswer)
      : http.request({ ...overSocket, agent: false }, onAnswer);
  }
  // An agent of its own, which keeps nothing, is how one dials anew for each question.
  if (address.startsWith('https:')) {
    return https.request(address, { ...options, agent: new SecurePeerAgent(() => tls) }, onAnswer);
  }
  return http.request(address, { ...options, agent: new PlainPeerAgent() }, onAnswer);
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

/** --initial-cluster as members, and the checks that a member makes before it bootstraps from it. */
import { goQuote } from '../../base/go-quote.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { EtcdConfig } from './config.ts';
import type { EtcdUrl } from './urls.ts';
import { parseUrls } from './urls.ts';

/** Peer URLs by member name; a name given several times has several URLs. */
export type InitialMembers = ReadonlyMap<string, readonly EtcdUrl[]>;

/** Parses "a=http://127.0.0.1:2380,b=…". The error is etcd's text, to be logged as fatal "discovery failed". */
export function initialMembers(text: string): Result<InitialMembers, string> {
  const listed = new Map<string, string[]>();
  for (const pair of text.split(',')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const urls = listed.get(name) ?? [];
    urls.push(equals < 0 ? '' : pair.slice(equals + 1));
    listed.set(name, urls);
  }
  const members = new Map<string, readonly EtcdUrl[]>();
  for (const [name, texts] of listed) {
    const urls = parseUrls(texts.join(','));
    if (!urls.ok) return err(`error setting up initial cluster: ${urls.error}`);
    members.set(name, urls.value);
  }
  return ok(members);
}

/** Resolves a host name to one address; rejects if it has none. */
export type ResolveHost = (host: string) => Promise<string>;

/** Why a new cluster cannot start from these members; null if it can. For a member without a WAL that is to bootstrap. */
export async function bootstrapProblem(
  config: EtcdConfig,
  members: InitialMembers,
  resolve: ResolveHost,
): Promise<string | null> {
  const own = members.get(config.name);
  if (own === undefined) return localNameMissing(config.name);
  return (await advertiseMismatch(config, own, resolve)) ?? duplicateProblem(members);
}

/** Why a member cannot join an existing cluster with these members; null if it can. */
export function joinProblem(config: EtcdConfig, members: InitialMembers): string | null {
  return members.has(config.name) ? duplicateProblem(members) : localNameMissing(config.name);
}

function localNameMissing(name: string): string {
  return `couldn't find local name ${goQuote(name)} in the initial cluster configuration`;
}

function duplicateProblem(members: InitialMembers): string | null {
  const seen = new Set<string>();
  for (const url of [...members.values()].flat()) {
    if (seen.has(url.text)) return `initial cluster ${membersText(members)} has duplicate url`;
    seen.add(url.text);
  }
  return null;
}

/** "name=url" pairs, sorted. */
export function membersText(members: InitialMembers): string {
  const pairs = [...members].flatMap(([name, urls]) => urls.map((url) => `${name}=${url.text}`));
  return pairs.sort().join(',');
}

async function advertiseMismatch(
  config: EtcdConfig,
  own: readonly EtcdUrl[],
  resolve: ResolveHost,
): Promise<string | null> {
  const advertised = config.advertisePeerUrls;
  const difference = await urlDifference(advertised, own, resolve);
  if (difference === null) return null;
  const advertisedText = advertised.map((url) => url.text).join(',');
  const notAdvertised = missingFrom(advertised, own);
  if (notAdvertised.length > 0) {
    const pairs = notAdvertised.map((url) => `${config.name}=${url}`).join(',');
    return `--initial-cluster has ${pairs} but missing from --initial-advertise-peer-urls=${advertisedText} (${difference})`;
  }
  const cluster = membersText(new Map([[config.name, advertised]]));
  const notInCluster = missingFrom(own, advertised);
  if (notInCluster.length > 0) {
    return `--initial-advertise-peer-urls has ${notInCluster.join(',')} but missing from --initial-cluster=${cluster}`;
  }
  return `failed to resolve ${advertisedText} to match --initial-cluster=${cluster} (${difference})`;
}

function missingFrom(urls: readonly EtcdUrl[], wanted: readonly EtcdUrl[]): string[] {
  const present = new Set(urls.map((url) => url.text));
  return wanted.map((url) => url.text).filter((text) => !present.has(text));
}

/** How two sorted lists differ once host names are resolved; null if they do not. */
async function urlDifference(
  a: readonly EtcdUrl[],
  b: readonly EtcdUrl[],
  resolve: ResolveHost,
): Promise<string | null> {
  if (a.length !== b.length) return `len(${quotedList(a)}) != len(${quotedList(b)})`;
  if (a.every((url, index) => url.text === b[index]?.text)) return null;
  try {
    const [first, second] = await Promise.all([resolvedTexts(a, resolve), resolvedTexts(b, resolve)]);
    for (const [index, text] of first.entries()) {
      const other = second[index] ?? '';
      if (text !== other) return `resolved urls: ${goQuote(text)} != ${goQuote(other)}`;
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** "localhost" stays as it is: etcd does not resolve it either. */
async function resolvedTexts(urls: readonly EtcdUrl[], resolve: ResolveHost): Promise<string[]> {
  const texts = urls.map(async (url) => {
    if (url.scheme === 'unix' || url.scheme === 'unixs' || url.host === 'localhost') return url.text;
    const address = await resolve(url.host);
    return `${url.scheme}://${address.includes(':') ? `[${address}]` : address}:${url.port}`;
  });
  return (await Promise.all(texts)).sort();
}

function quotedList(urls: readonly EtcdUrl[]): string {
  return `[${urls.map((url) => goQuote(url.text)).join(' ')}]`;
}

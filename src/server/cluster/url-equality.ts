/** Whether two lists of URLs mean the same listeners, host names resolved (etcd pkg/netutil). [pure] */
import { goQuote } from '../../base/go-quote.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { compareBytes } from './peer-urls.ts';

/** The first address of a host name, or why there is none. It may retry for as long as its owner likes (etcd: 30 s). */
export type ResolveHost = (host: string) => Promise<Result<string, string>>;

/** Equal as texts in any order, or equal after resolving hosts; "localhost" is left alone. The error is etcd's text. */
export async function sameUrls(
  a: readonly string[],
  b: readonly string[],
  resolveHost: ResolveHost,
): Promise<Result<null, string>> {
  if (a.length !== b.length) return err(`len(${quoted(a)}) != len(${quoted(b)})`);
  if (firstDifference(a, b) === null) return ok(null);
  const resolvedA = await resolveAll(a, resolveHost);
  if (!resolvedA.ok) return resolvedA;
  const resolvedB = await resolveAll(b, resolveHost);
  if (!resolvedB.ok) return resolvedB;
  const difference = firstDifference(resolvedA.value, resolvedB.value);
  if (difference === null) return ok(null);
  return err(`resolved urls: ${goQuote(difference.a)} != ${goQuote(difference.b)}`);
}

function firstDifference(
  a: readonly string[],
  b: readonly string[],
): { readonly a: string; readonly b: string } | null {
  const [left, right] = [[...a].sort(compareBytes), [...b].sort(compareBytes)];
  for (const [i, url] of left.entries()) {
    const other = right[i] ?? '';
    if (url !== other) return { a: url, b: other };
  }
  return null;
}

async function resolveAll(urls: readonly string[], resolveHost: ResolveHost): Promise<Result<string[], string>> {
  const resolved: string[] = [];
  for (const url of urls) {
    const parts = /^(https?:\/\/)(\[[^\]]*\]|[^:/?#]*)(:.*)$/.exec(url);
    const [, scheme = '', host = '', rest = ''] = parts ?? [];
    if (parts === null || host === 'localhost' || host.startsWith('[') || /^[0-9.]+$/.test(host)) {
      resolved.push(url);
      continue;
    }
    const address = await resolveHost(host);
    if (!address.ok) return err(`failed to resolve ${goQuote(url)} (${address.error})`);
    resolved.push(scheme + (address.value.includes(':') ? `[${address.value}]` : address.value) + rest);
  }
  return ok(resolved);
}

/** Go's %q of a []string. */
function quoted(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(' ')}]`;
}

/** Peer URLs and the value of --initial-cluster, with the complaints of etcd's client/pkg/types. [pure] */
import { goQuote } from '../../base/go-quote.ts';
import { err, ok, type Result } from '../../base/result.ts';

/** Names and their peer URLs; each list in byte order. */
export type InitialCluster = ReadonlyMap<string, readonly string[]>;

/** Parses "a=http://1.2.3.4:2380,a=http://5.6.7.8:2380,b=…". Empty parts are skipped. The error is etcd's text. */
export function parseInitialCluster(text: string): Result<InitialCluster, string> {
  const raw = new Map<string, string[]>();
  for (const part of text.split(',')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const urls = raw.get(name) ?? [];
    urls.push(equals < 0 ? '' : part.slice(equals + 1));
    raw.set(name, urls);
  }
  const cluster = new Map<string, readonly string[]>();
  for (const [name, texts] of raw) {
    const urls = parsePeerUrls(texts);
    if (!urls.ok) return urls;
    cluster.set(name, urls.value);
  }
  return ok(cluster);
}

/** "name=url" pairs in byte order, joined by commas. */
export function formatInitialCluster(cluster: InitialCluster): string {
  const pairs: string[] = [];
  for (const [name, urls] of cluster) for (const url of urls) pairs.push(`${name}=${url}`);
  return pairs.sort(compareBytes).join(',');
}

/** Checks and sorts URLs (at least one). The error is etcd's text for the first bad one. */
export function parsePeerUrls(texts: readonly string[]): Result<readonly string[], string> {
  if (texts.length === 0) return err('no valid URLs given');
  const urls: string[] = [];
  for (const text of texts) {
    const url = parsePeerUrl(text.trim());
    if (!url.ok) return url;
    urls.push(url.value);
  }
  return ok(urls.sort(compareBytes));
}

function parsePeerUrl(text: string): Result<string, string> {
  const malformed = goUrlProblem(text);
  if (malformed !== null) return err(`parse ${goQuote(text)}: ${malformed}`);
  const parts = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(.*)$/.exec(text);
  const scheme = parts?.[1]?.toLowerCase() ?? '';
  const host = (parts?.[2] ?? '').replace(/^.*@/, '');
  switch (scheme) {
    case 'http':
    case 'https':
      if (!hasPort(host)) return err(`URL address does not have the form "host:port": ${text}`);
      if (parts?.[3] !== '') return err(`URL must not contain a path: ${text}`);
      break;
    case 'unix':
    case 'unixs':
      break;
    default:
      return err(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
  return ok(scheme + text.slice(scheme.length));
}

/** What Go's url.Parse refuses, for the mistakes that people make; null for everything else. */
function goUrlProblem(text: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'net/url: invalid control character in URL';
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text);
  if (badEscape !== null) return `invalid URL escape ${goQuote(badEscape[0])}`;
  if (text.startsWith(':')) return 'missing protocol scheme';
  if (/^[0-9+.-][a-zA-Z0-9+.-]*:/.test(text)) return 'first path segment in URL cannot contain colon';
  const host = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  const forbidden = /[ "<>\\^`{|}]/.exec(host);
  if (forbidden !== null) return `invalid character ${goQuote(forbidden[0])} in host name`;
  const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)$/.exec(host.replace(/^.*@/, ''))?.[1];
  return port === undefined || /^:[0-9]*$/.test(port) ? null : `invalid port ${goQuote(port)} after host`;
}

/** Go's net.SplitHostPort succeeds. */
function hasPort(host: string): boolean {
  return /^(?:\[[^\]]*\]|[^:[\]]*):[^:[\]]*$/.test(host);
}

export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * URLs of members, by the rules of Go's net/url and of etcd's flags (client/pkg/types/urls.go): scheme http, https, unix or
 * unixs, "host:port", no path. All errors are the exact texts of the original.
 */
import { isIP } from 'node:net';
import { goQuote } from '../../base/go-quote.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

export type UrlScheme = 'http' | 'https' | 'unix' | 'unixs';

/** One URL of a member. Member ids hash `text`, so it is exactly what the user wrote, the scheme in lower case. */
export interface EtcdUrl {
  readonly scheme: UrlScheme;
  /** Host name or address without brackets. */
  readonly host: string;
  /** 0 if the URL has none, which only unix and unixs URLs and "host:" may. */
  readonly port: number;
  /** What follows "//": "host:port" as written, or for unix and unixs the name of the socket's file. */
  readonly address: string;
  readonly text: string;
}

/** Whether connections to it are TLS. */
export function isSecure(url: EtcdUrl): boolean {
  return url.scheme === 'https' || url.scheme === 'unixs';
}

/** Parses a comma-separated list; the result is sorted by text, as etcd sorts, and free of duplicates. */
export function parseUrls(list: string): Result<readonly EtcdUrl[], string> {
  const urls = new Map<string, EtcdUrl>();
  for (const part of list.split(',')) {
    const url = parseUrl(part.trim());
    if (!url.ok) return url;
    urls.set(url.value.text, url.value);
  }
  return ok([...urls.values()].sort((a, b) => (a.text < b.text ? -1 : 1)));
}

/** Parses one URL; the error is etcd's text. */
export function parseUrl(text: string): Result<EtcdUrl, string> {
  const parts = splitUrl(text);
  if (!parts.ok) return err(`parse ${goQuote(text)}: ${parts.error}`);
  const { scheme, authority, path, suffix } = parts.value;
  switch (scheme) {
    case 'http':
    case 'https': {
      const hostPort = splitHostPort(authority);
      if (!hostPort.ok) return err(`URL address does not have the form "host:port": ${text}`);
      if (path !== '') return err(`URL must not contain a path: ${text}`);
      const { host, port } = hostPort.value;
      return ok({ scheme, host, port: Number(port), address: authority, text: `${scheme}://${authority}${suffix}` });
    }
    case 'unix':
    case 'unixs': {
      const hostPort = splitHostPort(authority);
      const { host, port } = hostPort.ok ? hostPort.value : { host: authority, port: '' };
      const address = authority + path;
      return ok({ scheme, host, port: Number(port), address, text: `${scheme}://${address}${suffix}` });
    }
    default:
      return err(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
}

/** Where net.Server listens, or net.connect dials, for a URL. A unix URL names a file in the working directory. */
export function socketTarget(
  url: EtcdUrl,
): { readonly host: string; readonly port: number } | { readonly path: string } {
  if (url.scheme === 'unix' || url.scheme === 'unixs') return { path: url.address };
  return { host: url.host, port: url.port };
}

/** The first reason, if any, why the URLs cannot be listened on: a domain name other than localhost. */
export function bindProblem(urls: readonly EtcdUrl[]): string | null {
  for (const url of urls) {
    if (url.scheme === 'unix' || url.scheme === 'unixs' || url.host === 'localhost') continue;
    if (isIP(url.host) === 0 || url.host.includes('%')) return `expected IP in URL for binding (${url.text})`;
  }
  return null;
}

/** The first reason, if any, why the URLs cannot be advertised: no host, or (for unix URLs too) no port. */
export function advertiseProblem(urls: readonly EtcdUrl[]): string | null {
  for (const url of urls) {
    const hostPort = splitHostPort(url.address.replace(/\/.*/, ''));
    if (!hostPort.ok) return hostPort.error;
    if (hostPort.value.host === '') return `unexpected empty host (${url.text})`;
  }
  return null;
}

interface UrlParts {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** Query and fragment as written. */
  readonly suffix: string;
}

/** The part of Go's url.Parse that texts of this shape can reach. */
function splitUrl(text: string): Result<UrlParts, string> {
  if ([...text].some((character) => character < ' ' || character === '\x7f')) {
    return err('net/url: invalid control character in URL');
  }
  if (text.startsWith(':')) return err('missing protocol scheme');
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1] ?? '';
  const afterScheme = scheme === '' ? text : text.slice(scheme.length + 1);
  const suffixAt = afterScheme.search(/[?#]/);
  const rest = suffixAt < 0 ? afterScheme : afterScheme.slice(0, suffixAt);
  const suffix = suffixAt < 0 ? '' : afterScheme.slice(suffixAt);

  if (!rest.startsWith('/')) {
    // A scheme without slash makes an opaque URL; without a scheme, a colon would be mistaken for one.
    if (scheme === '' && /^[^/]*:/.test(rest)) return err('first path segment in URL cannot contain colon');
    return ok({ scheme: scheme.toLowerCase(), authority: '', path: rest, suffix });
  }
  if (!rest.startsWith('//')) return ok({ scheme: scheme.toLowerCase(), authority: '', path: rest, suffix });
  const slash = rest.indexOf('/', 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const problem = authorityProblem(authority);
  if (problem !== null) return err(problem);
  return ok({ scheme: scheme.toLowerCase(), authority, path: slash < 0 ? '' : rest.slice(slash), suffix });
}

function authorityProblem(authority: string): string | null {
  let portText: string;
  if (authority.startsWith('[')) {
    const close = authority.lastIndexOf(']');
    if (close < 0) return "missing ']' in host";
    portText = authority.slice(close + 1);
  } else {
    const invalid = /[^A-Za-z0-9_.~!$&'()*+,;=:[\]<>"%@-]/u.exec(authority.replace(/[\u0080-\u{10ffff}]/gu, ''))?.[0];
    if (invalid !== undefined) return `invalid character ${goQuote(invalid)} in host name`;
    portText = authority.includes(':') ? authority.slice(authority.lastIndexOf(':')) : '';
  }
  return portText === '' || /^:[0-9]*$/.test(portText) ? null : `invalid port ${goQuote(portText)} after host`;
}

/** Go's net.SplitHostPort. */
function splitHostPort(address: string): Result<{ readonly host: string; readonly port: string }, string> {
  // As Go's AddrError, which leaves out an address that is empty.
  const failed = (why: string): Result<never, string> => err(address === '' ? why : `address ${address}: ${why}`);
  const lastColon = address.lastIndexOf(':');
  if (lastColon < 0) return failed('missing port in address');
  if (address.startsWith('[')) {
    const close = address.indexOf(']');
    if (close < 0) return failed("missing ']' in address");
    if (close + 1 === address.length) return failed('missing port in address');
    if (close + 1 !== lastColon) {
      return failed(address[close + 1] === ':' ? 'too many colons in address' : 'missing port in address');
    }
    return ok({ host: address.slice(1, close), port: address.slice(lastColon + 1) });
  }
  if (address.indexOf(':') !== lastColon) return failed('too many colons in address');
  return ok({ host: address.slice(0, lastColon), port: address.slice(lastColon + 1) });
}

/** How a client on this machine reaches an etcd, and what it shows to it. As JSON it crosses the control socket. */

export interface MemberEndpoint {
  /** http, https, unix or unixs, as etcd writes its client URLs. */
  readonly url: string;
  /** Of a unix URL the socket's file, absolute; else null. */
  readonly socket: string | null;
  /** Absolute names of PEM files. Whom a TLS endpoint belongs to is checked by `cacert`, and not at all if that is null. */
  readonly cacert: string | null;
  /** Shown to one that asks for a client certificate; both or neither. */
  readonly cert: string | null;
  readonly key: string | null;
}

/** Of a URL that needs no certificates. */
export function plainEndpoint(url: string): MemberEndpoint {
  return { url, socket: null, cacert: null, cert: null, key: null };
}

export function isSecure({ url }: MemberEndpoint): boolean {
  return /^(?:https|unixs):/.test(url);
}

/** Who may ask over HTTP: --host-whitelist against DNS rebinding, --cors for browsers (etcd server/embed/serve.go). */
import { errorAnswer, type HttpAnswer } from './answer.ts';

export interface AccessRules {
  /** Hosts of plain HTTP requests that are served; empty or "*" is any. */
  readonly hostWhitelist: readonly string[];
  /** Origins that browsers may ask from; empty or "*" is any. */
  readonly corsOrigins: readonly string[];
}

function allows(list: readonly string[], name: string): boolean {
  return list.length === 0 || list.includes('*') || list.includes(name);
}

/** The refusal of a plain HTTP request whose Host header names no allowed host; null lets it pass. */
export function refuseHost(rules: AccessRules, hostHeader: string): HttpAnswer | null {
  const host = hostName(hostHeader);
  if (allows(rules.hostWhitelist, host)) return null;
  return errorAnswer(
    421,
    `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`,
  );
}

/** The name in a Host header: without the port, and without the brackets of an IPv6 address that has one. */
function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\]:[^:]*$/.exec(header);
  if (bracketed !== null) return bracketed[1] ?? '';
  const named = /^([^:[\]]*):[^:]*$/.exec(header);
  return named === null ? header : (named[1] ?? '');
}

/** The headers that let a browser's page of this origin read the answer; none if it may not. */
export function corsHeaders(rules: AccessRules, origin: string): Readonly<Record<string, string>> {
  const anyOrigin = allows(rules.corsOrigins, '*');
  if (!anyOrigin && !allows(rules.corsOrigins, origin)) return {};
  return {
    'Access-Control-Allow-Headers': 'accept, content-type, authorization',
    'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
    'Access-Control-Allow-Origin': anyOrigin ? '*' : origin,
  };
}

/** Connections to etcds, plain or TLS, over TCP or a unix socket, with the certificates that the endpoint names; and in words why there is none. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { connect as connectTls } from 'node:tls';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import { isSecure } from '../base/member-endpoint.ts';

/** node:tls, which is loaded only for those that need it. */
export interface Tls {
  readonly connect: typeof connectTls;
}

/**
 * Dials; the caller listens for the outcome, and passes an error on to `failureText`. `tls` is not null for a TLS endpoint. Throws, in words
 * for people, if there is nothing to dial or a file of certificates cannot be used.
 */
export function openSocket(endpoint: MemberEndpoint, tls: Tls | null, protocol: 'h2' | 'http/1.1'): Socket {
  const address = addressOf(endpoint);
  if (tls === null) return createConnection(address);
  const { cacert, cert, key } = endpoint;
  const files = {
    ...(cacert !== null && { ca: read('the authority', cacert) }),
    ...(cert !== null && { cert: read('the client certificate', cert) }),
    ...(key !== null && { key: read('the key of the client certificate', key) }),
  };
  try {
    return tls.connect({ ...address, ...files, rejectUnauthorized: cacert !== null, ALPNProtocols: [protocol] });
  } catch (error) {
    throw new Error(`cannot use ${[cert, key, cacert].filter((file) => file !== null).join(', ')}: ${textOf(error)}`);
  }
}

/** `host[:port]` for an HTTP request to the endpoint. */
export function hostOf({ url, socket }: MemberEndpoint): string {
  return socket === null ? new URL(url).host : 'localhost';
}

function addressOf({ url, socket }: MemberEndpoint): { path: string } | { host: string; port: number } {
  if (socket !== null) return { path: socket };
  if (!URL.canParse(url)) {
    throw new Error(`${url} is no address that could be asked: name it in clusterctl.yaml, etcd: { endpoint: … }`);
  }
  const { protocol, hostname, port } = new URL(url);
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
}

function read(what: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read ${what}: ${textOf(error)}`);
  }
}

/** Of alerts of TLS: what the other side has against our certificate, or that we have shown none. */
const certificateAlert = /ALERT_(?:.+_)?CERTIFICATE|ALERT_UNKNOWN_CA/;
/** A server that refuses may have closed the connection before its alert could be read. */
const brokenOff = ['ECONNRESET', 'EPIPE'];

/** Why a connection has failed, and what to do if it is for certificates. */
export function failureText(error: unknown, endpoint: MemberEndpoint): string {
  const text = textOf(error);
  if (!isSecure(endpoint)) return text;
  const { cacert, cert } = endpoint;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (certificateAlert.test(code)) {
    return cert === null
      ? 'it asks for a client certificate: name one in clusterctl.yaml, etcd: { cert: …, key: … }'
      : `it refuses the client certificate ${cert} (${alertOf(code)})`;
  }
  if (brokenOff.includes(code)) return silenceText(text, endpoint);
  const isOfAuthority = /CERT|SIGNATURE|ISSUER/.test(code);
  return isOfAuthority && cacert !== null ? `its certificate is not good by ${cacert}: ${text}` : text;
}

/** Of one that has ended a connection without a word: some refuse a certificate so. */
export function silenceText(what: string, endpoint: MemberEndpoint): string {
  if (!isSecure(endpoint)) return what;
  const { cert } = endpoint;
  return `${what}: it may not take ${cert === null ? 'clients without a certificate' : `the client certificate ${cert}`}`;
}

/** `unknown ca`, of ERR_SSL_TLSV1_ALERT_UNKNOWN_CA. */
function alertOf(code: string): string {
  return code
    .replace(/^.*_ALERT_/, '')
    .toLowerCase()
    .replaceAll('_', ' ');
}

/** Both addresses of localhost refuse in one error that has no words of its own. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return textOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

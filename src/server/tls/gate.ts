/**
 * Turns connections that come in into secured ones: the handshake, and what etcd demands of a client's certificate beyond its
 * signature (client/pkg/transport/listener_tls.go).
 */
import { lookup, reverse } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { goQuote } from '../../base/go-quote.ts';
import type { Logger } from '../log/logger.ts';
import type { Credentials } from './credentials.ts';

/** What is behind the gate. */
export interface TlsSide {
  readonly credentials: Credentials;
  /** Protocols that it serves, most wanted first: "h2", "http/1.1". */
  readonly protocols: readonly string[];
  /** Begins the log line about a connection that is refused. */
  readonly refusal: string;
  /** The addresses and names in a client's certificate must fit where it connects from: so among peers. */
  readonly checksOrigin: boolean;
  readonly logger: Logger;
}

/** A client that does not finish its handshake is let go. */
const handshakeTimeoutMs = 30_000;

export class TlsGate {
  private readonly side: TlsSide;
  private readonly serve: (socket: TLSSocket) => void;
  private options: SecureContextOptions | null = null;
  private server: Server | null = null;
  /** In their handshake, by the address of the other end. */
  private readonly shaking = new Map<string, Socket>();

  /** `serve` gets the connections that are let in, and owns them. */
  constructor(side: TlsSide, serve: (socket: TLSSocket) => void) {
    this.side = side;
    this.serve = serve;
  }

  /** Owns the connection from now on. */
  accept(socket: Socket): void {
    let server: Server;
    try {
      server = this.current();
    } catch {
      socket.destroy(); // the log says why
      return;
    }
    const from = originOf(socket);
    this.shaking.set(from, socket);
    socket.once('close', () => {
      if (!this.shaking.delete(from) || socket.bytesRead === 0) return;
      // Node closes one whose certificate it does not trust without a word.
      this.refused(socket, null, this.side.credentials.asksForCertificate ? untrusted : wentAway);
    });
    server.emit('connection', socket);
  }

  /** One server for as long as the certificate stays the same. */
  private current(): Server {
    const { credentials } = this.side;
    const options = credentials.serverOptions();
    if (this.server !== null && options === this.options) return this.server;
    this.options = options;
    this.server = createServer({
      ...options,
      requestCert: credentials.asksForCertificate,
      rejectUnauthorized: credentials.asksForCertificate,
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
      allowHalfOpen: true,
      ALPNCallback: ({ protocols }) => this.side.protocols.find((one) => protocols.includes(one)),
    });
    this.server.on('secureConnection', (socket: TLSSocket) => void this.handshaken(socket));
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.shaking.delete(originOf(socket));
      this.refused(socket, socket, goWords(error));
    });
    return this.server;
  }

  private async handshaken(socket: TLSSocket): Promise<void> {
    this.shaking.delete(originOf(socket));
    socket.on('error', ignore);
    const problem = this.side.credentials.asksForCertificate ? await this.problemOf(socket) : null;
    if (problem === null && !socket.destroyed) {
      this.serve(socket);
      socket.off('error', ignore);
      return;
    }
    socket.destroy();
    if (problem !== null) this.refused(socket, socket, problem);
  }

  private async problemOf(socket: TLSSocket): Promise<string | null> {
    const { credentials, checksOrigin } = this.side;
    const { allowedCommonNames, allowedHostnames } = credentials;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return null;
    const allowed =
      allowedCommonNames.length > 0
        ? allowedCommonNames.includes(String(socket.getPeerCertificate().subject.CN ?? ''))
        : allowedHostnames.length === 0 ||
          allowedHostnames.some(
            (name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined,
          );
    if (!allowed) return 'client certificate authentication failed';
    if (!checksOrigin || credentials.skipClientSanVerification) return null;
    return originProblem(namesIn(certificate.subjectAltName ?? ''), socket.remoteAddress ?? '');
  }

  private refused(socket: Socket, secured: TLSSocket | null, error: string): void {
    const names = namesIn(secured?.getPeerX509Certificate()?.subjectAltName ?? '');
    this.side.logger.warn(this.side.refusal, {
      'remote-addr': originOf(socket),
      'server-name': secured === null || typeof secured.servername !== 'string' ? '' : secured.servername,
      ...((names.addresses.length > 0 || names.hosts.length > 0) && {
        'ip-addresses': names.addresses,
        'dns-names': names.hosts,
      }),
      error,
    });
  }
}

function ignore(): void {}

function originOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
}

const untrusted = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';

/** What Go says of a client that is gone in the midst of it. */
const wentAway = 'EOF';

/** The commonest failures in the words of Go's crypto/tls. */
const wordsByCode = new Map([
  ['ERR_SSL_HTTP_REQUEST', 'tls: first record does not look like a TLS handshake'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls: first record does not look like a TLS handshake'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', "tls: client didn't provide a certificate"],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'remote error: tls: bad certificate'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'remote error: tls: unknown certificate authority'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'remote error: tls: unknown certificate'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'tls: no cipher suite supported by both client and server'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls: client offered only unsupported versions'],
  ['ECONNRESET', wentAway],
]);

function goWords(error: NodeJS.ErrnoException): string {
  return wordsByCode.get(error.code ?? '') ?? error.message;
}

interface CertificateNames {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
}

/** From OpenSSL's text, "DNS:localhost, IP Address:127.0.0.1". */
function namesIn(alternativeNames: string): CertificateNames {
  const names = alternativeNames === '' ? [] : alternativeNames.split(', ');
  const of = (prefix: string) => names.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length));
  return { hosts: of('DNS:'), addresses: of('IP Address:') };
}

/** Null if the other end may call itself so. */
async function originProblem({ hosts, addresses }: CertificateNames, remote: string): Promise<string | null> {
  if (hosts.length === 0 && addresses.length === 0) return null;
  const origin = remote.replace(/^::ffff:/, '');
  if (addresses.includes(origin)) return null;
  if (hosts.length === 0) return `x509: certificate is valid for ${addresses.join(', ')}, not ${origin}`;
  if (await isOneOf(origin, hosts)) return null;
  return `tls: ${goQuote(origin)} does not match any of DNSNames [${hosts.map(goQuote).join(' ')}]`;
}

/** By what DNS says of the address, then of the names; a wildcard fits names found for the address only. */
async function isOneOf(address: string, hosts: readonly string[]): Promise<boolean> {
  const found = (await reverse(address).catch(() => [])).map((name) => name.replace(/\.$/, ''));
  const fits = (name: string) =>
    hosts.some((host) => (host.startsWith('*.') ? name.endsWith(host.slice(1)) : name === host));
  if (found.some(fits)) return true;
  for (const host of hosts.filter((one) => !one.startsWith('*.'))) {
    const addresses = await lookup(host, { all: true }).catch(() => []);
    if (addresses.some((one) => one.address === address)) return true;
  }
  return false;
}

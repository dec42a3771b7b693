/**
 * What a member shows and trusts in TLS: a pair of certificate and key read anew when its files change, so that rotating them needs
 * no restart, and the authorities, read once, as etcd does (client/pkg/transport/listener.go, TLSInfo).
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { pathErrorText } from '../../base/go-errno.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { TlsConfig, TlsFiles } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { openSslCiphers } from './cipher-names.ts';
import type { CertificateFiles } from './self-signed.ts';

/** Of one of a member's two sides, clients or peers. */
export interface Credentials {
  /** For connections that come in; the same object until the files change. Throws, after a line in the log, while they cannot be used. */
  serverOptions(): SecureContextOptions;
  /** Connections that come in must show a certificate of one of the authorities. */
  readonly asksForCertificate: boolean;
  readonly allowedCommonNames: readonly string[];
  readonly allowedHostnames: readonly string[];
  readonly skipClientSanVerification: boolean;
  /** For connections to others, as they are to be made now. */
  clientOptions(): ClientTls;
}

/** What Node's https takes for one connection. */
export type ClientTls = Pick<AgentOptions, 'ca' | 'secureContext' | 'rejectUnauthorized'>;

type Pair = Readonly<Record<'cert' | 'key', Buffer>>;

/** Reads everything once. Null: there are none, so that only plain connections can be served. The error names the file. */
export function openCredentials(
  files: TlsFiles,
  config: TlsConfig,
  made: CertificateFiles | null,
  logger: Logger,
): Result<Credentials | null, string> {
  const { certFile, keyFile } = made ?? files;
  if (certFile === '' && keyFile === '') return ok(null);
  if (certFile === '' || keyFile === '')
    return err(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  const clientFiles = { certFile: files.clientCertFile, keyFile: files.clientKeyFile };
  if ((clientFiles.certFile === '') !== (clientFiles.keyFile === '')) {
    return err(
      `ClientKeyFile and ClientCertFile must both be present or both absent: key: ${clientFiles.keyFile}, cert: ${clientFiles.certFile}]`,
    );
  }
  const settings: SecureContextOptions = {
    minVersion: secureVersion(config.minVersion) ?? 'TLSv1.2',
    ...(config.maxVersion !== '' && { maxVersion: secureVersion(config.maxVersion) }),
    ...(config.cipherSuites.length > 0 && { ciphers: openSslCiphers(config.cipherSuites) }),
  };
  try {
    const trusted = files.trustedCaFile === '' ? null : readFileSync(files.trustedCaFile);
    const own = new ReloadedPair(certFile, keyFile);
    const forDialling = clientFiles.certFile === '' ? own : new ReloadedPair(clientFiles.certFile, clientFiles.keyFile);
    const ca = trusted ?? systemAuthorities();
    const server = new ReloadedContext(own, { ...settings, ...(trusted !== null && { ca: trusted }) }, 'peer', logger);
    const client = new ReloadedContext(forDialling, { ...settings, ...(ca !== null && { ca }) }, 'client', logger);
    return ok({
      serverOptions: () => server.current().options,
      asksForCertificate: trusted !== null || files.clientCertAuth,
      allowedCommonNames: files.allowedCommonNames,
      allowedHostnames: files.allowedHostnames,
      skipClientSanVerification: files.skipClientSanVerification,
      // A certificate that somebody made for himself is nobody's to vouch for: etcd checks none between such peers.
      clientOptions: () => ({ secureContext: client.current().context, rejectUnauthorized: made === null }),
    });
  } catch (error) {
    return err(pathErrorText(error));
  }
}

function secureVersion(name: string): SecureVersion | undefined {
  return name === 'TLS1.2' ? 'TLSv1.2' : name === 'TLS1.3' ? 'TLSv1.3' : undefined;
}

/** Where Go looks for the system's authorities. */
const systemAuthorityFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Null: Node's own. */
function systemAuthorities(): Buffer | null {
  const file = [process.env['SSL_CERT_FILE'] ?? '', ...systemAuthorityFiles].find(
    (one) => one !== '' && existsSync(one),
  );
  return file === undefined ? null : readFileSync(file);
}

/** Options for connections to https URLs of a side without certificates of its own. */
export function trustOnly(files: TlsFiles): Result<ClientTls, string> {
  try {
    const ca = files.trustedCaFile === '' ? systemAuthorities() : readFileSync(files.trustedCaFile);
    return ok(ca === null ? {} : { ca });
  } catch (error) {
    return err(pathErrorText(error));
  }
}

class ReloadedPair {
  readonly certFile: string;
  readonly keyFile: string;
  private stamp = '';
  private pair: Pair | null = null;

  constructor(certFile: string, keyFile: string) {
    this.certFile = certFile;
    this.keyFile = keyFile;
  }

  /** The same object until a file has changed. Throws the OS error. */
  read(): Pair {
    const first = this.pair === null ? this.load() : null;
    const stamp = [this.certFile, this.keyFile].map(stampOf).join();
    if (this.pair === null || stamp !== this.stamp) {
      this.pair = first ?? this.load();
      this.stamp = stamp;
    }
    return this.pair;
  }

  private load(): Pair {
    return { cert: readFileSync(this.certFile), key: readFileSync(this.keyFile) };
  }
}

function stampOf(file: string): string {
  const { ino, size, mtimeNs } = statSync(file, { bigint: true });
  return `${ino}.${size}.${mtimeNs}`;
}

interface MadeContext {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

class ReloadedContext {
  private readonly pair: ReloadedPair;
  private readonly settings: SecureContextOptions;
  private readonly whose: 'peer' | 'client';
  private readonly logger: Logger;
  private from: Pair;
  private made: MadeContext;

  /** Throws if the files cannot be used now. */
  constructor(pair: ReloadedPair, settings: SecureContextOptions, whose: 'peer' | 'client', logger: Logger) {
    this.pair = pair;
    this.settings = settings;
    this.whose = whose;
    this.logger = logger;
    this.from = pair.read();
    this.made = this.make(this.from);
  }

  private make(pair: Pair): MadeContext {
    const options = { ...this.settings, ...pair };
    return { options, context: createSecureContext(options) };
  }

  current(): MadeContext {
    const { certFile, keyFile } = this.pair;
    const fields = { 'cert-file': certFile, 'key-file': keyFile };
    let pair: Pair;
    try {
      pair = this.pair.read();
    } catch (error) {
      this.logger.warn(`failed to find ${this.whose} cert files`, { ...fields, error: String(error) });
      throw error;
    }
    if (pair === this.from) return this.made;
    try {
      this.made = this.make(pair);
    } catch (error) {
      this.logger.warn(`failed to create ${this.whose} certificate`, { ...fields, error: String(error) });
      throw error;
    }
    this.from = pair;
    return this.made;
  }
}

/** A member's TLS on both sides, from its flags: what is served where, and what the log says of it. */
import { isAbsolute, join, resolve } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { err, ok, type Result } from '../../base/result.ts';
import type { EtcdConfig, TlsFiles } from '../config/config.ts';
import { type EtcdUrl, isSecure } from '../config/urls.ts';
import type { Logger } from '../log/logger.ts';
import { type ClientTls, type Credentials, openCredentials, trustOnly } from './credentials.ts';
import { TlsGate } from './gate.ts';
import { type CertificateFiles, selfSignedFiles } from './self-signed.ts';

export interface MemberTls {
  /** Null: that side has no certificate and serves plain connections only. `serve` gets those that are let in. */
  gate(side: 'client' | 'peer', protocols: readonly string[], serve: (socket: TLSSocket) => void): TlsGate | null;
  /** How connections to peers with https URLs are made. Throws while the files cannot be used. */
  readonly toPeers: () => ClientTls;
}

/** Reads and makes certificates. The error says what is missing or wrong. */
export function openMemberTls(config: EtcdConfig, nowMs: number, logger: Logger): Result<MemberTls, string> {
  const { tls } = config;
  const clientListeners = [...config.listenClientUrls, ...config.listenClientHttpUrls];
  const peer = openSide('peer', tls.peer, config.listenPeerUrls, config, nowMs, logger);
  if (!peer.ok) return peer;
  warnOfPlainUrls('peer', tls.peer, peer.value, config.listenPeerUrls, logger);
  const insecurePeer = config.listenPeerUrls.find(isSecure);
  if (insecurePeer !== undefined && peer.value === null)
    return err(`cannot listen on TLS for ${insecurePeer.address}: KeyFile and CertFile are not presented`);
  const client = openSide('client', tls.client, clientListeners, config, nowMs, logger);
  if (!client.ok) return client;
  warnOfPlainUrls('client', tls.client, client.value, clientListeners, logger);
  const insecureClient = clientListeners.find(isSecure);
  if (insecureClient !== undefined && client.value === null)
    return err(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${insecureClient.text} with HTTPS scheme`,
    );
  if (config.listenMetricsUrls.some(isSecure) && client.value === null)
    return err('client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url');
  const trust = trustOnly(tls.peer);
  if (!trust.ok) return trust;
  const credentials = { client: client.value, peer: peer.value };
  return ok({
    gate: (side, protocols, serve) => {
      const own = credentials[side];
      const refusal = `rejected connection on ${side} endpoint`;
      const checksOrigin = side === 'peer';
      return own && new TlsGate({ credentials: own, protocols, refusal, checksOrigin, logger }, serve);
    },
    toPeers: () => credentials.peer?.clientOptions() ?? trust.value,
  });
}

function openSide(
  side: 'client' | 'peer',
  files: TlsFiles,
  listeners: readonly EtcdUrl[],
  config: EtcdConfig,
  nowMs: number,
  logger: Logger,
): Result<Credentials | null, string> {
  let made: CertificateFiles | null = null;
  if (files.auto && (files.certFile !== '' || files.keyFile !== ''))
    logger.warn(`ignoring ${side} auto TLS since certs given`);
  else if (files.auto) {
    const { selfSignedCertValidityYears } = config.tls;
    if (selfSignedCertValidityYears <= 0) return err('selfSignedCertValidity is invalid,it should be greater than 0');
    const dataDir = isAbsolute(config.dataDir) ? config.dataDir : resolve(config.dataDir);
    const hosts = [...new Set(listeners.map((url) => url.host))];
    try {
      made = selfSignedFiles(join(dataDir, 'fixtures', side), hosts, selfSignedCertValidityYears, nowMs, logger);
    } catch (error) {
      return err(
        `cannot make a certificate for ${side} TLS: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  const opened = openCredentials(files, config.tls, made, logger);
  if (opened.ok && opened.value !== null) {
    logger.info(`starting with ${side} TLS`, {
      'tls-info': describe(files, made),
      'cipher-suites': config.tls.cipherSuites,
    });
  }
  return opened;
}

/** As etcd prints its TLSInfo. */
function describe(files: TlsFiles, made: CertificateFiles | null): string {
  const own = made ?? files;
  const dialling = made === null ? { certFile: files.clientCertFile, keyFile: files.clientKeyFile } : made;
  return (
    `cert = ${own.certFile}, key = ${own.keyFile}, client-cert=${dialling.certFile}, client-key=${dialling.keyFile}, ` +
    `trusted-ca = ${files.trustedCaFile}, client-cert-auth = ${files.clientCertAuth}, crl-file = ${files.crlFile}`
  );
}

function warnOfPlainUrls(
  side: 'client' | 'peer',
  files: TlsFiles,
  credentials: Credentials | null,
  listeners: readonly EtcdUrl[],
  logger: Logger,
): void {
  for (const url of listeners) {
    if (isSecure(url)) continue;
    const field = { [`${side}-url`]: url.text };
    if (credentials !== null)
      logger.warn('scheme is http or unix while key and cert files are present; ignoring key and cert files', field);
    if (files.clientCertAuth)
      logger.warn(
        `scheme is http or unix while --${side === 'peer' ? 'peer-' : ''}client-cert-auth is enabled; ignoring client cert auth for this URL`,
        field,
      );
  }
}

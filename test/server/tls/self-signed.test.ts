import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCiphers } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { openSslCiphers } from '../../../src/server/tls/cipher-names.ts';
import { selfSignedFiles } from '../../../src/server/tls/self-signed.ts';
import { recordingLogger } from './recording-logger.ts';

const silentLogger = recordingLogger(() => {});

const folder = mkdtempSync(join(tmpdir(), 'clusterctl-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a certificate that a member makes for itself', () => {
  const nowMs = Date.parse('2026-11-22T12:00:00Z');
  const hosts = ['127.0.0.1', 'localhost', '::1', '2001:db8::7:0.0.1.2'];

  it('is one that others read: names, use, validity and key are as etcd makes them', () => {
    const files = selfSignedFiles(join(folder, 'a'), hosts, 2, nowMs, silentLogger);
    const certificate = new X509Certificate(readFileSync(files.certFile));
    expect(certificate.subjectAltName).toBe(
      'IP Address:127.0.0.1, DNS:localhost, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:7:0:102',
    );
    expect(certificate.subject).toBe('O=etcd');
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(2 * 365 * 24 * 3_600_000);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp521r1');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(files.keyFile)))).toBe(true);
    expect(readFileSync(files.keyFile, 'latin1')).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
  });

  it('is kept from start to start', () => {
    const first = selfSignedFiles(join(folder, 'b'), hosts, 1, nowMs, silentLogger);
    const bytes = readFileSync(first.certFile);
    expect(selfSignedFiles(join(folder, 'b'), hosts, 1, nowMs + 1, silentLogger)).toEqual(first);
    expect(readFileSync(first.certFile)).toEqual(bytes);
  });

  it('may be good for so long that its end needs four digits of a year', () => {
    const files = selfSignedFiles(join(folder, 'c'), hosts, 30, nowMs, silentLogger);
    expect(new X509Certificate(readFileSync(files.certFile)).validTo).toMatch(/2056 GMT$/);
  });
});

describe('names of cipher suites', () => {
  it('are those that OpenSSL knows', () => {
    const suites = [
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
      'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305',
      'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
      'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
      'TLS_RSA_WITH_AES_128_CBC_SHA256',
      'TLS_RSA_WITH_AES_256_GCM_SHA384',
      'TLS_AES_128_GCM_SHA256',
    ];
    const known = getCiphers();
    for (const name of openSslCiphers(suites).split(':')) expect(known).toContain(name.toLowerCase());
  });
});

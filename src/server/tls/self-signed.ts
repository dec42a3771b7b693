/**
 * Certificates that a member makes for itself (--auto-tls, --peer-auto-tls), as etcd's transport.SelfCert makes them: an ECDSA key on
 * P-521 and a certificate of the organization "etcd" for the hosts listened on, in cert.pem and key.pem. Kept from start to start.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';
import { join, resolve } from 'node:path';
import type { Logger } from '../log/logger.ts';
import {
  bitString,
  boolean,
  integer,
  objectId,
  octetString,
  printableString,
  sequence,
  setOf,
  tagged,
  time,
} from './der.ts';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const dayMs = 24 * 60 * 60 * 1_000;
const daysPerYear = 365;

const oid = {
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** digitalSignature (bit 0), keyEncipherment (2), cRLSign (6). */
const keyUsageBits = 0b1010_0010;

/** The files in the folder; they are made if one is missing. Throws the OS error. */
export function selfSignedFiles(
  folder: string,
  hosts: readonly string[],
  validityYears: number,
  nowMs: number,
  logger: Logger,
): CertificateFiles {
  const files = { certFile: resolve(join(folder, 'cert.pem')), keyFile: resolve(join(folder, 'key.pem')) };
  if (existsSync(files.certFile) && existsSync(files.keyFile)) return files;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const notAfterMs = nowMs + validityYears * daysPerYear * dayMs;
  logger.warn('automatically generate certificates', {
    'certificate-validity-bound-not-after': new Date(notAfterMs).toISOString(),
  });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const certificate = selfSigned(privateKey, publicKey, hosts, nowMs, notAfterMs);
  writeFileSync(files.certFile, pem('CERTIFICATE', certificate));
  logger.info('created cert file', { path: files.certFile });
  writeFileSync(files.keyFile, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  logger.info('created key file', { path: files.keyFile });
  return files;
}

/** An X.509 v3 certificate (RFC 5280) in DER, good for servers of these hosts. */
function selfSigned(
  privateKey: KeyObject,
  publicKey: KeyObject,
  hosts: readonly string[],
  notBeforeMs: number,
  notAfterMs: number,
): Buffer {
  const algorithm = sequence(objectId(oid.ecdsaWithSha512));
  const name = sequence(setOf(sequence(objectId(oid.organization), printableString('etcd'))));
  const keyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const extensions = [
    extension(oid.keyUsage, true, bitString(Buffer.from([keyUsageBits]), 1)),
    extension(oid.extendedKeyUsage, false, sequence(objectId(oid.serverAuth))),
    extension(oid.basicConstraints, true, sequence(boolean(true))),
    extension(oid.subjectKeyId, false, octetString(createHash('sha1').update(keyInfo).digest())),
    extension(oid.subjectAltName, false, sequence(...hosts.map(alternativeName))),
  ];
  const certificate = sequence(
    tagged(0, 'explicit', integer(2n)), // v3
    integer(BigInt(`0x${randomBytes(16).toString('hex')}`)),
    algorithm,
    name,
    sequence(time(notBeforeMs), time(notAfterMs)),
    name,
    keyInfo,
    tagged(3, 'explicit', sequence(...extensions)),
  );
  return sequence(certificate, algorithm, bitString(sign('sha512', certificate, privateKey)));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 0
    ? tagged(2, 'implicit', Buffer.from(host, 'latin1'))
    : tagged(7, 'implicit', addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const groupsOf = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const first = groupsOf(head);
  const last = groupsOf(tail);
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...first, ...zeros, ...last].entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

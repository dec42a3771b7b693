/** Certificates for tests: an authority, and what it signs. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
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
} from '../../src/server/tls/der.ts';

const hourMs = 3_600_000;
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';

export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Authority {
  readonly caFile: string;
  /** Writes NAME.crt and NAME.key: good for servers and clients; `hosts` may be empty. Again: a new certificate in the same files. */
  issue(name: string, hosts: readonly string[]): Issued;
}

/** Makes an authority whose files are in the folder. */
export function createAuthority(folder: string, name = 'ca'): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectId(ecdsaWithSha256));
  const subjectOf = (commonName: string) => sequence(setOf(sequence(objectId('2.5.4.3'), printableString(commonName))));
  const signed = (commonName: string, keyInfo: Buffer, extensions: readonly Buffer[]): string => {
    const certificate = sequence(
      tagged(0, 'explicit', integer(2n)),
      integer(BigInt(`0x${randomBytes(8).toString('hex')}`)),
      algorithm,
      subjectOf(name),
      sequence(time(Date.now() - hourMs), time(Date.now() + hourMs)),
      subjectOf(commonName),
      keyInfo,
      ...(extensions.length > 0 ? [tagged(3, 'explicit', sequence(...extensions))] : []),
    );
    const der = sequence(certificate, algorithm, bitString(sign('sha256', certificate, own.privateKey)));
    // No empty line, even where the last one is full: OpenSSL takes that for the end of headers.
    const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  };
  const basicConstraints = sequence(objectId('2.5.29.19'), boolean(true), octetString(sequence(boolean(true))));
  const caFile = join(folder, `${name}.crt`);
  writeFileSync(caFile, signed(name, own.publicKey.export({ type: 'spki', format: 'der' }), [basicConstraints]));
  return {
    caFile,
    issue(commonName, hosts) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = hosts.map((host) =>
        isIP(host) === 4
          ? tagged(7, 'implicit', Buffer.from(host.split('.').map(Number)))
          : tagged(2, 'implicit', Buffer.from(host)),
      );
      const alternative = sequence(objectId('2.5.29.17'), octetString(sequence(...names)));
      const certFile = join(folder, `${commonName}.crt`);
      const keyFile = join(folder, `${commonName}.key`);
      const keyInfo = pair.publicKey.export({ type: 'spki', format: 'der' });
      writeFileSync(certFile, signed(commonName, keyInfo, hosts.length > 0 ? [alternative] : []));
      writeFileSync(keyFile, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      return { certFile, keyFile };
    },
  };
}

/** Cipher suites of TLS 1.2 by the names of Go's crypto/tls (and IANA), in OpenSSL's spelling. [pure] */

/** OpenSSL's list for suites that --cipher-suites names, in their order; what is of TLS 1.3, or gone from OpenSSL 3, is left out. */
export function openSslCiphers(suites: readonly string[]): string {
  return suites.map(openSslName).join(':');
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256`; suites of TLS 1.3 keep their names. */
function openSslName(suite: string): string {
  const parts = /^TLS_(?:(ECDHE)_)?(ECDSA|RSA)_WITH_(\w+?)(?:_(SHA(?:256|384)?))?$/.exec(suite);
  if (parts === null) return suite;
  const [, exchange = '', signature = '', cipher = '', digest = ''] = parts;
  // Static RSA has no prefix.
  const prefix = exchange === '' ? '' : `${exchange}-${signature}-`;
  return `${prefix}${cipherNames.get(cipher) ?? cipher}${cipher.startsWith('CHACHA20') || digest === '' ? '' : `-${digest}`}`;
}

const cipherNames = new Map([
  ['AES_128_CBC', 'AES128'],
  ['AES_256_CBC', 'AES256'],
  ['AES_128_GCM', 'AES128-GCM'],
  ['AES_256_GCM', 'AES256-GCM'],
  ['CHACHA20_POLY1305', 'CHACHA20-POLY1305'],
  ['3DES_EDE_CBC', 'DES-CBC3'],
  ['RC4_128', 'RC4'],
]);

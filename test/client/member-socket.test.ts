/** Questions over TLS and unix sockets, and what is said when certificates are in the way. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MemberEndpoint } from '../../src/base/member-endpoint.ts';
import { plainEndpoint } from '../../src/base/member-endpoint.ts';
import { httpGet } from '../../src/client/http-get.ts';
import { UnaryConnection } from '../../src/client/unary-call.ts';
import type { Authority } from '../support/certificates.ts';
import { createAuthority } from '../support/certificates.ts';

let folder: string;
let authority: Authority;
const closers: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-socket-'));
  authority = createAuthority(folder);
});
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
  rmSync(folder, { recursive: true, force: true });
});

const page = 'HTTP/1.0 200 OK\r\n\r\nhello';

async function listening(server: Server, where: number | string): Promise<Server> {
  await new Promise<void>((resolve) => {
    if (typeof where === 'string') server.listen(where, resolve);
    else server.listen(where, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  return server;
}

/** A server with a certificate for 127.0.0.1, which asks for one of the same authority. */
async function secureServer(protocols: string[] = []): Promise<MemberEndpoint> {
  const { certFile, keyFile } = authority.issue('server', ['127.0.0.1']);
  const files = { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(authority.caFile) };
  const server = createTlsServer({ ...files, requestCert: true, ALPNProtocols: protocols }, (socket) => {
    socket.on('error', () => {});
    closers.push(() => socket.destroy());
    socket.once('data', () => socket.end(page));
  });
  server.on('tlsClientError', () => {});
  await listening(server, 0);
  return plainEndpoint(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function reasonOf(endpoint: MemberEndpoint): Promise<string> {
  const answer = await httpGet(endpoint, '/', 5_000);
  return answer.ok ? 'answered' : answer.error;
}

describe('an etcd that asks for client certificates', () => {
  it('is shown the one that its endpoint names', async () => {
    const endpoint = await secureServer();
    const { certFile: cert, keyFile: key } = authority.issue('client', []);
    expect(await reasonOf({ ...endpoint, cert, key })).toBe('answered');
    expect(await reasonOf({ ...endpoint, cert, key, cacert: authority.caFile })).toBe('answered');
  });

  it('tells who shows none, or a wrong one, what is missing', async () => {
    const endpoint = await secureServer();
    expect(await reasonOf(endpoint)).toMatch(
      /^it asks for a client certificate: name one in clusterctl\.yaml, etcd: \{ cert: …, key: … \}$|: it may not take clients without a certificate$/,
    );
    const { certFile: cert, keyFile: key } = createAuthority(folder, 'stranger').issue('x', []);
    const refused = await reasonOf({ ...endpoint, cert, key });
    expect(refused).toContain(`the client certificate ${cert}`);
    const grpc = new UnaryConnection({ ...(await secureServer(['h2'])), cert, key });
    closers.push(() => grpc.close());
    const called = await grpc.call('/a.B/C', new Uint8Array(0), 5_000);
    expect(called.ok ? '' : called.error).toContain(`the client certificate ${cert}`);
  });

  it('is not asked with files that cannot be used; the answer names them', async () => {
    const endpoint = await secureServer();
    const { certFile: cert, keyFile } = authority.issue('client', []);
    const missing = join(folder, 'missing.key');
    expect(await reasonOf({ ...endpoint, cert, key: missing })).toContain(
      `cannot read the key of the client certificate: ENOENT: no such file or directory, open '${missing}'`,
    );
    const text = join(folder, 'text.crt');
    writeFileSync(text, 'no PEM');
    expect(await reasonOf({ ...endpoint, cert: text, key: keyFile })).toMatch(new RegExp(`^cannot use ${text}, `));
    const other = createAuthority(folder, 'other').issue('other', []).keyFile;
    expect(await reasonOf({ ...endpoint, cert, key: other })).toMatch(/^cannot use .*key/);
  });

  it('has to have a certificate of the authority that its endpoint names', async () => {
    const endpoint = await secureServer();
    const { certFile: cert, keyFile: key } = authority.issue('client', []);
    const { caFile: cacert } = createAuthority(folder, 'stranger');
    expect(await reasonOf({ ...endpoint, cert, key, cacert })).toContain(`its certificate is not good by ${cacert}: `);
  });
});

describe('an etcd at a unix socket', () => {
  it('is asked there', async () => {
    const socket = join(folder, 'localhost:1');
    const heard: string[] = [];
    const server = createServer((connection) => {
      connection.once('data', (chunk) => {
        heard.push(chunk.toString());
        connection.end(page);
      });
    });
    await listening(server, socket);
    expect(await reasonOf({ ...plainEndpoint('unix://localhost:1'), socket })).toBe('answered');
    expect(heard[0]).toContain('Host: localhost\r\n');
  });
});

describe('an address that is none', () => {
  it('is said to be none, and what to do', async () => {
    expect(await reasonOf(plainEndpoint('http://127.0.0.1:$((PORT'))).toBe(
      'http://127.0.0.1:$((PORT is no address that could be asked: name it in clusterctl.yaml, etcd: { endpoint: … }',
    );
  });
});

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { Fabric } from '../../../src/chaos/fabric/fabric.ts';
import { PlainPeerAgent, proxyFor } from '../../../src/server/cluster/peer-agent.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  delete process.env['HTTP_PROXY'];
  for (const close of closers.splice(0).reverse()) await close();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** The answer to a GET, or the error. */
function get(url: string): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: new PlainPeerAgent() }, (response) => {
      response.setEncoding('utf8');
      response.on('data', resolve);
    });
    request.once('error', (error) => resolve(`${'code' in error ? error.code : ''} ${error.message}`));
  });
}

describe('the proxy for peers', () => {
  const environment = {
    HTTP_PROXY: 'socks5://etcd1:secret@127.0.0.1:1234',
    https_proxy: 'socks5h://[::1]',
    NO_PROXY: 'localhost, 10.0.0.1',
  };

  it('is what the environment names for the scheme, and only a SOCKS5 one', () => {
    const plain = { host: '127.0.0.1', port: 1234, username: 'etcd1', password: 'secret' };
    expect(proxyFor('http', { host: '192.0.2.1' }, environment)).toEqual(plain);
    const secure = { host: '::1', port: 1080, username: '', password: '' };
    expect(proxyFor('https', { host: 'peer.example' }, environment)).toEqual(secure);
    expect(proxyFor('http', { host: '192.0.2.1' }, {})).toBeNull();
    expect(proxyFor('http', { host: '192.0.2.1' }, { HTTP_PROXY: 'http://proxy:3128' })).toBeNull();
    expect(proxyFor('http', { host: '192.0.2.1' }, { ...environment, NO_PROXY: '*' })).toBeNull();
  });

  it.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1', '10.0.0.1'])('is never used for %s', (host) => {
    expect(proxyFor('http', { host }, environment)).toBeNull();
  });

  it('is not asked for sockets that are files', () => {
    expect(proxyFor('http', { host: 'x', socketPath: '/tmp/x' }, environment)).toBeNull();
  });
});

describe('a connection through a fabric', () => {
  it('reaches the member that the address stands for, as the member that dials', async () => {
    const server = http.createServer((request, response) => response.end(`answer to ${request.url}`));
    const port = await listening(server);
    const fabric = await Fabric.listen('secret', seededRandom(1));
    closers.push(() => fabric.close());
    const member = (name: string, at: number, to: number) => {
      return { name, cluster: 'c', host: `192.0.2.${at}`, port: to, tls: false };
    };
    fabric.addMembers([member('etcd1', 1, 1), member('etcd2', 2, port)]);
    process.env['HTTP_PROXY'] = `socks5://etcd1:secret@127.0.0.1:${fabric.port}`;
    expect(await get(`http://192.0.2.2:${port}/version`)).toBe('answer to /version');

    const cut = { cut: true, mode: 'reset', delayMs: 0, jitterMs: 0, loss: 0 } as const;
    fabric.setLinks([
      { ...cut, from: 'etcd1', to: 'etcd2' },
      { ...cut, from: 'etcd2', to: 'etcd1' },
    ]);
    expect(await get(`http://192.0.2.2:${port}/version`)).toBe(
      `ECONNREFUSED socks connect tcp 127.0.0.1:${fabric.port}->192.0.2.2:${port}: connection refused`,
    );
    expect(fabric.observed().find((link) => link.from === 'etcd1')?.hit).toBe(1);
    expect(await get(`http://192.0.2.9:1/version`)).toMatch(/: reply 4$/);
    process.env['HTTP_PROXY'] = `socks5://127.0.0.1:${fabric.port}`;
    expect(await get(`http://192.0.2.2:${port}/version`)).toMatch(/no acceptable authentication methods$/);
  });

  it('fails when the proxy hangs up', async () => {
    const port = await listening(createServer((socket) => socket.end()));
    process.env['HTTP_PROXY'] = `socks5://127.0.0.1:${port}`;
    expect(await get('http://192.0.2.2:1/version')).toMatch(/: EOF$|ECONNRESET/);
  });
});

import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../src/base/member-endpoint.ts';
import type { Look } from '../../src/supervisor/probes.ts';
import { etcdHealth, probe } from '../../src/supervisor/probes.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const timing = { intervalMs: 10, timeoutMs: 1_000 };

function look(what: Look, signal = new AbortController().signal): Promise<string | null> {
  return probe(what, { cwd: '/', env: { PATH: process.env['PATH'], X: '7' } }, signal);
}

describe('a look', () => {
  it('at a port succeeds when somebody listens', async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    expect(await look({ type: 'port', port, ...timing })).toBeNull();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    expect(await look({ type: 'port', port, ...timing })).toContain('ECONNREFUSED');
  });

  it('at an address wants its status, however long and in however many pieces the answer is', async () => {
    const server = createHttpServer((request, response) => {
      response.statusCode = request.url === '/up?x=1' ? 200 : 503;
      response.write('x'.repeat(100_000));
      response.end();
    });
    const url = `http://127.0.0.1:${await listen(server)}`;
    expect(await look({ type: 'http', url: `${url}/up?x=1`, status: 200, ...timing })).toBeNull();
    expect(await look({ type: 'http', url, status: 503, ...timing })).toBeNull();
    expect(await look({ type: 'http', url, status: 200, ...timing })).toBe(`${url} answers 503`);
  });

  it('is not deceived by what is no HTTP', async () => {
    const port = await listen(createServer((socket) => socket.resume().end('SSH-2.0-x\r\n')));
    const url = `http://127.0.0.1:${port}/`;
    expect(await look({ type: 'http', url, status: 200, ...timing })).toBe(`no HTTP answer from 127.0.0.1:${port}`);
  });

  it('ends in time when nobody answers', async () => {
    const silent = createServer((socket) => socket.resume().on('error', () => {}));
    const url = `http://127.0.0.1:${await listen(silent)}/`;
    const reason = await look({ type: 'http', url, status: 200, intervalMs: 10, timeoutMs: 50 });
    expect(reason).toBe('no answer within 0.05 s');
    const command: Look = { type: 'exec', command: 'sleep 60 & sleep 60', intervalMs: 10, timeoutMs: 50 };
    expect(await look(command)).toBe('no answer within 0.05 s');
  });

  it('ends at once when it is called off', async () => {
    const abort = new AbortController();
    const looking = look({ type: 'exec', command: 'sleep 60', intervalMs: 10, timeoutMs: 60_000 }, abort.signal);
    abort.abort();
    expect(await looking).not.toBeNull();
  });

  it('by a command runs in the environment it is given', async () => {
    expect(await look({ type: 'exec', command: 'test "$X $PWD" = "7 /"', ...timing })).toBeNull();
    expect(await look({ type: 'exec', command: 'exit 3', ...timing })).toBe('`exit 3` exits with 3');
  });

  it('at an etcd wants a leader', async () => {
    let health = '{"health":"false","reason":"RAFT NO LEADER"}';
    const server = createHttpServer((_, response) => {
      response.statusCode = health.includes('true') ? 200 : 503;
      response.end(health);
    });
    const url = `http://127.0.0.1:${await listen(server)}`;
    expect(await etcdHealth(plainEndpoint(url), 1_000)).toBe(`${url} does not know a leader`);
    health = '{"health":"true","reason":""}';
    expect(await etcdHealth(plainEndpoint(url), 1_000)).toBeNull();
  });
});

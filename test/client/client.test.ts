import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { createConnection, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../src/base/member-endpoint.ts';
import { bodyBytesMax, httpGet } from '../../src/client/http-get.ts';
import { MemberProbe } from '../../src/client/member-probe.ts';
import { answerBytesMax, UnaryConnection } from '../../src/client/unary-call.ts';
import { statusResponse } from '../../src/proto/etcdserverpb-maintenance.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function listen(server: Server | Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gRPC server of one answer. */
async function grpcServer(answer: (stream: ServerHttp2Stream, path: string) => void): Promise<string> {
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, headers[':path'] ?? '');
  });
  server.on('session', (session) => closers.push(() => session.destroy()));
  return listen(server);
}

function succeed(stream: ServerHttp2Stream, message: Uint8Array): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
}

function connection(url: string): UnaryConnection {
  const made = new UnaryConnection(plainEndpoint(url));
  closers.push(() => made.close());
  return made;
}

describe('UnaryConnection', () => {
  it('gives the answer, and calls again over the same connection', async () => {
    const url = await grpcServer((stream) => succeed(stream, Buffer.from('hello')));
    const client = connection(url);
    expect(await client.call('/a.B/C', Buffer.from('x'), 5_000)).toEqual({ ok: true, value: Buffer.from('hello') });
    expect((await client.call('/a.B/C', new Uint8Array(0), 5_000)).ok).toBe(true);
  });

  it('says the code and the message of a failure', async () => {
    const url = await grpcServer((stream) =>
      stream.respond(
        { ':status': 200, 'grpc-status': '14', 'grpc-message': 'etcdserver: no leader' },
        { endStream: true },
      ),
    );
    expect(await connection(url).call('/a.B/C', new Uint8Array(0), 5_000)).toEqual({
      ok: false,
      error: 'code 14: etcdserver: no leader',
    });
  });

  it('gives up in time on one that does not answer, and can be used again', async () => {
    let silent = true;
    const url = await grpcServer((stream) => {
      if (!silent) succeed(stream, Buffer.from('back'));
    });
    const client = connection(url);
    expect(await client.call('/a.B/C', new Uint8Array(0), 50)).toEqual({ ok: false, error: 'no answer within 0.05 s' });
    silent = false;
    expect((await client.call('/a.B/C', new Uint8Array(0), 5_000)).ok).toBe(true);
  });

  it('refuses an answer that is too long, cut off or no gRPC, and a port where nobody is', async () => {
    const errorOf = async (answer: (stream: ServerHttp2Stream) => void) => {
      const outcome = await connection(await grpcServer(answer)).call('/a.B/C', new Uint8Array(0), 5_000);
      return outcome.ok ? null : outcome.error;
    };
    expect(await errorOf((stream) => succeed(stream, Buffer.alloc(answerBytesMax - 5)))).toBeNull();
    expect(await errorOf((stream) => succeed(stream, Buffer.alloc(answerBytesMax - 4)))).toBe('the answer is too long');
    expect(await errorOf((stream) => stream.respond({ ':status': 404 }, { endStream: true }))).toBe(
      'no gRPC answer (HTTP 404)',
    );
    const cut = await errorOf((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    });
    expect(cut).toBe('the answer is cut off');
    const outcome = await connection('http://127.0.0.1:1').call('/a.B/C', new Uint8Array(0), 5_000);
    expect(outcome.ok ? '' : outcome.error).toContain('ECONNREFUSED');
  });
});

describe('MemberProbe', () => {
  it('reads a status, ids as etcd logs them', async () => {
    const status = statusResponse.encode({
      ...statusResponse.create(),
      header: { clusterId: 0xcdf818194e3a8c32n, memberId: 0xan, revision: 5, raftTerm: 3 },
      version: '3.6.5',
      leader: 0xffffffffffffffffn,
      raftTerm: 3,
      raftIndex: 12,
      raftAppliedIndex: 11,
      dbSize: 100,
      dbSizeInUse: 60,
    });
    const paths: string[] = [];
    const url = await grpcServer((stream, path) => {
      paths.push(path);
      succeed(stream, path.endsWith('Status') ? status : new Uint8Array(0));
    });
    const probe = new MemberProbe();
    closers.push(() => probe.close());
    expect(await probe.status(plainEndpoint(url), 5_000)).toEqual({
      ok: true,
      value: {
        memberId: 'a',
        clusterId: 'cdf818194e3a8c32',
        version: '3.6.5',
        term: 3,
        leader: 'ffffffffffffffff',
        isLearner: false,
        raftIndex: 12,
        appliedIndex: 11,
        dbBytes: 100,
        dbInUseBytes: 60,
      },
    });
    expect(await probe.health(plainEndpoint(url), 5_000)).toMatchObject({ ok: true });
    expect(paths).toEqual(['/etcdserverpb.Maintenance/Status', '/etcdserverpb.KV/Range']);
  });

  it('asks one that wants a user name how it is itself', async () => {
    let paths: string[] = [];
    const http = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk) => {
        paths = [...paths, String(chunk.toString().split(' ')[1])];
        socket.end('HTTP/1.0 200 OK\r\n\r\n{"health":"true"}');
      });
      closers.push(() => socket.destroy());
    });
    const grpc = await grpcServer((stream) =>
      stream.respond({ 'grpc-status': '3', 'grpc-message': 'etcdserver: user name is empty' }, { endStream: true }),
    );
    // One port for both, as etcd has it: what begins like HTTP/2 goes to the one, the rest to the other.
    const { port: inner } = new URL(grpc);
    const { port: outer } = new URL(await listen(http));
    const front = createServer((socket) => {
      socket.on('error', () => {});
      closers.push(() => socket.destroy());
      socket.once('data', (chunk) => {
        const back = createConnection({
          host: '127.0.0.1',
          port: Number(chunk.toString().startsWith('PRI') ? inner : outer),
        });
        back.on('error', () => {});
        back.write(chunk);
        socket.pipe(back).pipe(socket);
      });
    });
    const probe = new MemberProbe();
    closers.push(() => probe.close());
    expect((await probe.health(plainEndpoint(await listen(front)), 5_000)).ok).toBe(true);
    expect(paths).toEqual(['/health']);
  });

  it('takes one that may not read the key for healthy', async () => {
    const url = await grpcServer((stream) =>
      stream.respond({ 'grpc-status': '7', 'grpc-message': 'etcdserver: permission denied' }, { endStream: true }),
    );
    const probe = new MemberProbe();
    closers.push(() => probe.close());
    expect((await probe.health(plainEndpoint(url), 5_000)).ok).toBe(true);
  });
});

describe('httpGet', () => {
  async function httpServer(answer: string | null): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        if (answer !== null) socket.end(answer);
      });
      closers.push(() => socket.destroy());
    });
    return listen(server);
  }

  it('gives status and body', async () => {
    const url = await httpServer('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nfoo\r\n\r\nbar');
    expect(await httpGet(plainEndpoint(url), '/version', 5_000)).toEqual({
      ok: true,
      value: { status: 200, body: 'foo\r\n\r\nbar' },
    });
  });

  it('says why there is no answer', async () => {
    expect(await httpGet(plainEndpoint(await httpServer('SSH-2.0\r\n')), '/', 5_000)).toEqual({
      ok: false,
      error: 'no HTTP answer',
    });
    expect(await httpGet(plainEndpoint(await httpServer(null)), '/', 50)).toEqual({
      ok: false,
      error: 'no answer within 0.05 s',
    });
    const long = await httpServer(`HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(bodyBytesMax)}`);
    expect(await httpGet(plainEndpoint(long), '/', 5_000)).toEqual({ ok: false, error: 'the answer is too long' });
    const nobody = await httpGet(plainEndpoint('http://127.0.0.1:1'), '/', 5_000);
    expect(nobody.ok ? '' : nobody.error).toContain('ECONNREFUSED');
  });
});

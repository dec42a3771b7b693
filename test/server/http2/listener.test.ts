import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createClientPort } from '../../../src/server/grpc/client-port.ts';
import { GrpcServer } from '../../../src/server/grpc/server.ts';
import { errorCode, frameType } from '../../../src/server/http2/frame.ts';
import { eventually, startPort } from './port.ts';
import { frame, RawPeer, requestFields } from './raw-peer.ts';

const sessions: ClientHttp2Session[] = [];

afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});

function http2(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  sessions.push(session);
  return session;
}

interface Response {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function send(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: Buffer = Buffer.alloc(0),
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let received: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (fields) => {
      received = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ headers: received, trailers, body: Buffer.concat(chunks) }));
    stream.on('error', reject);
    if (body.length > 0) stream.write(body);
    stream.end();
  });
}

function framed(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

describe('the client port with the client of node:http2', () => {
  it('answers requests with dynamic tables of any size', async () => {
    const { port } = await startPort();
    for (const headerTableSize of [0, 50, 4096, 65_536]) {
      const session = connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize } });
      sessions.push(session);
      for (let i = 0; i < 5; i++) {
        const { headers, trailers, body } = await send(
          session,
          { ':path': '/t.T/Echo', [`x-${i}`]: 'y'.repeat(i * 500) },
          framed('hello'),
        );
        expect(headers[':status']).toBe(200);
        expect(headers['content-type']).toBe('application/grpc');
        expect(trailers['grpc-status']).toBe('0');
        expect(body).toEqual(framed('hello'));
      }
    }
  });

  it.each([
    [{ ':path': '/health', ':method': 'GET', 'content-type': '' }, 415, '3', 'invalid gRPC request content-type ""'],
    [
      { ':path': '/t.T/Echo', 'content-type': 'text/plain' },
      415,
      '3',
      'invalid gRPC request content-type "text/plain"',
    ],
    [
      { ':path': '/t.T/Echo', ':method': 'GET' },
      405,
      '13',
      'Received a HEADERS frame with :method "GET" which should be POST',
    ],
    [
      { ':path': '/t.T/Echo', 'grpc-timeout': '5x' },
      400,
      '13',
      'malformed grpc-timeout: transport: timeout unit is not recognized: "5x"',
    ],
    [
      { ':path': '/t.T/Echo', 'x-bin': '!!!' },
      400,
      '13',
      'malformed binary metadata "!!!" in header "x-bin": illegal base64 data at input byte 0',
    ],
    [{ ':path': '/t.T/Nope' }, 200, '12', 'unknown method Nope for service t.T'],
    [{ ':path': '/foo' }, 200, '12', 'malformed method name: "/foo"'],
    [
      { ':path': '/t.T/Echo', 'grpc-encoding': 'snappy' },
      200,
      '12',
      'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    ],
  ])('refuses %j as etcd does', async (fields, httpStatus, code, message) => {
    const { port } = await startPort();
    const changed: Record<string, string> = { ...fields };
    const body = changed[':method'] === 'GET' ? Buffer.alloc(0) : framed('');
    const { headers } = await send(http2(port), changed, body);
    expect(headers[':status']).toBe(httpStatus);
    expect(headers['grpc-status']).toBe(code);
    expect(headers['grpc-message']).toBe(message);
    expect(headers['content-type']).toBe('application/grpc');
  });

  it.each([
    [
      'a compressed message without encoding',
      {},
      '0100000000',
      '13',
      'grpc: compressed flag set with identity or empty encoding',
    ],
    ['a message cut short', {}, '00000000056162', '2', 'unexpected EOF'],
    ['an unknown flag', {}, '0200000000', '13', 'grpc: received unexpected payload format 2'],
    [
      'an empty gzip message',
      { 'grpc-encoding': 'gzip' },
      '0100000000',
      '13',
      'grpc: failed to decompress the message: EOF',
    ],
    [
      'a large length alone',
      {},
      '00ff0000006162',
      '8',
      'grpc: received message larger than max (4278190080 vs. 2097152)',
    ],
  ])('answers %s', async (_name, fields, body, code, message) => {
    const { port } = await startPort();
    const { headers } = await send(http2(port), { ':path': '/t.T/Echo', ...fields }, Buffer.from(body, 'hex'));
    expect([headers['grpc-status'], headers['grpc-message']]).toEqual([code, message]);
  });

  it('answers the first of two messages of a unary call', async () => {
    const { port } = await startPort();
    const { body } = await send(http2(port), { ':path': '/t.T/Echo' }, Buffer.concat([framed('a'), framed('b')]));
    expect(body).toEqual(framed('a'));
  });

  it('echoes a sub-type of the content type', async () => {
    const { port } = await startPort();
    const { headers } = await send(
      http2(port),
      { ':path': '/t.T/Echo', 'content-type': 'application/grpc+proto' },
      framed('a'),
    );
    expect(headers['content-type']).toBe('application/grpc+proto');
  });

  it('answers before the request has ended, and resets it without an error', async () => {
    const { port } = await startPort();
    const stream = http2(port).request({ ':method': 'POST', ':path': '/t.T/Echo', 'content-type': 'application/grpc' });
    stream.write(framed('early'));
    const [body] = await Promise.all([
      new Promise<Buffer>((resolve) => stream.once('data', resolve)),
      new Promise((resolve) => stream.once('close', resolve)),
    ]);
    expect(body).toEqual(framed('early'));
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });
});

describe('the client port with HTTP/1.1', () => {
  it('hands requests over, also on a connection that is kept alive', async () => {
    const { port } = await startPort();
    for (let i = 0; i < 3; i++) {
      const body = await new Promise<string>((resolve, reject) => {
        const request = httpRequest({ port, host: '127.0.0.1', path: `/x${i}`, method: 'POST' }, (response) => {
          let text = String(response.headers['x-path']);
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve(text));
        });
        request.on('error', reject);
        request.end('y'.repeat(100_000));
      });
      expect(body).toBe(`/x${i}${'y'.repeat(100_000)}`);
    }
  });

  it.each([
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok',
    'PRINT / HTTP/1.0\r\n\r\n',
    'P',
  ])('takes what comes in single bytes: %j', async (text) => {
    const { port } = await startPort();
    const socket = netConnect(port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    for (const byte of Buffer.from(text)) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
    await closed;
    if (text.startsWith('POST')) expect(answer).toContain('200 OK');
  });
});

describe('closing the client port', () => {
  it('tells clients to go away, serves what runs, then is done', async () => {
    const { port, client, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.call(1, '/t.T/Hold'));
    await eventually(() => held.length === 1);
    const closed = client.close(10_000);
    expect(await peer.goAway()).toMatchObject({ code: errorCode.noError, lastStreamId: 2 ** 31 - 1 });
    const ping = await peer.until(({ type }) => type === frameType.ping);
    peer.send(frame(frameType.ping, 1, 0, ping.payload));
    await peer.until(({ type, payload }) => type === frameType.goAway && payload.readUInt32BE(0) === 1);
    peer.send(peer.headers(3, requestFields('/t.T/Echo')));
    expect(await peer.reset(3)).toBe(errorCode.refusedStream);
    held[0]?.respond(Buffer.from('done'));
    await peer.end(1);
    await peer.untilClosed();
    await closed;
    const late = netConnect(port, '127.0.0.1');
    const refused = await new Promise<Error>((resolve) => late.once('error', resolve));
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends calls that outlast the grace', async () => {
    const { port, client, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.call(1, '/t.T/Hold'));
    await eventually(() => held.length === 1);
    await client.close(20);
    expect(held[0]?.cancelled).toBe(true);
    await peer.untilClosed();
  });

  it('ends idle connections of both kinds at once', async () => {
    const { port, client } = await startPort();
    const peer = await RawPeer.connect(port);
    await peer.sync();
    const silent = netConnect(port, '127.0.0.1');
    const closed = new Promise((resolve) => silent.once('close', resolve));
    silent.resume();
    await eventually(() => client.connectionCount() === 2);
    await client.close(10_000);
    await Promise.all([closed, peer.untilClosed()]);
  });
});

describe('where the client port listens', () => {
  it('may be a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'client-port-'));
    const grpc = new GrpcServer();
    grpc.addUnary('/t.T/Echo', (request, call) => call.respond(Buffer.from(request)));
    const port = createClientPort({ grpc, http1: null });
    const path = join(folder, 'localhost:1');
    await port.listenUnix(path);
    const session = connect('http://localhost', { createConnection: () => netConnect(path) });
    sessions.push(session);
    expect((await send(session, { ':path': '/t.T/Echo' }, framed('x'))).body).toEqual(framed('x'));
    session.close();
    await port.close(1000);
    rmSync(folder, { recursive: true });
  });

  it('is refused if taken', async () => {
    const { port, client } = await startPort();
    await expect(client.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

/** Two ends of a connection in memory: what one writes the other reads, a little later and without a copy. */
function memoryPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (const other of [1, 0]) {
    ends.push(
      new Duplex({
        read: () => {},
        write: (chunk: Buffer, _encoding, done) => {
          setTimeout(() => ends[other]?.push(chunk), 2);
          done();
        },
        final: (done) => {
          setTimeout(() => ends[other]?.push(null), 2);
          done();
        },
      }),
    );
  }
  return [ends[0] as Duplex, ends[1] as Duplex];
}

describe('a connection accepted elsewhere', () => {
  it('may be any duplex, whose bytes stay its own', async () => {
    const { client } = await startPort();
    const [mine, its] = memoryPair();
    client.accept(its);
    const session = connect('http://localhost', { createConnection: () => mine });
    session.on('error', () => {});
    sessions.push(session);
    for (let turn = 0; turn < 5; turn++) {
      const texts = Array.from({ length: 30 }, (_, i) => `${turn} ${i} ${'x'.repeat(i * 40)}`);
      const answers = await Promise.all(texts.map((text) => send(session, { ':path': '/t.T/Echo' }, framed(text))));
      expect(answers.map(({ body }) => body.toString('latin1', 5))).toEqual(texts);
    }
  });

  it('that is gone already is forgotten', async () => {
    const { client } = await startPort();
    const [, its] = memoryPair();
    its.destroy();
    await new Promise((resolve) => its.once('close', resolve));
    client.accept(its);
    expect(client.connectionCount()).toBe(0);
    await client.close(60_000);
  });
});

const curl = spawnSync('curl', ['--version'], { encoding: 'utf8' });
const curlKnowsHttp2 = curl.status === 0 && /\bHTTP2\b/.test(curl.stdout);

describe.skipIf(!curlKnowsHttp2)('curl (skipped without a curl that knows HTTP/2)', () => {
  it('gets 415 for what is not gRPC', async () => {
    const { port } = await startPort();
    const child = spawn('curl', ['-s', '-i', '--http2-prior-knowledge', `http://127.0.0.1:${port}/health`]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(text.replaceAll('\r', '')).toBe(
      'HTTP/2 415 \ncontent-type: application/grpc\ngrpc-status: 3\ngrpc-message: invalid gRPC request content-type ""\n\n',
    );
  });
});

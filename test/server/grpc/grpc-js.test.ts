import { type ChannelOptions, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { eventually, startPort } from '../http2/port.ts';
import { RawPeer } from '../http2/raw-peer.ts';

const clients: Client[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function connect(port: number, options: ChannelOptions = {}): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    ...options,
  });
  clients.push(client);
  return client;
}

const asIs = (bytes: Buffer): Buffer => bytes;

interface Answer {
  readonly error: ServiceError | null;
  readonly value: Buffer | undefined;
}

function call(
  client: Client,
  path: string,
  request: Buffer,
  deadlineMs?: number,
  metadata = new Metadata(),
): Promise<Answer> {
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, request, metadata, options, (error, value) => resolve({ error, value }));
  });
}

describe('unary calls of grpc-js', () => {
  it('are answered, many at a time', async () => {
    const { port } = await startPort();
    const client = connect(port);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => call(client, '/t.T/Echo', Buffer.from(`message ${i}`))),
    );
    expect(answers.map(({ value }) => value?.toString())).toEqual(answers.map((_, i) => `message ${i}`));
  });

  it('of every size come back whole', async () => {
    const { port } = await startPort();
    const client = connect(port);
    for (const size of [0, 1, 4090, 4091, 4092, 16_379, 16_380, 65_530, 1_000_000, 2_097_152]) {
      const request = Buffer.alloc(size, size % 251);
      const { error, value } = await call(client, '/t.T/Echo', request);
      expect(error).toBeNull();
      expect(value?.equals(request)).toBe(true);
    }
  });

  it('too large by a byte fail with the text of gRPC', async () => {
    const { port } = await startPort();
    const { error } = await call(connect(port), '/t.T/Echo', Buffer.alloc(2_097_153));
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'grpc: received message larger than max (2097153 vs. 2097152)',
    });
  });

  it('carry errors with their texts', async () => {
    const { port } = await startPort();
    const client = connect(port);
    expect((await call(client, '/t.T/Fail', Buffer.alloc(0))).error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'etcdserver: mvcc: database space exceeded',
    });
    expect((await call(client, '/t.T/None', Buffer.alloc(0))).error).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'unknown method None for service t.T',
    });
    expect((await call(client, '/no.Service/None', Buffer.alloc(0))).error).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'unknown service no.Service',
    });
  });

  it('give handlers their metadata and deadline', async () => {
    const { port, held } = await startPort();
    const metadata = new Metadata();
    metadata.set('token', 'secret');
    metadata.set('some-bin', Buffer.from([1, 2, 255]));
    const answer = call(connect(port), '/t.T/Hold', Buffer.alloc(0), 60_000, metadata);
    await eventually(() => held.length === 1);
    expect(held[0]?.metadata.get('token')).toBe('secret');
    expect(held[0]?.metadata.getBytes('some-bin')).toEqual(Buffer.from([1, 2, 255]));
    expect(held[0]?.method).toBe('/t.T/Hold');
    expect(held[0]?.deadlineMs).toBeGreaterThan(50_000);
    expect(held[0]?.deadlineMs).toBeLessThanOrEqual(60_000);
    held[0]?.respond(Buffer.from('at last'));
    held[0]?.respond(Buffer.from('too late'));
    held[0]?.fail(rpcErrors.noSpace);
    expect((await answer).value?.toString()).toBe('at last');
  });

  it('are cancelled when the client cancels', async () => {
    const { port, held, grpc } = await startPort();
    const client = connect(port);
    const failed = new Promise<ServiceError | null>((resolve) => {
      const running = client.makeUnaryRequest('/t.T/Hold', asIs, asIs, Buffer.alloc(0), (error) => resolve(error));
      void eventually(() => held.length === 1).then(() => {
        held[0]?.onCancel(() => resolveCancelled());
        running.cancel();
      });
    });
    let resolveCancelled: () => void = () => {};
    const cancelled = new Promise<void>((resolve) => {
      resolveCancelled = resolve;
    });
    expect((await failed)?.code).toBe(status.CANCELLED);
    await cancelled;
    expect(held[0]?.cancelled).toBe(true);
    held[0]?.respond(Buffer.alloc(1));
    expect([...grpc.methods()].find(({ name }) => name === 'Hold')?.counters.handled[status.CANCELLED]).toBe(1);
    expect((await call(client, '/t.T/Echo', Buffer.from('next'))).value?.toString()).toBe('next');
  });

  it('are cancelled when the connection goes', async () => {
    const { port, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.call(1, '/t.T/Hold'));
    await eventually(() => held.length === 1);
    let told = 0;
    held[0]?.onCancel(() => told++);
    held[0]?.onCancel(() => told++);
    peer.destroy();
    await eventually(() => held[0]?.cancelled === true);
    held[0]?.onCancel(() => told++);
    expect(told).toBe(3);
  });

  it('end at their deadline', async () => {
    const { port, held, grpc } = await startPort();
    let cancelled = false;
    const answer = call(connect(port), '/t.T/Hold', Buffer.alloc(0), 60);
    await eventually(() => held.length === 1);
    held[0]?.onCancel(() => {
      cancelled = true;
    });
    expect((await answer).error?.code).toBe(status.DEADLINE_EXCEEDED);
    await eventually(() => cancelled);
    expect(grpc.deadlines.count).toBe(0);
  });

  it('may be compressed', async () => {
    const { port } = await startPort();
    const client = connect(port, { 'grpc.default_compression_algorithm': 2 });
    const { error, value } = await call(client, '/t.T/Length', Buffer.alloc(100_000, 0x61));
    expect(error).toBeNull();
    expect(value?.toString()).toBe('100000');
    const large = await call(client, '/t.T/Length', Buffer.alloc(3_000_000, 0x61));
    expect(large.error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'grpc: received message after decompression larger than max 2097152',
    });
  });
});

describe('streams of grpc-js', () => {
  it('carry messages both ways until the client is done', async () => {
    const { port } = await startPort();
    const stream = connect(port).makeBidiStreamRequest('/t.T/EchoStream', asIs, asIs);
    const received: string[] = [];
    stream.on('data', (message: Buffer) => received.push(message.toString()));
    const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve));
    for (let i = 0; i < 500; i++) stream.write(Buffer.from(`${i}`));
    stream.end();
    expect((await ended).code).toBe(status.OK);
    expect(received).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  it('hold back a handler that writes faster than the client reads', async () => {
    const { port, streams } = await startPort();
    const stream = connect(port).makeServerStreamRequest('/t.T/Stream', asIs, asIs, Buffer.alloc(0));
    await eventually(() => streams.length === 1);
    const server = streams[0];
    const message = Buffer.alloc(100_000, 1);
    let written = 0;
    const total = 300;
    const fill = (): void => {
      while (written < total) {
        written++;
        if (server?.write(message) === false) return;
      }
      server?.end();
    };
    server?.onDrain(fill);
    fill();
    expect(written).toBeLessThan(30);
    expect(server?.queuedBytes).toBeLessThan(2 << 20);
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const ended = await new Promise<{ code: number }>((resolve) => stream.on('status', resolve));
    expect(ended.code).toBe(status.OK);
    expect(bytes).toBe(total * message.length);
  });

  it('fail with a status, before and after messages', async () => {
    const { port, streams } = await startPort();
    const client = connect(port);
    for (const messages of [0, 2]) {
      const stream = client.makeServerStreamRequest('/t.T/Stream', asIs, asIs, Buffer.alloc(0));
      let count = 0;
      stream.on('data', () => count++);
      const failed = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
      await eventually(() => streams.length === 1);
      for (let i = 0; i < messages; i++) streams[0]?.write(Buffer.from('x'));
      streams[0]?.fail(rpcErrors.compacted);
      expect((await failed).details).toBe('etcdserver: mvcc: required revision has been compacted');
      expect(count).toBe(messages);
      streams.length = 0;
    }
  });

  it('end without a message', async () => {
    const { port, streams } = await startPort();
    const stream = connect(port).makeServerStreamRequest('/t.T/Stream', asIs, asIs, Buffer.alloc(0));
    stream.on('data', () => {});
    const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve));
    await eventually(() => streams.length === 1);
    streams[0]?.end();
    expect((await ended).code).toBe(status.OK);
  });

  it('are cancelled when the client cancels', async () => {
    const { port, streams } = await startPort();
    const stream = connect(port).makeBidiStreamRequest('/t.T/Stream', asIs, asIs);
    stream.on('error', () => {});
    stream.write(Buffer.from('x'));
    await eventually(() => streams.length === 1);
    let cancelled = false;
    streams[0]?.onCancel(() => {
      cancelled = true;
    });
    stream.cancel();
    await eventually(() => cancelled);
    expect(streams[0]?.write(Buffer.from('ignored'))).toBe(true);
  });
});

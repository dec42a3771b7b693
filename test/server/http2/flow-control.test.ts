import { describe, expect, it } from 'vitest';
import { heldBytesMax } from '../../../src/server/grpc/call.ts';
import { errorCode, frameFlag, frameType, settingId } from '../../../src/server/http2/frame.ts';
import { eventually, startPort } from './port.ts';
import { dataFrame, frame, RawPeer, requestFields, settings, word } from './raw-peer.ts';

const { initialWindowSize } = settingId;

describe('what is sent', () => {
  it('stops at the window of the stream and goes on with each update', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([initialWindowSize, 10]), peer.call(1, '/t.T/Bytes', Buffer.from('20')));
    await peer.sync();
    expect(peer.data(1)).toHaveLength(10);
    peer.send(frame(frameType.windowUpdate, 0, 1, word(4)));
    await peer.sync();
    expect(peer.data(1)).toHaveLength(14);
    peer.send(frame(frameType.windowUpdate, 0, 1, word(100)));
    expect((await peer.end(1)).fields).toEqual(['grpc-status', '0']);
    expect(peer.data(1)).toHaveLength(25);
  });

  it('respects a window that a setting makes negative', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([initialWindowSize, 20]), peer.call(1, '/t.T/Bytes', Buffer.from('45')));
    await peer.sync();
    expect(peer.data(1)).toHaveLength(20);
    // 20 sent of 5 allowed: 15 owed.
    peer.send(settings([initialWindowSize, 5]), frame(frameType.windowUpdate, 0, 1, word(15)));
    await peer.sync();
    expect(peer.data(1)).toHaveLength(20);
    peer.send(frame(frameType.windowUpdate, 0, 1, word(1)));
    await peer.sync();
    expect(peer.data(1)).toHaveLength(21);
    peer.send(settings([initialWindowSize, 1000]));
    await peer.end(1);
    expect(peer.data(1)).toHaveLength(50);
  });

  it('stops at the window of the connection, and streams then share it', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    const wanted = Buffer.from('50000');
    peer.send(
      peer.call(1, '/t.T/Bytes', wanted),
      peer.call(3, '/t.T/Bytes', wanted),
      peer.call(5, '/t.T/Bytes', Buffer.from('0')),
    );
    await peer.sync();
    const sent = (): number => peer.data(1).length + peer.data(3).length + peer.data(5).length;
    expect(sent()).toBe(65_535);
    expect(Math.abs(peer.data(1).length - peer.data(3).length)).toBeLessThanOrEqual(2 * 16_384);
    peer.send(frame(frameType.windowUpdate, 0, 0, word(1)));
    await peer.sync();
    expect(sent()).toBe(65_536);
    peer.send(frame(frameType.windowUpdate, 0, 0, word(1 << 20)));
    await Promise.all([1, 3, 5].map((id) => peer.end(id)));
    expect(sent()).toBe(50_005 * 2 + 5);
  });

  it('comes in frames of at most 16384 bytes', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([initialWindowSize, 1 << 20]), frame(frameType.windowUpdate, 0, 0, word(1 << 20)));
    peer.send(peer.call(1, '/t.T/Bytes', Buffer.from('100000')));
    await peer.end(1);
    const lengths = peer.frames.filter(({ type }) => type === frameType.data).map(({ payload }) => payload.length);
    expect(Math.max(...lengths)).toBe(16_384);
    expect(peer.data(1)).toHaveLength(100_005);
  });

  it('is dropped with the stream, and what it took of the connection goes to others', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(
      settings([initialWindowSize, 0]),
      peer.call(1, '/t.T/Bytes', Buffer.from('1000000')),
      peer.call(3, '/t.T/Bytes', Buffer.from('100')),
    );
    peer.send(frame(frameType.rstStream, 0, 1, word(errorCode.cancel)), frame(frameType.windowUpdate, 0, 3, word(200)));
    await peer.end(3);
    expect(peer.data(1)).toHaveLength(0);
    expect(peer.data(3)).toHaveLength(105);
  });
});

describe('what is received', () => {
  it('is given back once half a window is consumed', async () => {
    const { port, streams } = await startPort({ streamWindow: 1 << 16, connectionWindow: 1 << 17 });
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Stream')));
    const message = dataFrame(1, Buffer.alloc(8187), 0);
    peer.send(...new Array<Buffer>(8).fill(message));
    await peer.sync();
    const updates = (id: number): number[] =>
      peer.frames
        .filter(({ type, streamId }) => type === frameType.windowUpdate && streamId === id)
        .map(({ payload }) => payload.readUInt32BE(0));
    expect(updates(1)).toEqual([32_768, 32_768]);
    expect(updates(0)).toEqual([(1 << 17) - 65_535, 65_536]);
    expect(streams).toHaveLength(1);
  });

  it('is not given back while a handler pauses, and is when it goes on', async () => {
    const { port, streams } = await startPort({ streamWindow: 1 << 16 });
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Stream')));
    await eventually(() => streams.length === 1);
    const stream = streams[0];
    const lengths: number[] = [];
    let ended = false;
    stream?.onMessage((message) => {
      lengths.push(message.length);
      if (lengths.length % 2 === 1) stream.pause();
    });
    stream?.onHalfClose(() => {
      ended = true;
    });
    const message = dataFrame(1, Buffer.alloc(4000), 0).subarray(9);
    const three = Buffer.concat([message, message, message]);
    peer.send(frame(frameType.data, 0, 1, three), frame(frameType.data, frameFlag.endStream, 1, three));
    await peer.sync();
    expect(lengths).toHaveLength(1);
    stream?.resume();
    expect(lengths).toHaveLength(3);
    stream?.resume();
    expect(lengths).toHaveLength(5);
    expect(ended).toBe(false);
    stream?.resume();
    expect(lengths).toEqual(new Array(6).fill(4000));
    expect(ended).toBe(true);
    stream?.end();
    expect((await peer.end(1)).fields).toContain('grpc-status');
  });

  it('stays in order when a handler pauses and resumes in one go', async () => {
    const { port, streams } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Stream')));
    await eventually(() => streams.length === 1);
    const stream = streams[0];
    const order: number[] = [];
    stream?.onMessage((message) => {
      order.push(message[0] as number);
      stream.pause();
      if (order.length !== 2) stream.resume();
    });
    const message = (value: number): Buffer => dataFrame(1, Buffer.from([value]), 0).subarray(9);
    peer.send(
      frame(frameType.data, 0, 1, Buffer.concat([1, 2, 3].map(message))),
      frame(frameType.data, 0, 1, message(4)),
    );
    await peer.sync();
    expect(order).toEqual([1, 2]);
    stream?.resume();
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('fails its call when all calls together hold too much, and is then let go', async () => {
    const { port, grpc, streams } = await startPort();
    const peer = await RawPeer.connect(port);
    const half = dataFrame(1, Buffer.alloc(8000)).subarray(9, 4000);
    peer.send(peer.headers(1, requestFields('/t.T/Echo')), frame(frameType.data, 0, 1, half));
    peer.send(peer.headers(3, requestFields('/t.T/Stream')));
    await peer.sync();
    expect(grpc.heldBytes).toBeGreaterThan(3900);
    streams[0]?.pause();
    peer.send(frame(frameType.data, 0, 3, half));
    await peer.sync();
    grpc.heldBytes += heldBytesMax - 20_000;
    const fields = await Promise.all(
      [5, 7, 9].map(async (id) => {
        peer.send(peer.headers(id, requestFields('/t.T/Echo')), frame(frameType.data, 0, id, half));
        await peer.sync();
        return peer.frames.find(({ type, streamId }) => type === frameType.headers && streamId === id)?.fields ?? [];
      }),
    );
    expect(fields.filter((list) => list.includes('8')).length).toBeGreaterThan(0);
    grpc.heldBytes -= heldBytesMax - 20_000;
    peer.destroy();
    await eventually(() => grpc.heldBytes === 0);
  });

  it('counts for the connection even where nobody takes it', async () => {
    const { port } = await startPort({ connectionWindow: 1 << 17, streamWindow: 1 << 20 });
    const peer = await RawPeer.connect(port);
    // The refused stream is reset; its data still flows in.
    peer.send(peer.headers(1, requestFields('/no.Such/Method')));
    for (let i = 0; i < 30; i++) peer.send(frame(frameType.data, 0, 1, Buffer.alloc(16_000)));
    peer.send(peer.call(3, '/t.T/Echo', Buffer.from('x')));
    await peer.end(3);
    expect(await peer.reset(1)).toBe(errorCode.noError);
  });
});

describe('a slow reader', () => {
  it('gets a large response without more memory than the response itself', async () => {
    const { port, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(
      settings([initialWindowSize, 2 ** 31 - 1]),
      frame(frameType.windowUpdate, 0, 0, word(2 ** 30)),
      peer.call(1, '/t.T/Hold'),
    );
    await eventually(() => held.length === 1);
    peer.socket.pause();
    const size = 100 << 20;
    const message = Buffer.alloc(size, 7);
    const before = process.memoryUsage();
    held[0]?.respond(message);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(16 << 20);
    let received = 0;
    let wrong = 0;
    peer.socket.removeAllListeners('data');
    peer.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (chunk.length > 100 && chunk[50] !== 7 && chunk[80] !== 7) wrong++;
    });
    peer.socket.resume();
    await eventually(() => received >= size + 5);
    expect(wrong).toBe(0);
  });

  it('is not read from while its answers pile up in the socket', async () => {
    const { port, grpc } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([initialWindowSize, 2 ** 31 - 1]), frame(frameType.windowUpdate, 0, 0, word(2 ** 30)));
    await peer.sync();
    peer.socket.pause();
    const wanted = Buffer.from('1000000');
    for (let i = 0; i < 20_000; i++) peer.send(peer.call(2 * i + 1, '/t.T/Bytes', wanted));
    const handled = (): number => [...grpc.methods()].find(({ name }) => name === 'Bytes')?.counters.started ?? 0;
    let last = -1;
    while (handled() !== last || last === 0) {
      last = handled();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // The kernel's buffers take some MB, then one chunk of requests is answered: by far not all.
    expect(last).toBeLessThan(5000);
    peer.destroy();
  });

  it('whose windows are shut has new requests wait, not pile up answers', async () => {
    const { port, grpc } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([initialWindowSize, 0]));
    const wanted = Buffer.from('16000000');
    for (let i = 0; i < 40; i++) peer.send(peer.call(2 * i + 1, '/t.T/Bytes', wanted));
    await peer.sync();
    expect(grpc.sentBytes).toBe(5 * 16_000_000);
    // As the first answers are given up, the next requests are taken up, in order.
    for (let i = 0; i < 5; i++) peer.send(frame(frameType.rstStream, 0, 2 * i + 1, word(errorCode.cancel)));
    await peer.sync();
    await peer.sync();
    expect(grpc.sentBytes).toBeGreaterThanOrEqual(9 * 16_000_000);
    expect(grpc.sentBytes).toBeLessThanOrEqual(30 * 16_000_000);
    peer.destroy();
  });
});

import { describe, expect, it } from 'vitest';
import { errorCode, frameFlag, frameType, settingId } from '../../../src/server/http2/frame.ts';
import { eventually, startPort } from './port.ts';
import { dataFrame, frame, RawPeer, requestFields, settings, word } from './raw-peer.ts';

const { enhanceYourCalm } = errorCode;
const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8));

describe('a flood is answered with ENHANCE_YOUR_CALM', () => {
  it.each<[string, number, (peer: RawPeer) => readonly Buffer[]]>([
    ['of SETTINGS', 5000, () => [settings()]],
    ['of acknowledged SETTINGS', 5000, () => [frame(frameType.settings, frameFlag.ack, 0)]],
    ['of empty DATA', 5000, () => [frame(frameType.data, 0, 1)]],
    ['of padding', 5000, () => [frame(frameType.data, frameFlag.padded, 1, Buffer.from([1, 0]))]],
    ['of PRIORITY', 5000, () => [frame(frameType.priority, 0, 1, Buffer.alloc(5))]],
    ['of unknown frames', 5000, () => [frame(0xaa, 0, 0)]],
    ['of PING acknowledgements', 5000, () => [frame(frameType.ping, frameFlag.ack, 0, Buffer.alloc(8))]],
    ['of DATA on a stream that is done', 5000, () => [frame(frameType.data, 0, 3, Buffer.alloc(1))]],
  ])('%s', async (_name, count, frames) => {
    const { port, failures } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Hold')), peer.call(3, '/t.T/Echo'));
    for (let i = 0; i < count; i++) peer.send(...frames(peer));
    expect((await peer.goAway()).code).toBe(enhanceYourCalm);
    peer.socket.end();
    await peer.untilClosed();
    await eventually(() => failures.length === 1);
  });

  it('of streams that are reset at once', async () => {
    const { port, held } = await startPort();
    const peer = await RawPeer.connect(port);
    for (let i = 0; i < 24_000; i++) {
      peer.send(peer.headers(2 * i + 1, requestFields('/t.T/Hold')), frame(frameType.rstStream, 0, 2 * i + 1, word(8)));
    }
    expect((await peer.goAway()).code).toBe(enhanceYourCalm);
    expect(held).toHaveLength(0);
  });

  it('of malformed requests', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    for (let i = 0; i < 5000; i++) peer.send(peer.headers(2 * i + 1, ['x', 'y']));
    expect((await peer.goAway()).code).toBe(enhanceYourCalm);
  });

  it('of CONTINUATION without end, empty or not', async () => {
    for (const payload of [Buffer.alloc(0), Buffer.alloc(16_000, 0x82)]) {
      const { port } = await startPort();
      const peer = await RawPeer.connect(port);
      peer.send(frame(frameType.headers, 0, 1, Buffer.from([0x82])));
      for (let i = 0; i < 100; i++) peer.send(frame(frameType.continuation, 0, 1, payload));
      expect((await peer.goAway()).code).toBe(enhanceYourCalm);
    }
  });

  it('of pings, as gRPC words it', async () => {
    const { port } = await startPort({ pings: { minTimeMs: 5000, permitWithoutStream: false } });
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Hold')));
    for (let i = 0; i < 4; i++) peer.send(ping);
    expect(await peer.goAway()).toMatchObject({ code: enhanceYourCalm, text: 'too_many_pings' });
  });

  it('but not pings that measure how fast one large message, queued long before, arrives', async () => {
    const { port } = await startPort({ pings: { minTimeMs: 5000, permitWithoutStream: false } });
    const peer = await RawPeer.connect(port);
    peer.send(settings([settingId.initialWindowSize, 10]), peer.call(1, '/t.T/Bytes', Buffer.from('2000')));
    for (let i = 0; i < 19; i++) {
      await peer.sync();
      peer.send(frame(frameType.windowUpdate, 0, 1, word(100)));
    }
    await peer.sync();
    expect(peer.data(1)).toHaveLength(1910);
  });
});

describe('a large header list', () => {
  it('costs its stream only, and the table stays in step', async () => {
    const { port } = await startPort({ headerListBytesMax: 10_000 });
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Echo', { x: 'y'.repeat(12_000) })));
    expect(await peer.reset(1)).toBe(errorCode.frameSizeError);
    peer.send(peer.call(3, '/t.T/Echo'));
    await peer.end(3);
  });

  it('of just the limit is served', async () => {
    const limit = 10_000;
    const { port } = await startPort({ headerListBytesMax: limit });
    const peer = await RawPeer.connect(port);
    const base = requestFields('/t.T/Echo', { x: '' });
    const used = base.reduce((sum, text) => sum + text.length, 0) + 16 * base.length;
    for (const [id, extra] of [
      [1, 0],
      [3, 1],
    ] as const) {
      peer.send(
        peer.headers(id, requestFields('/t.T/Echo', { x: 'y'.repeat(limit - used + extra) })),
        dataFrame(id, Buffer.alloc(0)),
      );
    }
    await peer.end(1);
    expect(await peer.reset(3)).toBe(errorCode.frameSizeError);
  });
});

describe('many streams', () => {
  it('are refused above the limit, which the peer is told', async () => {
    const { port, held } = await startPort({ maxConcurrentStreams: 2 });
    const peer = await RawPeer.connect(port);
    const told = await peer.until(({ type, flags }) => type === frameType.settings && flags === 0);
    expect(told.payload.toString('hex')).toContain('000300000002');
    peer.send(...[1, 3, 5].map((id) => peer.call(id, '/t.T/Hold')));
    expect(await peer.reset(5)).toBe(errorCode.refusedStream);
    held[0]?.respond(Buffer.alloc(0));
    await peer.end(1);
    peer.send(peer.call(7, '/t.T/Echo'));
    await peer.end(7);
  });

  it('one after the other leave nothing behind', async () => {
    const { port, grpc } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([settingId.initialWindowSize, 2 ** 31 - 1]), frame(frameType.windowUpdate, 0, 0, word(2 ** 30)));
    const counters = [...grpc.methods()].find(({ name }) => name === 'Echo')?.counters;
    const total = 20_000;
    const block = 1000;
    for (let from = 0; from < total; from += block) {
      peer.frames.length = 0;
      const calls: Buffer[] = [];
      for (let i = from; i < from + block; i++) calls.push(peer.call(2 * i + 1, '/t.T/Echo'));
      peer.send(...calls);
      await peer.end(2 * (from + block) - 1);
    }
    expect(counters?.handled[0]).toBe(total);
  });

  it('20 000 at a time are held and answered', async () => {
    const { port, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(settings([settingId.initialWindowSize, 2 ** 31 - 1]), frame(frameType.windowUpdate, 0, 0, word(2 ** 30)));
    const total = 20_000;
    const before = process.memoryUsage().heapUsed;
    for (let from = 0; from < total; from += 1000) {
      const calls: Buffer[] = [];
      for (let i = from; i < from + 1000; i++) calls.push(peer.call(2 * i + 1, '/t.T/Hold'));
      peer.send(...calls);
    }
    await eventually(() => held.length === total);
    expect((process.memoryUsage().heapUsed - before) / total).toBeLessThan(2000);
    for (const call of held) call.respond(Buffer.from('x'));
    await peer.end(2 * total - 1);
    expect(peer.frames.filter(({ type }) => type === frameType.data)).toHaveLength(total);
  });
});

describe('the keepalive of the server', () => {
  it('gives up a peer that answers no ping', async () => {
    const { port, client } = await startPort({ keepaliveMs: 50, keepaliveTimeoutMs: 50 });
    const peer = await RawPeer.connect(port);
    await peer.until(({ type, flags }) => type === frameType.ping && flags === 0);
    await peer.untilClosed();
    await eventually(() => client.connectionCount() === 0);
  });

  it('keeps a peer that does', async () => {
    const { port } = await startPort({ keepaliveMs: 20, keepaliveTimeoutMs: 100 });
    const peer = await RawPeer.connect(port);
    for (let i = 0; i < 3; i++) {
      const { payload } = await peer.until(({ type, flags }) => type === frameType.ping && flags === 0);
      peer.frames.length = 0;
      peer.send(frame(frameType.ping, frameFlag.ack, 0, payload));
    }
    await peer.sync();
  });
});

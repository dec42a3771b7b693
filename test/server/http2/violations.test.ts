import { describe, expect, it } from 'vitest';
import { errorCode, frameFlag, frameType, settingId } from '../../../src/server/http2/frame.ts';
import { eventually, startPort } from './port.ts';
import { dataFrame, frame, RawPeer, requestFields, settings, word } from './raw-peer.ts';

const { endHeaders, endStream, padded } = frameFlag;
const call = '/t.T/Hold';

/** Stream 1 is open and half closed by the client, 3 open; 5 was never used. */
async function connectWithStreams(): Promise<RawPeer> {
  const { port } = await startPort();
  const peer = await RawPeer.connect(port);
  peer.send(peer.call(1, call), peer.headers(3, requestFields(call)));
  return peer;
}

describe('a violation of the protocol ends the connection with GOAWAY', () => {
  const { protocolError, frameSizeError, flowControlError, compressionError, streamClosed } = errorCode;
  it.each<[string, number, (peer: RawPeer) => Buffer]>([
    ['DATA on stream 0', protocolError, () => frame(frameType.data, 0, 0, Buffer.alloc(1))],
    ['DATA on an idle stream', protocolError, () => frame(frameType.data, 0, 5, Buffer.alloc(1))],
    [
      'DATA whose padding is longer than it',
      protocolError,
      () => frame(frameType.data, padded, 3, Buffer.from([5, 0])),
    ],
    ['HEADERS on stream 0', protocolError, (peer) => peer.headers(0, requestFields(call))],
    ['HEADERS on an even stream', protocolError, (peer) => peer.headers(6, requestFields(call))],
    [
      'HEADERS whose padding is longer than they',
      protocolError,
      () => frame(frameType.headers, padded | endHeaders, 5, Buffer.from([9, 0x82])),
    ],
    [
      'HEADERS that are not HPACK',
      compressionError,
      () => frame(frameType.headers, endHeaders, 5, Buffer.from([0x80])),
    ],
    ['PUSH_PROMISE', protocolError, () => frame(frameType.pushPromise, endHeaders, 1, Buffer.alloc(4))],
    [
      'CONTINUATION out of place',
      protocolError,
      () => frame(frameType.continuation, endHeaders, 1, Buffer.from([0x82])),
    ],
    [
      'a frame inside a header block',
      protocolError,
      () =>
        Buffer.concat([
          frame(frameType.headers, 0, 5, Buffer.from([0x82])),
          frame(frameType.ping, 0, 0, Buffer.alloc(8)),
        ]),
    ],
    [
      'CONTINUATION of another stream',
      protocolError,
      () =>
        Buffer.concat([
          frame(frameType.headers, 0, 5, Buffer.from([0x82])),
          frame(frameType.continuation, endHeaders, 7),
        ]),
    ],
    ['PRIORITY on stream 0', protocolError, () => frame(frameType.priority, 0, 0, Buffer.alloc(5))],
    ['RST_STREAM on stream 0', protocolError, () => frame(frameType.rstStream, 0, 0, word(8))],
    ['RST_STREAM on an idle stream', protocolError, () => frame(frameType.rstStream, 0, 5, word(8))],
    ['RST_STREAM of 3 bytes', frameSizeError, () => frame(frameType.rstStream, 0, 3, Buffer.alloc(3))],
    ['SETTINGS on a stream', protocolError, () => frame(frameType.settings, 0, 1)],
    ['SETTINGS of 5 bytes', frameSizeError, () => frame(frameType.settings, 0, 0, Buffer.alloc(5))],
    [
      'SETTINGS acknowledged with a payload',
      frameSizeError,
      () => frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(6)),
    ],
    ['ENABLE_PUSH of 2', protocolError, () => settings([settingId.enablePush, 2])],
    ['INITIAL_WINDOW_SIZE of 2^31', flowControlError, () => settings([settingId.initialWindowSize, 2 ** 31])],
    ['MAX_FRAME_SIZE of 16383', protocolError, () => settings([settingId.maxFrameSize, 16_383])],
    ['MAX_FRAME_SIZE of 2^24', protocolError, () => settings([settingId.maxFrameSize, 2 ** 24])],
    ['PING on a stream', protocolError, () => frame(frameType.ping, 0, 1, Buffer.alloc(8))],
    ['PING of 7 bytes', frameSizeError, () => frame(frameType.ping, 0, 0, Buffer.alloc(7))],
    ['GOAWAY on a stream', protocolError, () => frame(frameType.goAway, 0, 1, Buffer.alloc(8))],
    ['GOAWAY of 7 bytes', frameSizeError, () => frame(frameType.goAway, 0, 0, Buffer.alloc(7))],
    ['WINDOW_UPDATE of 3 bytes', frameSizeError, () => frame(frameType.windowUpdate, 0, 0, Buffer.alloc(3))],
    ['WINDOW_UPDATE of 0', protocolError, () => frame(frameType.windowUpdate, 0, 0, word(0))],
    ['WINDOW_UPDATE on an idle stream', protocolError, () => frame(frameType.windowUpdate, 0, 5, word(1))],
    [
      'a connection window above 2^31-1',
      flowControlError,
      () => frame(frameType.windowUpdate, 0, 0, word(2 ** 31 - 1)),
    ],
    ['a frame longer than 16384 bytes', frameSizeError, () => frame(frameType.data, 0, 3, Buffer.alloc(16_385))],
  ])('%s', async (_name, code, bytes) => {
    const peer = await connectWithStreams();
    peer.send(bytes(peer));
    expect((await peer.goAway()).code).toBe(code);
    peer.socket.end();
    await peer.untilClosed();
  });

  it('HEADERS on a stream that is done', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.call(1, '/t.T/Echo'));
    await peer.end(1);
    peer.send(peer.headers(1, requestFields(call)));
    expect((await peer.goAway()).code).toBe(streamClosed);
  });

  it.each([
    ['a wrong preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    [
      'a first frame that is not SETTINGS',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameType.ping, 0, 0, Buffer.alloc(8))]),
    ],
  ])('%s', async (_name, first) => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port, first);
    expect((await peer.goAway()).code).toBe(protocolError);
  });

  it('and is reported', async () => {
    const { port, failures } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(frame(frameType.data, 0, 0));
    await peer.goAway();
    peer.socket.end();
    await peer.untilClosed();
    await eventually(() => failures.length === 1);
    expect(failures[0]?.code).toBe(protocolError);
  });
});

describe('a violation on a stream ends only that stream', () => {
  const { protocolError, flowControlError, streamClosed, frameSizeError } = errorCode;
  it.each<[string, number, number, (peer: RawPeer) => Buffer]>([
    ['DATA after its end', 1, streamClosed, () => dataFrame(1, Buffer.alloc(0))],
    ['WINDOW_UPDATE of 0', 3, protocolError, () => frame(frameType.windowUpdate, 0, 3, word(0))],
    ['a window above 2^31-1', 3, flowControlError, () => frame(frameType.windowUpdate, 0, 3, word(2 ** 31 - 1))],
    ['PRIORITY of 4 bytes', 3, frameSizeError, () => frame(frameType.priority, 0, 3, Buffer.alloc(4))],
    ['trailers without the end of the stream', 3, protocolError, (peer) => peer.headers(3, ['x', 'y'])],
    ['trailers with a pseudo-header', 3, protocolError, (peer) => peer.headers(3, [':path', 'y'], endStream)],
    ['a capital in a field name', 5, protocolError, (peer) => peer.headers(5, [...requestFields(call), 'Xy', 'z'])],
    ['an empty path', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { ':path': '' }))],
    ['no method', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { ':method': null }))],
    ['no scheme', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { ':scheme': null }))],
    ['two paths', 5, protocolError, (peer) => peer.headers(5, [':path', '/x', ...requestFields(call)])],
    [
      'an unknown pseudo-header',
      5,
      protocolError,
      (peer) => peer.headers(5, [':status', '200', ...requestFields(call)]),
    ],
    ['a pseudo-header after fields', 5, protocolError, (peer) => peer.headers(5, ['x', 'y', ...requestFields(call)])],
    ['a connection field', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { connection: 'close' }))],
    ['TE of something else', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { te: 'gzip' }))],
    ['a line break in a value', 5, protocolError, (peer) => peer.headers(5, requestFields(call, { x: 'a\nb' }))],
    [
      'more data than content-length',
      5,
      protocolError,
      (peer) =>
        Buffer.concat([peer.headers(5, requestFields(call, { 'content-length': '4' })), dataFrame(5, Buffer.alloc(0))]),
    ],
    [
      'less data than content-length',
      5,
      protocolError,
      (peer) =>
        Buffer.concat([peer.headers(5, requestFields(call, { 'content-length': '6' })), dataFrame(5, Buffer.alloc(0))]),
    ],
  ])('%s', async (_name, streamId, code, bytes) => {
    const peer = await connectWithStreams();
    peer.send(bytes(peer));
    expect(await peer.reset(streamId)).toBe(code);
    peer.send(peer.call(99, '/t.T/Echo', Buffer.from('still here')));
    await peer.end(99);
    expect(peer.data(99).toString('latin1', 5)).toBe('still here');
  });

  it('DATA beyond the window of the stream', async () => {
    const { port, streams } = await startPort({ streamWindow: 100_000 });
    const peer = await RawPeer.connect(port);
    peer.send(peer.headers(1, requestFields('/t.T/Stream')));
    await peer.sync();
    streams[0]?.pause();
    const block = frame(frameType.data, 0, 1, Buffer.alloc(10_000));
    peer.send(...new Array<Buffer>(10).fill(block));
    await peer.sync();
    expect(peer.frames.some(({ type }) => type === frameType.rstStream)).toBe(false);
    peer.send(frame(frameType.data, 0, 1, Buffer.alloc(1)));
    expect(await peer.reset(1)).toBe(flowControlError);
    expect(streams[0]?.cancelled).toBe(true);
    await peer.sync();
  });
});

describe('what the protocol allows', () => {
  it.each<[string, (peer: RawPeer) => Buffer]>([
    ['unknown frames', () => frame(0xfe, 0xff, 77, Buffer.from('anything'))],
    ['unknown settings', () => settings([0x99, 7])],
    ['unknown flags', () => frame(frameType.ping, 0xfe, 0, Buffer.alloc(8))],
    ['PRIORITY on an idle stream', () => frame(frameType.priority, 0, 55, Buffer.alloc(5))],
    ['RST_STREAM on a stream that is done', () => frame(frameType.rstStream, 0, 1, word(8))],
    ['WINDOW_UPDATE on a stream that is done', () => frame(frameType.windowUpdate, 0, 1, word(8))],
    ['GOAWAY', () => frame(frameType.goAway, 0, 0, Buffer.alloc(8))],
    [
      'HEADERS in many CONTINUATION frames',
      (peer) => {
        const whole = peer.headers(3, requestFields('/t.T/Echo')).subarray(9);
        const parts = Array.from({ length: whole.length }, (_, i) => whole.subarray(i, i + 1));
        return Buffer.concat([
          ...parts.map((part, i) =>
            frame(
              i === 0 ? frameType.headers : frameType.continuation,
              i === whole.length - 1 ? endHeaders : 0,
              3,
              part,
            ),
          ),
          dataFrame(3, Buffer.alloc(0)),
        ]);
      },
    ],
    [
      'padding everywhere, and a priority',
      (peer) => {
        const block = peer.headers(3, requestFields('/t.T/Echo')).subarray(9);
        return Buffer.concat([
          frame(
            frameType.headers,
            padded | frameFlag.priority | endHeaders,
            3,
            Buffer.concat([Buffer.from([3]), Buffer.alloc(5), block, Buffer.alloc(3)]),
          ),
          frame(frameType.data, padded, 3, Buffer.from([2, 0, 0, 0, 0, 0])),
          frame(frameType.data, padded | endStream, 3, Buffer.from([1, 1, 0x78, 0])),
        ]);
      },
    ],
    [
      'request trailers',
      (peer) =>
        Buffer.concat([
          peer.headers(3, requestFields('/t.T/Echo')),
          dataFrame(3, Buffer.alloc(0), 0),
          peer.headers(3, ['x', 'y'], endStream),
        ]),
    ],
  ])('%s', async (_name, bytes) => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(peer.call(1, '/t.T/Echo'));
    await peer.end(1);
    peer.send(bytes(peer), peer.call(99, '/t.T/Echo', Buffer.from('fine')));
    await peer.end(99);
    expect(peer.data(99).toString('latin1', 5)).toBe('fine');
    expect(peer.frames.some(({ type }) => type === frameType.goAway)).toBe(false);
  });

  it('answers a padded and split request', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    const bytes = Buffer.concat([
      peer.headers(1, requestFields('/t.T/Echo')),
      frame(frameType.data, padded, 1, Buffer.from([1, 0, 0, 0, 9])),
      frame(frameType.data, 0, 1, Buffer.from([0, 3, 0x61])),
      frame(frameType.data, endStream, 1, Buffer.from('bc')),
    ]);
    for (const byte of bytes) peer.send(Buffer.from([byte]));
    await peer.end(1);
    expect(peer.data(1).toString('latin1')).toBe('\0\0\0\0\x03abc');
  });

  it('acknowledges SETTINGS and PING', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    await peer.until(({ type, flags }) => type === frameType.settings && (flags & frameFlag.ack) !== 0);
    await peer.sync();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConnectionError,
  errorCode,
  FrameDecoder,
  frameHeaderBytes,
  writeFrameHeader,
} from '../../../src/server/http2/frame.ts';

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

function collector(): { readonly seen: Seen[]; readonly decoder: FrameDecoder } {
  const seen: Seen[] = [];
  const decoder = new FrameDecoder(
    {
      frame: (type, flags, streamId, bytes, start, end) =>
        seen.push({ type, flags, streamId, payload: bytes.toString('hex', start, end) }),
    },
    64,
  );
  return { seen, decoder };
}

function encode(frame: Seen): Buffer {
  const payload = Buffer.from(frame.payload, 'hex');
  const header = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(header, 0, payload.length, frame.type, frame.flags, frame.streamId);
  return Buffer.concat([header, payload]);
}

const frames = fc.array(
  fc.record({
    type: fc.nat({ max: 255 }),
    flags: fc.nat({ max: 255 }),
    streamId: fc.nat({ max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
  { maxLength: 12 },
);

describe('the frame decoder', () => {
  it('finds the same frames however the stream is cut into chunks', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 800 }), { maxLength: 30 }), (list, cuts) => {
        const { seen, decoder } = collector();
        const stream = Buffer.concat(list.map(encode));
        let from = 0;
        for (const cut of [...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length]) {
          decoder.push(stream.subarray(from, cut));
          from = cut;
        }
        expect(seen).toEqual(list);
      }),
    );
  });

  it('finds all frames in single bytes', () => {
    const { seen, decoder } = collector();
    const list: Seen[] = [
      { type: 0, flags: 1, streamId: 1, payload: '' },
      { type: 4, flags: 0, streamId: 2 ** 31 - 1, payload: 'ab'.repeat(64) },
    ];
    for (const byte of Buffer.concat(list.map(encode))) decoder.push(Buffer.from([byte]));
    expect(seen).toEqual(list);
  });

  it.each([64, 65])('judges a frame of %i bytes against a limit of 64', (length) => {
    const bytes = encode({ type: 0, flags: 0, streamId: 1, payload: '00'.repeat(length) });
    for (const cut of [bytes.length, 4]) {
      const { decoder } = collector();
      const push = (): void => {
        decoder.push(bytes.subarray(0, cut));
        decoder.push(bytes.subarray(cut));
      };
      if (length <= 64) push();
      else expect(push).toThrow(expect.objectContaining({ code: errorCode.frameSizeError }));
    }
  });

  it('ignores the reserved bit of a stream identifier', () => {
    const { seen, decoder } = collector();
    const bytes = encode({ type: 6, flags: 0, streamId: 5, payload: '' });
    bytes[5] = 0x80;
    decoder.push(bytes);
    expect(seen[0]?.streamId).toBe(5);
  });

  it('names its error', () => {
    expect(new ConnectionError(errorCode.protocolError, 'x')).toMatchObject({ name: 'ConnectionError', message: 'x' });
  });
});

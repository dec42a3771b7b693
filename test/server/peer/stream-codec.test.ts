import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Entry, entryType, type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { ChunkBuffer, referencedBytesMin } from '../../../src/server/peer/chunk-buffer.ts';
import { frameBytesMax } from '../../../src/server/peer/limits.ts';
import {
  detached,
  newStreamDecoder,
  newStreamEncoder,
  StreamError,
  type StreamType,
} from '../../../src/server/peer/stream-codec.ts';

const recorded = JSON.parse(
  readFileSync(new URL('../../testdata/peer/streams-3.6.5.json', import.meta.url), 'utf8'),
) as { localId: string; remoteId: string } & Record<StreamType, string[]>;
const localId = BigInt(`0x${recorded.localId}`);
const remoteId = BigInt(`0x${recorded.remoteId}`);

const linkHeartbeats: Readonly<Record<StreamType, string>> = {
  message: '000000000000001408081000180020002800300040005000580068' + '00',
  msgapp: '00',
};

/** Decodes `bytes` in pieces of the given lengths, repeated. */
function decode(type: StreamType, bytes: Buffer, lengths: readonly number[] = [bytes.length]): Message[] {
  const messages: Message[] = [];
  const decoder = newStreamDecoder(type, localId, remoteId);
  for (let pos = 0, i = 0; pos < bytes.length; i++) {
    const end = Math.min(bytes.length, pos + (lengths[i % lengths.length] ?? 1));
    decoder.push(Buffer.from(bytes.subarray(pos, end)), (message) => messages.push(message));
    pos = end;
  }
  return messages;
}

/** The body of an HTTP chunk whose framing is checked. */
function bodyOf(chunk: ChunkBuffer): Buffer {
  const bytes = Buffer.concat(chunk.take());
  const length = Number.parseInt(bytes.subarray(0, 8).toString('latin1'), 16);
  expect(bytes.subarray(8, 10).toString('latin1')).toBe('\r\n');
  expect(bytes.subarray(-2).toString('latin1')).toBe('\r\n');
  expect(length).toBe(bytes.length - 12);
  return bytes.subarray(10, -2);
}

function encode(type: StreamType, messages: readonly Message[]): Buffer {
  const encoder = newStreamEncoder(type);
  return Buffer.concat(
    messages.map((message) => {
      const chunk = new ChunkBuffer();
      encoder.encode(message, chunk);
      return bodyOf(chunk);
    }),
  );
}

describe.each(['message', 'msgapp'] as const)('the %s stream', (type) => {
  const frames = recorded[type];
  const bytes = Buffer.from(frames.join(''), 'hex');

  it('of a real leader is decoded and encoded again byte for byte', () => {
    const messages = decode(type, bytes);
    const withoutHeartbeats = frames.filter((frame) => frame !== linkHeartbeats[type]);
    expect(withoutHeartbeats.length).toBeLessThan(frames.length);
    expect(messages.length).toBe(withoutHeartbeats.length);
    expect(encode(type, messages).toString('hex')).toBe(withoutHeartbeats.join(''));
    expect(new Set(messages.map((message) => message.to))).toEqual(new Set([localId]));
    expect(new Set(messages.map((message) => message.from))).toEqual(new Set([remoteId]));
  });

  it('is decoded alike however the network cuts it', () => {
    const whole = decode(type, bytes);
    for (const lengths of [[1], [7], [3, 1_000], [64, 1, 9]]) expect(decode(type, bytes, lengths)).toEqual(whole);
  });

  it('has a real member’s link heartbeats', () => {
    const chunk = new ChunkBuffer();
    newStreamEncoder(type).encodeHeartbeat(chunk);
    expect(bodyOf(chunk).toString('hex')).toBe(linkHeartbeats[type]);
  });

  it('refuses a frame above the limit and takes no memory for it', () => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(frameBytesMax) + 1n);
    const frame = type === 'message' ? length : Buffer.concat([Buffer.from([2]), length]);
    expect(() => decode(type, frame)).toThrow(StreamError);
    length.writeBigUInt64BE(2n ** 63n);
    expect(() => decode(type, type === 'message' ? length : Buffer.concat([Buffer.from([2]), length]))).toThrow(
      StreamError,
    );
  });
});

const index = fc.integer({ min: 0, max: 6 });
const entryData: fc.Arbitrary<Uint8Array | null> = fc.oneof(
  { weight: 8, arbitrary: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: referencedBytesMin - 1, max: referencedBytesMin + 1 }).map((n) => new Uint8Array(n)),
  },
);

/** Appends as Raft makes them: entries follow `index` without a gap; terms change now and then. */
const append: fc.Arbitrary<Message> = fc
  .record({
    term: fc.integer({ min: 1, max: 3 }),
    sameTerm: fc.boolean(),
    index,
    commit: fc.nat(2 ** 33),
    datas: fc.array(entryData, { maxLength: 3 }),
  })
  .map(({ term, sameTerm, index: at, commit, datas }) =>
    newMessage(messageType.app, remoteId, localId, {
      term,
      logTerm: sameTerm ? term : Math.max(0, term - 1),
      index: at,
      commit,
      entries: datas.map((data, i): Entry => ({ type: entryType.normal, term, index: at + i + 1, data })),
    }),
  );

function plain(message: Message): unknown {
  const bytes = (data: Uint8Array | null): string | null => (data === null ? null : Buffer.from(data).toString('hex'));
  return {
    ...message,
    context: bytes(message.context),
    entries: message.entries.map((e) => ({ ...e, data: bytes(e.data) })),
  };
}

describe('appends', () => {
  it('of any kind and order survive msgappv2', () => {
    fc.assert(
      fc.property(
        fc.array(append, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1 }),
        (messages, lengths) => {
          const decoded = decode('msgapp', encode('msgapp', messages), lengths);
          expect(decoded.map(plain)).toEqual(messages.map(plain));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('use the short frame exactly when index and both terms continue the stream', () => {
    fc.assert(
      fc.property(fc.array(append, { maxLength: 12 }), (messages) => {
        const encoder = newStreamEncoder('msgapp');
        let state = { term: 0, index: 0 };
        for (const message of messages) {
          const chunk = new ChunkBuffer();
          encoder.encode(message, chunk);
          const short =
            state.index === message.index && state.term === message.logTerm && message.logTerm === message.term;
          expect(bodyOf(chunk)[0]).toBe(short ? 1 : 2);
          state = short
            ? { term: state.term, index: state.index + message.entries.length }
            : { term: message.term, index: message.entries.at(-1)?.index ?? message.index };
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gathered in one loop turn make one chunk, large data by reference', () => {
    const chunk = new ChunkBuffer();
    const encoder = newStreamEncoder('msgapp');
    const large = new Uint8Array(referencedBytesMin).fill(7);
    const messages = [0, 1, 2].map((at) =>
      newMessage(messageType.app, remoteId, localId, {
        term: 1,
        logTerm: 1,
        index: at,
        entries: [{ type: entryType.normal, term: 1, index: at + 1, data: large }],
      }),
    );
    for (const message of messages) encoder.encode(message, chunk);
    expect(chunk.isEmpty()).toBe(false);
    const parts = chunk.take();
    expect(parts.filter((part) => part === large).length).toBe(2); // the first frame is a whole message
    expect(chunk.isEmpty()).toBe(true);
    const bytes = Buffer.concat(parts).subarray(10, -2);
    expect(decode('msgapp', bytes, [5_000]).map(plain)).toEqual(messages.map(plain));
  });

  it('of an unknown frame type end the stream', () => {
    expect(() => decode('msgapp', Buffer.from([9]))).toThrow('failed to parse type 9 in msgappv2 stream');
  });
});

describe('a decoded message', () => {
  it('does not pin the network buffer that it came in', () => {
    const network = Buffer.from(new ArrayBuffer(64 * 1024));
    const data = network.subarray(100, 110).fill(3);
    const context = network.subarray(200, 208).fill(4);
    const entry: Entry = { type: entryType.normal, term: 1, index: 1, data };
    const message = newMessage(messageType.prop, 1n, 2n, { entries: [entry, { ...entry, data: null }], context });
    const free = detached(message);
    expect(plain(free)).toEqual(plain(message));
    network.fill(0);
    expect(free.entries[0]?.data?.[0]).toBe(3);
    expect(free.context?.[0]).toBe(4);
    const small = newMessage(messageType.heartbeat, 1n, 2n);
    expect(detached(small)).toBe(small);
  });
});

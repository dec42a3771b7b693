import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamType } from '../../../src/chaos/fabric/raft-frames.ts';
import { frameBytesMax, RaftFrames } from '../../../src/chaos/fabric/raft-frames.ts';
import { StreamResponse } from '../../../src/chaos/fabric/stream-response.ts';
import { type Entry, entryType, type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { ChunkBuffer } from '../../../src/server/peer/chunk-buffer.ts';
import { newStreamDecoder, newStreamEncoder } from '../../../src/server/peer/stream-codec.ts';
import { cutAt, type Places, places } from './chunkings.ts';

// Ids of real members need all 64 bits.
const [from, to] = [0x93cb94d2fe3d6eddn, 0xfa000aaa1863cbc6n];

const entry = fc.record({ data: fc.option(fc.uint8Array({ maxLength: 200 })), term: fc.constantFrom(1, 2, 300) });

/** Appends of which some continue the one before, and some do not. */
const appends = fc
  .array(fc.record({ entries: fc.array(entry, { maxLength: 4 }), jump: fc.nat(3), term: fc.constantFrom(1, 2, 300) }), {
    maxLength: 30,
  })
  .map((list) => {
    let index = 0;
    let logTerm = 0;
    return list.map(({ entries, jump, term }, at): Message => {
      if (jump === 1) index += 1_000;
      const first = index;
      const message = newMessage(messageType.app, from, to, {
        term,
        logTerm,
        index,
        commit: at * 100,
        entries: entries.map(({ data }): Entry => ({ type: entryType.normal, term, index: ++index, data })),
      });
      if (jump !== 2) logTerm = term;
      else index = first;
      return message;
    });
  });

const others = fc.array(
  fc.record({
    type: fc.constantFrom(messageType.heartbeat, messageType.appResp, messageType.vote, messageType.readIndex),
    term: fc.nat(2 ** 40),
    context: fc.option(fc.uint8Array({ maxLength: 40 })),
  }),
  { maxLength: 30 },
);
const plainMessages = others.map((list) =>
  list.map(({ type, term, context }) => newMessage(type, from, to, { term, context })),
);

const streams: fc.Arbitrary<{ readonly type: StreamType; readonly messages: readonly Message[] }> = fc.oneof(
  appends.map((messages) => ({ type: 'msgapp' as const, messages })),
  plainMessages.map((messages) => ({ type: 'message' as const, messages })),
);

/** What a member sends: a heartbeat of the link, then each message and a heartbeat. */
function encoded(type: StreamType, messages: readonly Message[]): Buffer {
  const encoder = newStreamEncoder(type);
  const out = new ChunkBuffer();
  encoder.encodeHeartbeat(out);
  for (const message of messages) {
    encoder.encode(message, out);
    encoder.encodeHeartbeat(out);
  }
  const chunk = Buffer.concat(out.take());
  return chunk.subarray(10, chunk.length - 2);
}

/** What a member makes of it. */
function decoded(type: StreamType, bytes: Buffer): Message[] {
  const messages: Message[] = [];
  newStreamDecoder(type, to, from).push(bytes, (message) => messages.push(message));
  return messages;
}

/** A decision for each message in turn. */
function losing(losses: readonly boolean[]) {
  let at = 0;
  return () => losses[at++ % losses.length] ?? false;
}

function survivors(messages: readonly Message[], losses: readonly boolean[]): Message[] {
  const lose = losing(losses);
  return messages.filter(() => !lose());
}

const lossPattern = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}

/** Equal for equal messages, whatever memory their bytes are in. */
function plain(messages: readonly Message[]) {
  return messages.map((message) => ({
    ...message,
    context: hex(message.context),
    entries: message.entries.map((one) => ({ ...one, data: hex(one.data) })),
  }));
}

describe('frames of a raft stream', () => {
  it('pass byte for byte over any chunking when nothing is lost', () => {
    fc.assert(
      fc.property(streams, places, ({ type, messages }, cuts) => {
        const whole = encoded(type, messages);
        const frames = new RaftFrames(type);
        const framed = cutAt(whole, cuts).map((chunk) => frames.push(chunk, () => false));
        expect(Buffer.concat(framed.flatMap((one) => one.bytes)).equals(whole)).toBe(true);
        expect(framed.reduce((sum, one) => sum + one.passed, 0)).toBe(2 * messages.length + 1);
        expect(frames.end().length).toBe(0);
      }),
    );
  });

  it('lose whole messages, and the receiver reads the others as they were sent', () => {
    fc.assert(
      fc.property(streams, places, lossPattern, ({ type, messages }, cuts, losses) => {
        const frames = new RaftFrames(type);
        const lose = losing(losses);
        const framed = cutAt(encoded(type, messages), cuts).map((chunk) => frames.push(chunk, lose));
        const kept = survivors(messages, losses);
        expect(framed.some((one) => one.broken)).toBe(false);
        expect(framed.reduce((sum, one) => sum + one.lost, 0)).toBe(messages.length - kept.length);
        expect(plain(decoded(type, Buffer.concat(framed.flatMap((one) => one.bytes))))).toEqual(plain(kept));
      }),
      { numRuns: 300 },
    );
  });

  it('ask for a reset when an append cannot be told from what was lost', () => {
    const frames = new RaftFrames('msgapp');
    const unreadable = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
    expect(frames.push(unreadable, () => false).broken).toBe(false);
    expect(frames.push(unreadable, () => true).broken).toBe(true);
  });

  it.each(['message', 'msgapp'] as const)('of %s are understood up to the largest', (type) => {
    const frame = (length: number) => {
      const at = type === 'message' ? 0 : 1;
      const bytes = Buffer.alloc(length);
      if (at === 1) bytes[0] = 2;
      bytes.writeBigUInt64BE(BigInt(length - at - 8), at);
      return bytes;
    };
    const largest = new RaftFrames(type);
    const [first, second] = cutAt(frame(frameBytesMax), [0.5]);
    expect(largest.push(first ?? Buffer.alloc(0), () => false).bytes).toEqual([]);
    const last = largest.push(second ?? Buffer.alloc(0), () => false);
    expect(last).toMatchObject({ passed: 1, broken: false });
    expect(last.bytes[0]?.length).toBe(frameBytesMax);

    const tooLarge = new RaftFrames(type);
    const start = frame(frameBytesMax + 1).subarray(0, 100);
    expect(tooLarge.push(start, () => true)).toEqual({ bytes: [start], passed: 1, lost: 0, broken: false });
    expect(tooLarge.push(start, () => true).lost).toBe(0);
  });
});

describe('the response to a stream request', () => {
  const head = Buffer.from('HTTP/1.1 200 OK\r\nX-Server-Version: 3.6.5\r\nTransfer-Encoding: chunked\r\n\r\n');

  function chunks(bytes: Buffer, ends: Places): Buffer[] {
    return cutAt(bytes, ends)
      .filter((part) => part.length > 0)
      .flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  }

  /** The payload of chunks. */
  function payload(bytes: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const lineEnd = bytes.indexOf('\r\n', at);
      const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
      parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length));
      expect(bytes.toString('latin1', lineEnd + 2 + length, lineEnd + 4 + length)).toBe('\r\n');
      at = lineEnd + 4 + length;
    }
    return Buffer.concat(parts);
  }

  it('keeps its head and its messages over any chunking of either kind', () => {
    fc.assert(
      fc.property(streams, places, places, lossPattern, ({ type, messages }, inner, outer, losses) => {
        const whole = Buffer.concat([head, ...chunks(encoded(type, messages), inner)]);
        const response = new StreamResponse(type);
        const lose = losing(losses);
        const out = Buffer.concat(cutAt(whole, outer).flatMap((chunk) => response.push(chunk, lose).bytes));
        expect(out.subarray(0, head.length).equals(head)).toBe(true);
        expect(plain(decoded(type, payload(out.subarray(head.length))))).toEqual(plain(survivors(messages, losses)));
        expect(response.end().length).toBe(0);
      }),
    );
  });

  it('ends as it was ended, with what was kept back before', () => {
    const response = new StreamResponse('message');
    const half = Buffer.from([0, 0, 0, 0, 0, 0, 0, 9, 1]);
    const ended = Buffer.concat([head, ...chunks(half, []), Buffer.from('0\r\n\r\n')]);
    expect(Buffer.concat(response.push(ended, () => true).bytes).equals(ended)).toBe(true);

    const torn = new StreamResponse('message');
    torn.push(Buffer.concat([head, ...chunks(half, [])]), () => true);
    expect(torn.end().toString('latin1')).toBe(`9\r\n${half.toString('latin1')}\r\n`);
  });

  it.each([
    'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n',
    'SSH-2.0-OpenSSH_9.2p1\r\n\r\n',
  ])('passes unchanged if it is none: %j', (text) => {
    fc.assert(
      fc.property(places, (cuts) => {
        const response = new StreamResponse('msgapp');
        const out = cutAt(Buffer.from(text), cuts).flatMap((chunk) => response.push(chunk, () => true).bytes);
        expect(Buffer.concat([...out, response.end()]).toString()).toBe(text);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headBytesMax, RequestSniffer } from '../../../src/chaos/fabric/request-sniffer.ts';
import { cutAt, places } from './chunkings.ts';

interface Request {
  readonly bytes: Buffer;
  readonly says: string;
}

function request(line: string, says: string, headers = '', body: Buffer | string = ''): Request {
  const head = `${line} HTTP/1.1\r\nHost: 192.0.2.1:2380\r\nUser-Agent: Go-http-client/1.1\r\n${headers}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head), Buffer.from(body)]), says };
}

const anyBody = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** A body that looks like requests must not be taken for any. */
const body = fc.oneof(anyBody, fc.constant(Buffer.from('GET /raft/stream/message/1 HTTP/1.1\r\n\r\n')));

function chunked(parts: readonly Buffer[]): Buffer {
  const chunks = parts
    .filter((part) => part.length > 0)
    .map((part) => Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}

const requests: fc.Arbitrary<Request> = fc.oneof(
  fc.constant(request('GET /raft/probing', 'other')),
  fc.constant(request('GET /version', 'other', 'Accept-Encoding: gzip\r\n')),
  fc.constant(request('GET /raft/stream/message/93cb94d2fe3d6edd', 'stream message', 'X-Raft-To: 1\r\n')),
  fc.constant(request('GET /raft/stream/msgapp/93cb94d2fe3d6edd', 'stream msgapp')),
  fc.constant(request('GET /raft/stream/other/1', 'stream null')),
  body.map((bytes) => request('POST /raft', 'post', `Content-Length: ${bytes.length}\r\n`, bytes)),
  body.map((bytes) => request('POST /members/promote/7', 'other', `content-length:${bytes.length}\r\n`, bytes)),
  fc
    .array(body, { maxLength: 4 })
    .map((parts) => request('POST /raft/snapshot', 'post', 'Transfer-Encoding: chunked\r\n', chunked(parts))),
);

/** What a sniffer says of these chunks, and what it passes on. */
function sniff(chunks: readonly Buffer[]) {
  const sniffer = new RequestSniffer();
  const pieces = chunks.flatMap((chunk) => sniffer.push(chunk));
  const kept = sniffer.end();
  const says = pieces.flatMap(({ request }) => {
    if (request === null) return [];
    return request.kind === 'stream' ? [`stream ${request.stream}`] : [request.kind];
  });
  return { says, bytes: Buffer.concat([...pieces.map((piece) => piece.bytes), kept]), kept };
}

describe('the request sniffer', () => {
  it('knows every request of a connection over any chunking, and passes all bytes on', () => {
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 6 }), places, (list, cuts) => {
        const whole = Buffer.concat(list.map((one) => one.bytes));
        const { says, bytes, kept } = sniff(cutAt(whole, cuts));
        expect(says).toEqual(list.map((one) => one.says));
        expect(bytes.equals(whole)).toBe(true);
        expect(kept.length).toBe(0);
      }),
    );
  });

  it('takes anything else for opaque, from there on, and passes all bytes on', () => {
    const foreign = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from([0x16, 3, 1, ...bytes])),
      fc.constant(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')),
      fc.constant(Buffer.from('get / HTTP/1.1\r\n\r\n')),
      fc.constant(Buffer.from('POST /raft HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n')),
      fc.constant(Buffer.from('POST /raft HTTP/1.1\r\nContent-Length: many\r\n\r\n')),
      fc.constant(Buffer.from('POST /raft HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')),
    );
    fc.assert(
      fc.property(fc.array(requests, { maxLength: 3 }), foreign, requests, places, (before, odd, after, cuts) => {
        const whole = Buffer.concat([...before.map((one) => one.bytes), odd, after.bytes]);
        const { says, bytes } = sniff(cutAt(whole, cuts));
        expect(says.slice(0, before.length)).toEqual(before.map((one) => one.says));
        expect(says.at(-1)).toBe('opaque');
        expect(bytes.equals(whole)).toBe(true);
      }),
    );
  });

  it('holds back no more than the longest head', () => {
    const head = (length: number) => {
      const start = 'GET /version HTTP/1.1\r\nX: ';
      return Buffer.from(`${start}${'x'.repeat(length - start.length - 4)}\r\n\r\n`);
    };
    expect(sniff([head(headBytesMax)]).says).toEqual(['other']);
    expect(sniff([head(headBytesMax + 1)]).says).toEqual(['opaque']);
    const endless = sniff(cutAt(Buffer.from(`GET /${'x'.repeat(headBytesMax)}`), [0.25, 0.5, 0.75, 0.999]));
    expect(endless.says).toEqual(['opaque']);
    expect(endless.kept.length).toBe(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { humanBytes } from '../../../src/base/human-bytes.ts';
import { ByteQueue } from '../../../src/server/peer/byte-queue.ts';
import { messageTypeName } from '../../../src/server/peer/peer.ts';
import { probeAnswer } from '../../../src/server/peer/prober.ts';
import { UrlPicker } from '../../../src/server/peer/url-picker.ts';
import { servesStreams, versionConflict } from '../../../src/server/peer/versions.ts';

describe('ByteQueue', () => {
  it('gives back what was pushed, cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), fc.array(fc.nat(12)), (chunks, takes) => {
        const queue = new ByteQueue();
        const pushed = Buffer.concat(chunks);
        for (const chunk of chunks) queue.push(Buffer.from(chunk));
        const taken = takes.map((count) => Buffer.from(queue.take(Math.min(count, queue.length))));
        taken.push(Buffer.from(queue.take(queue.length)));
        expect(Buffer.concat(taken).equals(pushed)).toBe(true);
        expect(queue.length).toBe(0);
      }),
    );
  });

  it('copies a long frame once, however many chunks bring it', () => {
    const queue = new ByteQueue();
    const pieces = 50_000;
    for (let i = 0; i < pieces; i++) queue.push(Buffer.from([i & 0xff]));
    expect(queue.take(pieces - 1)[1_000]).toBe(1_000 & 0xff);
    expect(queue.take(1)[0]).toBe((pieces - 1) & 0xff);
  });
});

describe('versions', () => {
  const local = { serverVersion: '3.6.5', minClusterVersion: '3.0.0' };

  it.each([
    ['3.4.23', '3.0.0', null],
    ['3.9.0-alpha.1', '3.0.0', null],
    ['2.9.9', '2.0.0', 'remote version is too low: remote[x]=2.9.9, local=3.6.5'],
    ['3.7.1', '3.7.0', 'local version is too low: remote[x]=3.7.1, local=3.6.5'],
  ])('%s with minimum %s: %s', (serverVersion, minClusterVersion, conflict) => {
    expect(versionConflict(local, { serverVersion, minClusterVersion }, 'x')).toBe(conflict);
  });

  it('before 2.1 served no streams', () => {
    expect(servesStreams('2.0.0', '3.6.5')).toBe(false);
    expect(servesStreams('2.1.0', '3.6.5')).toBe(true);
    expect(servesStreams('9.0.0', '3.6.5')).toBe(true);
    expect(servesStreams('?', '3.6.5')).toBe(false);
  });
});

describe('texts', () => {
  it('are those of Go', () => {
    expect(probeAnswer(Date.UTC(2026, 10, 22, 6, 49, 22, 750))).toBe('{"OK":true,"Now":"2026-11-22T06:49:22.75Z"}\n');
    expect(probeAnswer(Date.UTC(2026, 10, 22, 6, 49, 20))).toBe('{"OK":true,"Now":"2026-11-22T06:49:20Z"}\n');
    expect([0, 9, 10, 999, 1_000, 24_576, 86_900_000].map(humanBytes)).toEqual([
      '0 B',
      '9 B',
      '10 B',
      '999 B',
      '1.0 kB',
      '25 kB',
      '87 MB',
    ]);
    expect(messageTypeName(4)).toBe('MsgAppResp');
  });
});

describe('UrlPicker', () => {
  it('moves on from a URL that failed, and only from the one in use', () => {
    const picker = new UrlPicker(['a', 'b']);
    picker.unreachable('b');
    expect(picker.pick()).toBe('a');
    picker.unreachable('a');
    expect(picker.pick()).toBe('b');
    picker.unreachable('b');
    expect(picker.pick()).toBe('a');
    expect(() => new UrlPicker([])).toThrow('a peer has a URL');
  });
});
